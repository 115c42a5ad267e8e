import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { Side } from '../../contracts/manifests.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { compareText } from '../../core/dataset/order.ts';
import type { Split } from '../../core/dataset/split.ts';
import type { SplitUnits } from '../../core/dataset/split-units.ts';
import { asSha256 } from '../../core/ids.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';

/** A group or content hash and the side it keeps from now on; in k-fold also its fold. */
export const Assignment = z.object({ unit: z.string(), side: Side, fold: z.int().min(0).optional() });
export type Assignment = z.infer<typeof Assignment>;

/** Lines that are written at once; between them others get a word in. */
const LINES_AT_ONCE = 5_000;

/** Writes every unit with its place, in order of its name, by way of a file: a million of them are no burden. */
export async function storeAssignments(
  store: ObjectStore,
  key: string,
  path: string,
  units: SplitUnits,
  split: Split,
  signal: AbortSignal,
): Promise<BlobRef> {
  const order = Int32Array.from(units.names.keys()).sort((a, b) => compareText(nameOf(units, a), nameOf(units, b)));
  const hash = createHash('sha256');
  const file = await open(path, 'w');
  let sizeBytes = 0;
  try {
    for (let start = 0; start < order.length; start += LINES_AT_ONCE) {
      const lines: string[] = [];
      for (const unit of order.subarray(start, start + LINES_AT_ONCE)) {
        const place = split.placeOf(unit);
        if (place !== null) lines.push(`${lineOf(nameOf(units, unit), place)}\n`);
      }
      const bytes = Buffer.from(lines.join(''), 'utf8');
      hash.update(bytes);
      sizeBytes += bytes.length;
      await file.writeFile(bytes);
    }
  } finally {
    await file.close();
  }
  const sha256 = asSha256(hash.digest('hex'));
  await store.putFile(key, path, sha256, { signal, contentType: 'application/x-ndjson' });
  return { key, sha256, sizeBytes };
}

const nameOf = ({ names }: SplitUnits, unit: number): string => names[unit] ?? '';

function lineOf(unit: string, { side, fold }: Pick<Assignment, 'side' | 'fold'>): string {
  return canonicalJson(fold === undefined ? { unit, side } : { unit, side, fold });
}
