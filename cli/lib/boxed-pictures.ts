import { writeFile } from 'node:fs/promises';
import type { PreparedImage, QuarantinedItem } from '../../contracts/manifests.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { framedBoxes } from '../../core/dataset/framed-boxes.ts';
import { inputError } from '../../core/errors.ts';
import type { NamedPicture } from '../../core/metrics/detection/score-pictures.ts';
import type { DatasetSource } from '../../infra/ports/dataset-source.ts';
import type { Output } from '../output.ts';
import { readItems } from './data-source.ts';
import type { Scoring } from './scoring.ts';

/** Pictures with their objects, at the size of a detector’s input. */
export interface BoxedPictures {
  readonly pictures: NamedPicture[];
  readonly pixels: Uint8Array[];
  readonly bad: QuarantinedItem[];
}

/** All pictures of a source with boxes; what can’t be used is told of. INPUT_EMPTY where there is none. */
export async function renderBoxed(
  source: DatasetSource,
  { decoder, dir }: Pick<Scoring, 'decoder' | 'dir'>,
  image: PreparedImage,
  output: Output,
): Promise<BoxedPictures> {
  const found: BoxedPictures = { pictures: [], pixels: [], bad: [] };
  const bar = output.progress('read');
  for await (const item of readItems({ source, decoder, dir }, 'clip', (bad) => found.bad.push(bad))) {
    const pixels = new Uint8Array(image.heightPx * image.widthPx * image.channels);
    const [rendered] = await decoder.render([item.path], image, pixels);
    const { width, height } = item.picture;
    const { boxes = [], attributes } = item.annotations;
    if (rendered?.ok !== true) {
      found.bad.push({ path: item.entry.path, code: 'IMAGE_RENDER', reason: 'it can’t be rendered' });
      continue;
    }
    found.pictures.push({ path: item.entry.path, width, height, boxes, attributes });
    found.pixels.push(pixels);
    if (found.pixels.length % 100 === 0) bar.update(found.pixels.length, null);
  }
  bar.stop();
  if (found.pictures.length + found.bad.length > 0) return found;
  throw inputError('INPUT_EMPTY', source.where, 'no pictures', 'pictures with boxes', 'name another folder');
}

/** A shard as `prepare` leaves it for a detector (contracts/manifests.ts, PreparedShard). */
export async function writeBoxedShard(
  path: string,
  { pictures, pixels }: BoxedPictures,
  image: PreparedImage,
  classes: readonly string[],
): Promise<void> {
  const rows = pictures.length;
  const shape = [rows, image.heightPx, image.widthPx, image.channels];
  const framed = framedBoxes(pictures, new Map(classes.map((label, index) => [label, index])), image);
  const { counts, boxes, labels, flags } = framed;
  const tensors = new Map<string, TensorData>([
    ['images', { dtype: 'U8', shape, data: joined(pixels) }],
    ['labels', int32Tensor(new Int32Array(rows), [rows])],
    ['boxCounts', int32Tensor(counts, [rows])],
    ['boxes', float32Tensor(boxes, [labels.length, 4])],
    ['boxLabels', int32Tensor(labels, [labels.length])],
    ['boxFlags', int32Tensor(flags, [labels.length])],
  ]);
  await writeFile(path, encodeSafetensors(tensors));
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  const out = new Uint8Array(parts.length * (first?.length ?? 0));
  for (const [index, part] of parts.entries()) out.set(part, index * part.length);
  return out;
}
