import { createHash, randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { elementBytes } from '../../core/checkpoint/tensor-data.ts';
import type { SafetensorsHeader, TensorEntry } from '../../core/checkpoint/safetensors.ts';
import {
  decodeSafetensors,
  encodeSafetensorsHeader,
  parseSafetensorsHeader,
  safetensorsHeaderBytes,
  tensorParts,
} from '../../core/checkpoint/safetensors.ts';
import { errnoOf, GraftError, inputError, messageOf, transientError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import { asSha256 } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';

/** Large writes are cut so that hashing and writing take turns and no call holds the event loop for long. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Writes a file whole or not at all: a temporary file beside it, fsync, rename, fsync of the folder. Hashes on the way.
 * Without `fsync` it is whole for every process at once, but a loss of power may take it: for what the hash guards anyway.
 * DISK_FULL or DISK_WRITE (transient) where the system refuses; nothing is left behind.
 */
export async function writeSafetensorsFile(
  path: string,
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> = {},
  options: { readonly fsync: boolean } = { fsync: true },
): Promise<{ readonly sha256: Sha256; readonly sizeBytes: number }> {
  const { header, order } = encodeSafetensorsHeader(tensors, metadata);
  const parts = [header, ...tensorParts(tensors, order)];
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const written = await writeParts(temporary, parts, options.fsync);
    await rename(temporary, path);
    if (options.fsync) await syncFolder(dirname(path));
    return written;
  } catch (error) {
    await rm(temporary, { force: true });
    const full = errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT';
    const remedy = full ? 'free some space; what was there before is untouched' : 'check the folder and its rights';
    throw transientError(full ? 'DISK_FULL' : 'DISK_WRITE', path, messageOf(error), 'a written file', remedy, error);
  }
}

async function writeParts(
  path: string,
  parts: readonly Uint8Array[],
  fsync: boolean,
): Promise<{ sha256: Sha256; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const file = await open(path, 'wx');
  try {
    for (const chunks of gathered(parts)) {
      // Hashed here while the system writes there: the two cost about the same.
      const written = writeAll(file, chunks);
      for (const chunk of chunks) {
        hash.update(chunk);
        sizeBytes += chunk.length;
      }
      await written;
    }
    if (fsync) await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: asSha256(hash.digest('hex')), sizeBytes };
}

/** Chunks in groups of about CHUNK_BYTES: a model's hundreds of small tensors go to disk in a few calls. */
function* gathered(parts: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let group: Uint8Array[] = [];
  let bytes = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += CHUNK_BYTES) {
      const chunk = part.subarray(at, at + CHUNK_BYTES);
      group.push(chunk);
      bytes += chunk.length;
      // A system call takes at most 1,024 buffers (IOV_MAX).
      if (bytes < CHUNK_BYTES && group.length < 1024) continue;
      yield group;
      group = [];
      bytes = 0;
    }
  }
  if (group.length > 0) yield group;
}

/** `writev` may write less than it was given. */
async function writeAll(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const { bytesWritten } = await file.writev(chunks);
  if (bytesWritten === total) return;
  await file.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Reads a whole file into memory; tensors are views into it. MODEL_FILE where it can't be read, MODEL_HASH where
 * `sha256` is given and differs, MODEL_FORMAT or MODEL_WEIGHTS where it is not a sound safetensors file.
 */
export async function readSafetensorsFile(
  path: string,
  options: { readonly sha256?: Sha256 } = {},
): Promise<{ readonly tensors: Map<string, TensorData>; readonly metadata: Record<string, string> }> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (options.sha256 !== undefined) {
    const seen = createHash('sha256').update(bytes).digest('hex');
    if (seen !== options.sha256) {
      throw inputError('MODEL_HASH', path, `SHA-256 ${seen}`, options.sha256, 'remove the file and fetch it again');
    }
  }
  // A plain array: a view of a Buffer would be a Buffer, with another slice().
  return unwrap(decodeSafetensors(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), path));
}

/** Random access to a file of any size. `close` it. */
export interface SafetensorsFile {
  readonly path: string;
  readonly header: SafetensorsHeader;
  /** Entry of a tensor; MODEL_WEIGHTS where the file has none of that name. */
  entry(name: string): TensorEntry;
  /**
   * Rows [start, start + count) along the first dimension, as bytes, with one positional read. MODEL_WEIGHTS where the
   * tensor is absent or the file ends early; throws on rows outside of it (a programming error). Into `into`, where given.
   */
  readRows(name: string, start: number, count: number, into?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Opens a file and checks its header. Errors as in `readSafetensorsFile`. */
export async function openSafetensorsFile(path: string): Promise<SafetensorsFile> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const header = await readHeader(file, path);
    return randomAccess(file, path, header);
  } catch (error) {
    await file.close();
    throw error instanceof GraftError ? error : unreadable(path, error);
  }
}

async function readHeader(file: FileHandle, path: string): Promise<SafetensorsHeader> {
  const { size } = await file.stat();
  const prefix = await readExactly(file, 0, new Uint8Array(Math.min(8, size)), path);
  const headerBytes = unwrap(safetensorsHeaderBytes(prefix, size, path));
  const header = await readExactly(file, 0, new Uint8Array(headerBytes), path);
  return unwrap(parseSafetensorsHeader(header, size, path));
}

function randomAccess(file: FileHandle, path: string, header: SafetensorsHeader): SafetensorsFile {
  const entry = (name: string): TensorEntry => {
    const found = header.tensors.get(name);
    if (found) return found;
    const names = [...header.tensors.keys()].slice(0, 8).join(', ');
    throw inputError('MODEL_WEIGHTS', path, `no tensor ${name}`, `one of ${names}`, 'make or download the file again');
  };
  return {
    path,
    header,
    entry,
    async readRows(name, start, count, into) {
      const { shape, dtype, offsetBytes } = entry(name);
      const [rows = 1, ...rest] = shape;
      if (!(start >= 0 && count >= 0 && start + count <= rows)) {
        throw new Error(`rows ${start}…${start + count} of ${rows} in ${name}`);
      }
      const rowBytes = rest.reduce((product, size) => product * size, elementBytes(dtype));
      const bytes = into ?? new Uint8Array(count * rowBytes);
      if (bytes.length !== count * rowBytes) throw new Error(`${bytes.length} bytes for ${count} rows of ${rowBytes}`);
      return readExactly(file, offsetBytes + start * rowBytes, bytes, path);
    },
    close: () => file.close(),
  };
}

/** Fills `bytes` from `offset` on. */
async function readExactly(file: FileHandle, offset: number, bytes: Uint8Array, path: string): Promise<Uint8Array> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, offset + done);
    if (bytesRead === 0) {
      const seen = `the file ends at byte ${offset + done}`;
      throw inputError('MODEL_WEIGHTS', path, seen, `${bytes.length} bytes from ${offset}`, 'fetch the file again');
    }
    done += bytesRead;
  }
  return bytes;
}

function unreadable(path: string, error: unknown): GraftError {
  return inputError('MODEL_FILE', path, messageOf(error), 'a readable file', 'check the path and its rights');
}
