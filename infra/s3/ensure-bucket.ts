import { GraftError } from '../../core/errors.ts';
import { err, ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import type { S3ObjectStore } from './s3-object-store.ts';

/** Creates the bucket where it is missing and the credentials allow it. Two that do so at once both succeed. */
export async function ensureBucket(
  store: Pick<S3ObjectStore, 'bucketExists' | 'createBucket'>,
): Promise<Result<'present' | 'created', GraftError>> {
  try {
    if (await store.bucketExists()) return ok('present');
    await store.createBucket();
    return ok('created');
  } catch (error) {
    if (error instanceof GraftError) return err(error);
    throw error;
  }
}
