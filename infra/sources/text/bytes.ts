import { inputError } from '../../../core/errors.ts';
import { messageOf } from '../../../core/errors.ts';
import { GraftError } from '../../../core/errors.ts';
import type { FileTree, TreeFile } from '../tree/file-tree.ts';

/** The bytes of a stream's chunks. */
export function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new Error('a stream of something other than bytes');
}

/** A small text file, whole: INPUT_SIZE above `maxBytes` (or `code` in its place), TEXT_ENCODING where it is not UTF-8. */
export async function readText(tree: FileTree, file: TreeFile, maxBytes: number, code = 'INPUT_SIZE'): Promise<string> {
  const where = `${tree.where}/${file.path}`;
  if (file.sizeBytes > maxBytes) {
    throw inputError(code, where, `${file.sizeBytes} bytes`, `at most ${maxBytes}`, 'look at what it is');
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of await tree.open(file)) parts.push(bytesOf(chunk));
  return decodeUtf8(Buffer.concat(parts), where);
}

/** Without its byte-order mark. TEXT_ENCODING where a decoder would put a placeholder. */
export function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badEncoding(where);
  }
}

export const badEncoding = (where: string): GraftError =>
  inputError('TEXT_ENCODING', where, 'bytes that are not UTF-8', 'UTF-8', 'save the file as UTF-8');

/** The first bytes of a file, as Latin-1. */
export async function headOf(tree: FileTree, file: TreeFile, bytes = 4096): Promise<string> {
  const body = await tree.open(file);
  let head = '';
  for await (const chunk of body) {
    head += Buffer.from(bytesOf(chunk)).toString('latin1');
    if (head.length >= bytes) break;
  }
  body.destroy();
  return head.slice(0, bytes);
}

/** What went wrong with one item of a data set, in the words of its quarantine; anything but a wrong input is thrown. */
export function problemOf(error: unknown): { code: string; reason: string } {
  if (!(error instanceof GraftError) || error.kind !== 'input') throw error;
  const { seen, expected } = error.parts;
  const reason = expected === undefined ? seen : `${seen}, not ${expected}`;
  return { code: error.code, reason: reason === '' ? messageOf(error) : reason };
}
