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

/** A picture by its path; or its bytes, where they are read already: `path` is then the name that they go by. */
export type PictureFile = string | { readonly path: string; readonly bytes: Uint8Array };

/** A file whose bytes are wanted with what it is; `sizeBytes` as it was listed. */
export interface ListedFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface ReadPicture {
  readonly info: ImageInfo;
  /** What was inspected; null where the file has another size than was listed. */
  readonly bytes: Uint8Array | null;
}

/**
 * Decodes foreign pictures outside the worker's own process: caps on bytes, pixels and frames come before any decoder.
 * A bad picture is an error value (IMAGE_EMPTY, IMAGE_TRUNCATED, … reliability.md §2), never a throw.
 */
export interface ImageDecoder {
  /** Of what decodes: two of different names may differ in the last bits of what they render. */
  readonly name: string;
  /** Checks and measures files by decoding them whole; results in the order given. */
  inspect(pictures: readonly PictureFile[], signal?: AbortSignal): Promise<Result<ImageInfo, GraftError>[]>;
  /** Inspects small files and hands over what it read of them, so that nobody else has to; results in the order given. */
  read(files: readonly ListedFile[], signal?: AbortSignal): Promise<Result<ReadPicture, GraftError>[]>;
  /**
   * Renders each file into its row of `into`, of rows × height × width × channels bytes; a bad one is an error at its
   * place, and its row stays as it was. Results in the order given.
   */
  render(
    pictures: readonly PictureFile[],
    spec: RenderSpec,
    into: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Result<void, GraftError>[]>;
  close(): Promise<void>;
}
