import { decodeSafetensors } from '../checkpoint/safetensors.ts';
import { failedError } from '../errors.ts';
import { unwrap } from '../result.ts';

/** Of red, green and blue; of gray pictures three times the same. */
type Rgb = readonly [number, number, number];

/** What the pixels of pictures are like, 0 … 255. */
export interface PixelStatistics {
  readonly mean: Rgb;
  /** Over all pixels; at least 1: what never changes is not blown up. */
  readonly deviation: Rgb;
}

const LEVELS = 256;
const LEAST_DEVIATION = 1;

/** How often each value occurs in each channel: exact for any number of pixels, and the same in any order. */
export class PixelHistogram {
  private readonly counts: readonly Float64Array[] = [0, 1, 2].map(() => new Float64Array(LEVELS));

  /** Bytes of pictures, `channels` a pixel. */
  add(pixels: Uint8Array, channels: 1 | 3): void {
    for (let channel = 0; channel < channels; channel++) {
      const counts = this.counts[channel];
      if (counts === undefined) continue;
      // Of whole numbers: adding to a Float64Array pixel by pixel takes twice the time.
      const own = new Uint32Array(LEVELS);
      for (let at = channel; at < pixels.length; at += channels) {
        const value = pixels[at] ?? 0;
        own[value] = (own[value] ?? 0) + 1;
      }
      for (let value = 0; value < LEVELS; value++) counts[value] = (counts[value] ?? 0) + (own[value] ?? 0);
    }
  }

  /** The `images` of a prepared shard, given as its bytes. */
  addShard(bytes: Uint8Array, where: string): void {
    const images = unwrap(decodeSafetensors(bytes, where)).tensors.get('images');
    const channels = images?.shape[3];
    if (images?.dtype !== 'U8' || (channels !== 1 && channels !== 3)) {
      throw failedError('SHARD_FORMAT', where, 'no uint8 images of one or three channels', 'a prepared shard');
    }
    this.add(images.data, channels);
  }

  /** Null before anything was added. */
  statistics(): PixelStatistics | null {
    const [red = null, green = null, blue = null] = this.counts.map(momentsOf);
    if (red === null) return null;
    const all = [red, green ?? red, blue ?? red] as const;
    return {
      mean: [all[0].mean, all[1].mean, all[2].mean],
      deviation: [all[0].deviation, all[1].deviation, all[2].deviation],
    };
  }
}

function momentsOf(counts: Float64Array): { readonly mean: number; readonly deviation: number } | null {
  let [total, sum] = [0, 0];
  for (const [value, count] of counts.entries()) {
    total += count;
    sum += value * count;
  }
  if (total === 0) return null;
  const mean = sum / total;
  let squares = 0;
  for (const [value, count] of counts.entries()) squares += count * (value - mean) ** 2;
  return { mean, deviation: Math.max(LEAST_DEVIATION, Math.sqrt(squares / total)) };
}
