/** How long to measure: both bounds must be passed. The warm-up has everything that is done once: tracing, compiling, caches. */
export interface Timing {
  readonly warmUpSteps: number;
  readonly minSteps: number;
  readonly seconds: number;
}

export const BATCH_SIZE = 32;
export const CLASSES = 10;

/** What a competitor reached in one round. */
export interface Measured {
  readonly imagesPerSecond: number;
  readonly peakMb: number | null;
  readonly steps: number;
  /** Whether Keras compiled its step with XLA. */
  readonly xla?: boolean;
  /** Only where it goes through a frozen part once: that pass, and the steps behind it, alone. */
  readonly passImagesPerSecond?: number;
  readonly stepImagesPerSecond?: number;
}
