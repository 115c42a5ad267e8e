import { createRequire } from 'node:module';
import { z } from 'zod';

/** The loops of native/resampler.cc. */
export interface NativeResampler {
  /** Rows of the result that it does at once. */
  readonly rows: number;
  /** `numbers` as resampler.ts puts them together; offsets into `memory`. */
  resample(this: void, memory: Uint8Array, numbers: Int32Array): void;
}

const Addon: z.ZodType<NativeResampler> = z.object({
  rows: z.int().positive(),
  resample: z.custom<NativeResampler['resample']>((value) => typeof value === 'function'),
});

/** Null where it can't be loaded: WebAssembly computes the same. */
export function loadResampler(path: string): NativeResampler | null {
  try {
    return Addon.parse(createRequire(import.meta.url)(path));
  } catch {
    return null;
  }
}
