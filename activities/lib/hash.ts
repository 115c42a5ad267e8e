import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { asSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';

/** Text is hashed as UTF-8. */
export function sha256Of(bytes: Uint8Array | string): Sha256 {
  return asSha256(createHash('sha256').update(bytes).digest('hex'));
}

/** Streams the file, so its size does not matter. Rejects with Node's own error where it can't be read. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<Sha256> {
  const hash = createHash('sha256');
  const options = { highWaterMark: 2 ** 20, ...(signal === undefined ? {} : { signal }) };
  for await (const chunk of createReadStream(path, options)) hash.update(chunk);
  return asSha256(hash.digest('hex'));
}
