/** What a picture may take before any decoder sees it. */
export interface ImageLimits {
  readonly maxBytes: number;
  /** Width × height. Zip bombs of pixels are far above it; cameras reach it only at the very top. */
  readonly maxPixels: number;
}

export const defaultLimits: ImageLimits = { maxBytes: 128 * 2 ** 20, maxPixels: 50_000_000 };

/** For one picture; a busy machine decodes the largest in a few seconds. */
export const DEFAULT_TIMEOUT_MS = 30_000;
