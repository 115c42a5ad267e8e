import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AugmentConfig } from '../../contracts/pipeline-config.ts';
import type { FeaturesJob, StagedShard } from '../../contracts/ml-protocol.ts';
import { blockCosts } from '../../core/backbone-costs.ts';
import type { BackboneName } from '../../core/backbone-facts.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import { decodeSafetensors, encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32, float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { inputError, messageOf } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import { codeShards } from '../../core/training/frozen-prefix.ts';
import type { Output } from '../output.ts';
import { runJob } from './scoring.ts';
import type { Picture, Scoring, Shard } from './scoring.ts';

/** Where a network is cut: after how many of its blocks. */
export interface Cut {
  readonly name: string;
  readonly blocks: number;
}

/** A cut by its name (`blocks.3`, `mixed7`); the end of the backbone where none is given. CUT_UNKNOWN lists them. */
export function cutOf(backbone: BackboneName, name: string | null): Cut {
  const costs = blockCosts(backbone);
  const index = name === null ? costs.length - 1 : costs.findIndex((block) => block.name === name);
  const found = costs[index];
  if (found !== undefined) return { name: found.name, blocks: index + 1 };
  const names = costs.map((block) => block.name).join(', ');
  throw inputError('CUT_UNKNOWN', '--cut', name ?? '', `a cut point of ${backbone}: ${names}`);
}

/** Pixels of one file: rows as they are, in a shard that the frozen prefix takes. */
export async function pixelTensorShards(path: string, staged: string, minSizePx: number): Promise<Shard[]> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw inputError('INPUT_MISSING', path, messageOf(error), 'a readable file');
  });
  const images = unwrap(
    decodeSafetensors(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), path),
  ).tensors.get('images');
  const [rows = 0, heightPx = 0, widthPx = 0, channels = 0] = images?.shape ?? [];
  const fits = images?.shape.length === 4 && rows > 0 && (channels === 1 || channels === 3);
  if (!images || !fits || Math.min(heightPx, widthPx) < minSizePx) {
    const seen = images ? `images [${images.shape.join(', ')}]` : 'no tensor images';
    const expected = `images [pictures, height, width, 1 or 3], at least ${minSizePx} pixels on each side`;
    throw inputError('INPUT_BAD', path, seen, expected);
  }
  const data = images.dtype === 'U8' ? images.data : wholeBytes(images, path);
  await writeFile(staged, encodeSafetensors(new Map([['images', { dtype: 'U8', shape: images.shape, data }], ['labels', noLabels(rows)]]))); // prettier-ignore
  const pictures = Array.from({ length: rows }, (_, row): Picture => ({ name: `${path}#${row}`, path, label: null }));
  return [{ path: staged, pictures }];
}

function noLabels(rows: number): TensorData {
  return { dtype: 'I32', shape: [rows], data: new Uint8Array(new Int32Array(rows).fill(-1).buffer) };
}

function wholeBytes(images: TensorData, path: string): Uint8Array {
  const expected = 'uint8, or float32 of whole numbers from 0 to 255';
  if (images.dtype !== 'F32') throw inputError('INPUT_BAD', path, `images of ${images.dtype}`, expected);
  const values = asFloat32(images);
  const odd = values.find((value) => !(Number.isInteger(value) && value >= 0 && value <= 255));
  if (odd !== undefined) throw inputError('INPUT_BAD', path, `a pixel of ${odd}`, expected, 'round to 0–255 first');
  return Uint8Array.from(values);
}

