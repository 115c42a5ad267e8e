import { createRequire } from 'node:module';
import { z } from 'zod';

/** The loops of native/resampler.cc. `numbers` as layout.ts puts them together; offsets into `memory`. */
export interface NativeResampler {
  /** Rows of the result that it does at once. */
  readonly rows: number;
  resample(this: void, memory: Uint8Array, numbers: Int32Array): void;
  /** False where the file is damaged, or anything else than the numbers say. */
  resampleJpeg(this: void, file: Uint8Array, memory: Uint8Array, numbers: Int32Array): boolean;
  /** Whether `resampleJpeg` can be asked: libjpeg-turbo is a library here that it has found. */
  readonly takesJpegs: boolean;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const Addon = z.object({
  rows: z.int().positive(),
  resample: z.custom<NativeResampler['resample']>(isFunction),
  resampleJpeg: z.custom<NativeResampler['resampleJpeg']>(isFunction),
  openTurbo: z.custom<(this: void, path: string) => boolean>(isFunction),
});

/** `turbo` is the path of libjpeg-turbo's library. Null where it can't be loaded: WebAssembly computes the same. */
export function loadResampler(path: string, turbo: string | null = null): NativeResampler | null {
  try {
    const { openTurbo, ...loops } = Addon.parse(createRequire(import.meta.url)(path));
    return { ...loops, takesJpegs: turbo !== null && openTurbo(turbo) };
  } catch {
    return null;
  }
}
