import type { Readable } from 'node:stream';

/** A file of a tree. `tag` changes whenever the file does. */
export interface TreeFile {
  /** Relative to the tree, `/`-separated, in Unicode form NFC. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly tag: string;
  /** As the disk has it, where that is not NFC. */
  readonly rawPath?: string;
}

/** Files by path, wherever they lie: on a disk or below a prefix of an object store. What importers stand on. */
export interface FileTree {
  /** For messages: the folder or `s3://bucket/prefix`. */
  readonly where: string;
  /** Files are on the disk as they are: `fetch` copies nothing. */
  readonly onDisk: boolean;
  /** All files at any depth, hidden ones left out, in code-point order of their paths. Streams. */
  walk(signal?: AbortSignal): AsyncIterable<TreeFile>;
  /** The bytes of a file that was listed. */
  open(file: TreeFile): Promise<Readable>;
  /** A local path of the file: itself, or a copy below `scratchDir` that the caller deletes. */
  fetch(file: TreeFile, scratchDir: string, signal?: AbortSignal): Promise<string>;
  /** Where the file lies, on a disk; nobody looks whether it still does. */
  placeOf?(file: TreeFile): string;
}