/** What the network makes of each picture. */
export interface Codes {
  readonly names: readonly string[];
  /** Of one picture: [height, width, channels], or [channels]. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface CodesModel {
  readonly backbone: BackboneName;
  readonly cut: Cut;
  readonly weightsPath: string | null;
}

/** Sends pictures through the network up to the cut, as a training's frozen part is: the same job and the same code. */
export async function computeCodes(
  { ml, dir }: Pick<Scoring, 'ml' | 'dir'>,
  { backbone, cut, weightsPath }: CodesModel,
  shards: readonly Shard[],
  output: Output,
): Promise<Codes> {
  const names = shards.flatMap(({ pictures }) => pictures.map(({ name }) => name));
  const side = { rows: names.length, shards: shards.map(({ path, pictures }) => ({ path, rows: pictures.length })) };
  const { blocks, normalization, defaultSizePx } = backboneFacts[backbone];
  // A head's pooling belongs to the frozen part: behind the last block there are means alone.
  const whole = cut.blocks === blocks;
  const job: FeaturesJob = {
    kind: 'features',
    model: {
      ...{ backbone, strategy: whole ? 'head' : 'last-n', classes: ['any'], normalization, dropout: 0 },
      image: { heightPx: defaultSizePx, widthPx: defaultSizePx, channels: 3, resize: 'stretch' },
    },
    lastN: Math.max(1, blocks - cut.blocks),
    ...{ weightsPath, seed: 0, augment: AugmentConfig.parse({}), type: 'float32' },
    passes: [
      { side, shards: codeShards(side.rows).map(({ index }) => index), variant: null, outputDir: join(dir, 'codes') },
    ],
  };
  const bar = output.progress('codes');
  const staged: StagedShard[] = [];
  await runJob(ml, job, (event) => {
    if (event.kind === 'shard') staged.push(event.staged);
    if (event.kind === 'features') bar.update(event.done, event.total);
  });
  bar.stop();
  return joined(names, staged);
}

async function joined(names: readonly string[], staged: readonly StagedShard[]): Promise<Codes> {
  let shape: readonly number[] = [];
  const values: Float32Array[] = [];
  for (const { path } of [...staged].sort((a, b) => a.index - b.index)) {
    const bytes = await readFile(path);
    const { tensors } = unwrap(decodeSafetensors(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), path));
    const codes = tensors.get('codes');
    if (codes === undefined) throw new Error(`no codes in ${path}`);
    shape = codes.shape.slice(1);
    values.push(asFloat32(codes));
  }
  const all = new Float32Array(values.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of values) {
    all.set(part, at);
    at += part.length;
  }
  return { names, shape, values: all };
}

export interface CodesDocument {
  readonly out: string;
  readonly backbone: BackboneName;
  readonly cut: string;
  readonly shape: readonly number[];
  readonly weightsSha256: string | null;
}

/** Writes `codes` whole or not at all; what they are of goes into the metadata. */
export async function writeCodes(
  out: string,
  codes: Codes,
  from: CodesModel & { readonly weightsSha256: string | null; readonly maps: boolean },
): Promise<CodesDocument> {
  const { shape, values } = from.maps ? codes : pooled(codes);
  const full = [codes.names.length, ...shape];
  const metadata = {
    ...{ backbone: from.backbone, cut: from.cut.name, weightsSha256: from.weightsSha256 ?? 'random' },
    paths: JSON.stringify(codes.names),
  };
  const bytes = encodeSafetensors(new Map([['codes', float32Tensor(values, full)]]), metadata);
  const temporary = `${out}.part`;
  try {
    await mkdir(dirname(out), { recursive: true });
    await writeFile(temporary, bytes);
    await rename(temporary, out);
  } catch (error) {
    await rm(temporary, { force: true });
    throw inputError('OUTPUT_UNWRITABLE', out, messageOf(error), 'a file that can be written', 'choose another --out');
  }
  return { out, backbone: from.backbone, cut: from.cut.name, shape: full, weightsSha256: from.weightsSha256 };
}

/** Means over the cells of a map, in double precision. */
export function pooled(codes: Codes): Codes {
  if (codes.shape.length !== 3) return codes;
  const [height = 1, width = 1, channels = 1] = codes.shape;
  const values = new Float32Array(codes.names.length * channels);
  const sums = new Float64Array(channels);
  for (let row = 0; row < codes.names.length; row++) {
    sums.fill(0);
    for (let cell = 0; cell < height * width; cell++) {
      const at = (row * height * width + cell) * channels;
      for (let channel = 0; channel < channels; channel++) sums[channel] = (sums[channel] ?? 0) + (codes.values[at + channel] ?? 0); // prettier-ignore
    }
    values.set(sums.map((sum) => sum / (height * width)), row * channels); // prettier-ignore
  }
  return { names: codes.names, shape: [channels], values };
}
