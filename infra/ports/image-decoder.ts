import type { Framing } from '../../core/dataset/framing.ts';
import type { GraftError } from '../../core/errors.ts';
import type { Result } from '../../core/result.ts';

/** What a picture is, after a full decode. Width and height are oriented by EXIF, in pixels. */
export interface ImageInfo {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** What it looks like: the bytes of core/dataset/look.ts in base64. */
  readonly look: string;
}

/** How a picture becomes the network's input: `heightPx` × `widthPx` × `channels` uint8, gray or RGB, EXIF honoured. */
export interface RenderSpec extends Framing {
  readonly channels: 1 | 3;
}

/**
 * Decodes foreign pictures outside the worker's own process: caps on bytes, pixels and frames come before any decoder.
 * A bad picture is an error value (IMAGE_EMPTY, IMAGE_TRUNCATED, … reliability.md §2), never a throw.
 */
export interface ImageDecoder {
  /** Of what decodes: two of different names may differ in the last bits of what they render. */
  readonly name: string;
  /** Checks and measures files by decoding them whole; results in the order given. */
  inspect(paths: readonly string[], signal?: AbortSignal): Promise<Result<ImageInfo, GraftError>[]>;
  /**
   * Renders each file into its row of `into`, of rows × height × width × channels bytes; a bad one is an error at its
   * place, and its row stays as it was. Results in the order given.
   */
  render(
    paths: readonly string[],
    spec: RenderSpec,
    into: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Result<void, GraftError>[]>;
  close(): Promise<void>;
}
