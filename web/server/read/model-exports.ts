import type { ModelExports } from '../../../contracts/web.ts';
import { kindOf, readExports } from '../../../infra/clients/exports.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';

/** What was exported of a version, what that cost, and what of it can be had. */
export async function modelExports(store: ObjectStore, name: string, version: number): Promise<ModelExports> {
  const records = await readExports(store, name, version);
  return {
    exports: records.map(({ format, precision, createdAt, sizeBytes, check, archive }) => ({
      ...{ format, precision, createdAt, sizeBytes, accuracy: check.accuracy },
      mAP50: check.mAP50 ?? null,
      images: check.pixels.images,
      maxDifference: Math.max(check.pixels.maxDifference, check.files?.maxDifference ?? 0),
      download: archive ? { file: `${kindOf(format, precision)}.tar`, sizeBytes: archive.sizeBytes } : null,
    })),
  };
}
