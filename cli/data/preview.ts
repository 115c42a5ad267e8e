import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import sharp from 'sharp';
import { augmented } from '../../core/augment/show.ts';
import type { AugmentSettings } from '../../core/augment/settings.ts';
import type { Box } from '../../core/dataset/annotations.ts';
import { framedBoxes } from '../../core/dataset/framed-boxes.ts';
import type { BoxedPicture } from '../../core/dataset/framed-boxes.ts';
import { boxInFrame, placementOf } from '../../core/dataset/framing.ts';
import type { Framing } from '../../core/dataset/framing.ts';
import { augmentObjects } from '../../core/detection/augment.ts';
import { boxCount, sidesAt } from '../../core/detection/boxes.ts';
import { learnable, rowObjects } from '../../core/detection/row-objects.ts';
import type { Objects } from '../../core/detection/targets.ts';
import { stream } from '../../core/rng.ts';
import type { RenderSpec } from '../../infra/ports/image-decoder.ts';
import { unwrap } from '../../core/result.ts';
import { loadPipelineFile } from '../../infra/pipeline-file/load.ts';
import { readItems, withDataSource } from '../lib/data-source.ts';
import type { DataBench, ReadItem } from '../lib/data-source.ts';
import { contactSheet } from '../lib/contact-sheet.ts';
import type { Tile } from '../lib/contact-sheet.ts';
import { sourceOptions, targetOf } from '../lib/local-data.ts';
import type { DataTarget } from '../lib/local-data.ts';
import { plural } from '../lib/units.ts';
import { outputOf, withCommonOptions } from '../output.ts';

const HELP = `
Pictures as the network gets them, with their boxes, and beside each some draws of graft.yaml's augmentations, boxes moved with
them (what mixes pictures of a batch, mixup and cutmix, is not drawn: the dashboard's Data page shows it of a training).

Examples:
  graft data preview graft.yaml
  graft data preview ./pets --count 40 --out sheet.html`;

interface PreviewOptions {
  readonly out: string;
  readonly count: number;
  readonly draws: number;
}

/** `graft data preview PATH`. */
export function previewCommand(): Command {
  const command = withCommonOptions(
    new Command('preview')
      .description('Write a contact sheet: pictures as they will be, boxes and augmentations with them.')
      .argument('<source>', 'a data set, a graft.yaml, or NAME@VERSION')
      .option('--out <file>', 'the sheet, one HTML file', 'preview.html')
      .option('--count <count>', 'so many pictures', positive, 24)
      .option('--draws <count>', 'so many augmented draws of each', positive, 3)
      .addHelpText('after', HELP),
  );
  return command.action(async (source: string, options: PreviewOptions) => {
    const output = outputOf(command);
    const target = await targetOf(source);
    const augment = await augmentOf(source);
    const tiles = await withDataSource(
      target.dataset.source,
      target.dataset.format,
      sourceOptions(target),
      async (bench) => {
        const chosen = await choose(bench, options.count);
        const found: Tile[] = [];
        for await (const item of readItems(chosen, target.dataset.outsideBoxes, () => undefined)) {
          found.push(await tileOf(bench, item, target, augment, { row: found.length, draws: options.draws }));
        }
        return found;
      },
    );
    await writeFile(options.out, contactSheet(target.name, tiles));
    output.say(`${plural(tiles.length, 'picture')} in ${options.out}`);
    output.result({
      file: options.out,
      images: tiles.length,
      boxes: tiles.reduce((sum, { boxes }) => sum + boxes.length, 0),
    });
  });
}

/** The augmentations of a pipeline file; none where there is only a data set. */
async function augmentOf(source: string): Promise<{ settings: AugmentSettings; seed: number } | null> {
  if (!/\.ya?ml$/i.test(source)) return null;
  const { config } = unwrap(await loadPipelineFile(source, { set: [] }));
  return { settings: config.augment, seed: config.train.seed };
}

/** So many of the listing, drawn with the same chance each (reservoir sampling, Vitter 1985), the same every time. */
async function choose(bench: DataBench, count: number): Promise<DataBench> {
  const draws = stream(1, 'preview');
  const kept: { place: number; entry: Parameters<DataBench['source']['fetch']>[0] }[] = [];
  let place = 0;
  for await (const entry of bench.source.list()) {
    const at = place < count ? place : Math.floor(draws.uniform(0, place) * (place + 1));
    if (at < count) kept[at] = { place, entry };
    place++;
  }
  kept.sort((a, b) => a.place - b.place);
  const list = async function* () {
    await Promise.resolve();
    for (const { entry } of kept) yield entry;
  };
  return { ...bench, source: { ...bench.source, list } };
}

async function tileOf(
  { decoder }: DataBench,
  { entry, path, picture, annotations }: ReadItem,
  { frame }: DataTarget,
  augment: Awaited<ReturnType<typeof augmentOf>>,
  { row, draws }: { row: number; draws: number },
): Promise<Tile> {
  // Three channels whatever the network gets: a sheet is for people.
  const spec: RenderSpec = { ...frame, channels: 3 };
  const pixels = new Uint8Array(spec.heightPx * spec.widthPx * 3);
  const [rendered] = await decoder.render([path], spec, pixels);
  if (rendered) unwrap(rendered);
  const placement = placementOf(frame, picture.width, picture.height);
  const boxes = (annotations.boxes ?? []).map((box) => boxInFrame(box, placement));
  const objects = annotations.boxes && framedObjects({ ...picture, boxes: annotations.boxes }, frame);
  const versions =
    augment === null
      ? []
      : Array.from({ length: draws }, (_, epoch) => {
          const address = { seed: augment.seed, epoch, index: row };
          if (!objects) return { pixels: augmented(pixels, spec, augment.settings, address), boxes: [] };
          const moved = augmentObjects(objects.learnt, augment.settings, address, frame);
          const drawn = augmented(pixels, spec, augment.settings, address, moved.transform);
          return { pixels: drawn, boxes: boxesOf(moved.objects, objects.labels, frame) };
        });
  return {
    path: entry.path,
    label: entry.label,
    ...{ width: spec.widthPx, height: spec.heightPx, boxes },
    picture: await pngUrl(pixels, spec),
    draws: await Promise.all(
      versions.map(async ({ pixels: drawn, boxes: moved }) => ({ picture: await pngUrl(drawn, spec), boxes: moved })),
    ),
  };
}

/** What a detector would learn of a picture, as its prepared shard has it. */
function framedObjects(picture: BoxedPicture, frame: Framing): { learnt: Objects; labels: string[] } {
  const labels = [...new Set(picture.boxes.map(({ label }) => label))];
  const [all] = rowObjects(framedBoxes([picture], new Map(labels.map((label, index) => [label, index])), frame));
  return { learnt: all ? learnable(all) : { boxes: new Float64Array(), labels: [] }, labels };
}

function boxesOf({ boxes, labels }: Objects, names: readonly string[], { heightPx, widthPx }: Framing): Box[] {
  return Array.from({ length: boxCount(boxes) }, (_, index) => {
    const [top, left, bottom, right] = sidesAt(boxes, index);
    const sides = { xMin: left * widthPx, yMin: top * heightPx, xMax: right * widthPx, yMax: bottom * heightPx };
    return { label: names[labels[index] ?? -1] ?? '', ...sides };
  });
}

async function pngUrl(pixels: Uint8Array, { widthPx, heightPx }: RenderSpec): Promise<string> {
  const png = await sharp(pixels, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .png()
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= 1000) return value;
  throw new InvalidArgumentError('a whole number from 1 to 1,000 is needed.');
}
