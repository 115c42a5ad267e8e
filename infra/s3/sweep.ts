import type { S3ObjectStore } from './s3-object-store.ts';

const HOUR_MS = 3_600_000;

/**
 * Aborts multipart uploads under `prefix` (default all) begun more than `olderThanHours` ago: what killed processes
 * left, which takes space and shows in no listing. Choose more hours than the longest upload takes.
 */
export async function sweepStaleUploads(
  store: Pick<S3ObjectStore, 'unfinishedUploads' | 'abortUpload'>,
  options: { readonly olderThanHours: number; readonly nowMs: number; readonly prefix?: string },
): Promise<{ aborted: number; kept: number }> {
  const { prefix = '' } = options;
  const limitMs = options.nowMs - options.olderThanHours * HOUR_MS;
  let aborted = 0;
  let kept = 0;
  // MinIO answers a prefix that is not a whole key with nothing, so the choice is made here.
  for await (const upload of store.unfinishedUploads('')) {
    if (!upload.key.startsWith(prefix)) continue;
    // An unreadable date compares false, so such an upload is kept.
    if (upload.startedAt.getTime() <= limitMs) {
      await store.abortUpload(upload);
      aborted++;
    } else kept++;
  }
  return { aborted, kept };
}
