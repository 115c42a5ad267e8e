import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { BackboneName } from '../core/backbone-facts.ts';
import { backboneFacts, backboneNames } from '../core/backbone-facts.ts';
import { inputError } from '../core/errors.ts';
import { settings } from '../infra/config.ts';
import { fetchWeights } from '../infra/native/weights-fetch.ts';
import { computeCodes, cutOf, pixelTensorShards, writeCodes } from './lib/codes.ts';
import { expandPaths } from './lib/pictures.ts';
import { refuseBad } from './predict.ts';
import { renderShards, withPictures } from './lib/scoring.ts';
import type { BadPicture, Picture, Shard } from './lib/scoring.ts';
import { outputOf, withCommonOptions } from './output.ts';
import type { Output } from './output.ts';
import { positive } from './lib/positive.ts';

interface CodesOptions {
  readonly backbone: BackboneName;
  readonly weights: string;
  readonly cut?: string;
  readonly size?: number;
  readonly maps?: boolean;
  readonly out: string;
  readonly skipBad?: boolean;
}

const HELP = `
The codes of a cut are the means of its feature map: float32 codes [pictures, channels]; with --maps, before the end
of the network, the map itself: [pictures, height, width, channels]. The file also names the pictures, in order, in its metadata (paths, JSON).
PATH may be one .safetensors with a tensor images [pictures, height, width, 1 or 3]: uint8, or float32 of whole 0–255.

Examples:
  graft codes --backbone efficientnet-lite0 ./photos --out codes.safetensors
  graft codes --backbone resnet50 --weights resnet50.h5 --cut blocks.12 ./photos --out codes.safetensors
  graft codes --backbone vgg16 --weights random --size 96 a.jpg b.jpg --out codes.safetensors --json`;

/** `graft codes --backbone B PATH… --out F`. */
export function codesCommand(): Command {
  const command = withCommonOptions(
    new Command('codes')
      .description('Compute CNN codes: what a pretrained network makes of pictures, for use elsewhere.')
      .argument('<paths...>', 'image files and folders of them, or one .safetensors of pixels')
      .addOption(new Option('--backbone <name>', 'the network').choices(backboneNames).makeOptionMandatory())
      .option('--weights <weights>', 'imagenet, random, or a file of weights', 'imagenet')
      .option('--cut <name>', 'where the network is cut: a cut point, as docs/which-network.md lists them')
      .option('--size <pixels>', 'height and width; the network’s own where left out', positive)
      .option('--maps', 'whole feature maps instead of their means')
      .requiredOption('--out <file>', 'where the codes go: a .safetensors file')
      .option('--skip-bad', 'go on without files that are no pictures')
      .addHelpText('after', HELP),
  );
  return command.action((paths: string[], options: CodesOptions) => codes(paths, options, outputOf(command)));
}

async function codes(paths: string[], options: CodesOptions, output: Output): Promise<void> {
  const { backbone, out } = options;
  if (!out.endsWith('.safetensors')) {
    throw inputError('OUTPUT_FORMAT', out, 'another kind of file', 'a .safetensors file', 'change --out');
  }
  const cut = cutOf(backbone, options.cut ?? null);
  if (options.maps === true && cut.blocks === backboneFacts[backbone].blocks) {
    throw inputError('CUT_UNKNOWN', '--maps', `the end of ${backbone}`, 'an earlier cut', 'name one with --cut');
  }
  const weights = await fetchWeights(backbone, options.weights, settings());
  const facts = backboneFacts[backbone];
  const sizePx = options.size ?? facts.defaultSizePx;
  if (sizePx < facts.minSizePx) {
    throw inputError('SIZE_TOO_SMALL', '--size', `${sizePx}`, `at least ${facts.minSizePx} pixels for ${backbone}`);
  }
  const document = await withPictures(async (scoring) => {
    const shards = await pixels(paths, sizePx, options, scoring, output);
    const model = { backbone, cut, weightsPath: weights?.path ?? null };
    const found = await computeCodes(scoring, model, shards, output);
    return writeCodes(out, found, { ...model, weightsSha256: weights?.sha256 ?? null, maps: options.maps === true });
  });
  output.say(`${document.shape.join(' × ')} codes of ${cut.name} in ${out}`);
  output.result({ ...document });
}

async function pixels(
  paths: readonly string[],
  sizePx: number,
  { backbone, skipBad }: CodesOptions,
  scoring: Parameters<Parameters<typeof withPictures>[0]>[0],
  output: Output,
): Promise<Shard[]> {
  const [only] = paths;
  if (paths.length === 1 && only?.endsWith('.safetensors')) {
    return pixelTensorShards(only, join(scoring.dir, 'images.safetensors'), backboneFacts[backbone].minSizePx);
  }
  const pictures = (await expandPaths(paths)).map((path): Picture => ({ name: path, path, label: null }));
  const image = { heightPx: sizePx, widthPx: sizePx, channels: 3, resize: 'stretch' } as const;
  const bad: BadPicture[] = [];
  const shards: Shard[] = [];
  for await (const shard of renderShards(scoring, { model: { image } }, pictures, (found) => bad.push(found))) {
    shards.push(shard);
  }
  refuseBad(bad, pictures.length, skipBad === true, output);
  return shards;
}
