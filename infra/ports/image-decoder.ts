import type { GraftError } from '../../core/errors.ts';
import type { Result } from '../../core/result.ts';

/** What a picture is, after a full decode. Width and height are oriented by EXIF, in pixels. */
export interface ImageInfo {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** How a picture becomes the network's input: `heightPx` × `widthPx` × `channels` uint8, gray or RGB, EXIF honoured. */
export interface RenderSpec {
  readonly heightPx: number;
  readonly widthPx: number;
  readonly channels: 1 | 3;
  readonly resize: 'stretch' | 'pad' | 'crop';
}

/**
 * Decodes foreign pictures outside the worker's own process: caps on bytes, pixels and frames come before any decoder.
 * A bad picture is an error value (IMAGE_EMPTY, IMAGE_TRUNCATED, … reliability.md §2), never a throw.
 */
export interface ImageDecoder {
  /** Checks and measures files by decoding them whole; results in the order given. */
  inspect(paths: readonly string[], signal?: AbortSignal): Promise<Result<ImageInfo, GraftError>[]>;
  /** Renders files into one buffer of rows × height × width × channels bytes; a bad one is an error at its place. */
  render(paths: readonly string[], spec: RenderSpec, signal?: AbortSignal): Promise<Result<Uint8Array, GraftError>[]>;
  close(): Promise<void>;
}
