import type { S3ObjectStore } from './s3-object-store.ts';

const HOUR_MS = 3_600_000;

/**
 * Aborts multipart uploads begun more than `olderThanHours` ago: what killed processes left, which takes space and
 * shows in no listing. Choose more hours than the longest upload takes. MinIO lists no uploads by prefix, and removes
 * its own after a day.
 */
export async function sweepStaleUploads(
  store: Pick<S3ObjectStore, 'unfinishedUploads' | 'abortUpload'>,
  options: { readonly olderThanHours: number; readonly nowMs: number; readonly prefix?: string },
): Promise<{ aborted: number; kept: number }> {
  const limitMs = options.nowMs - options.olderThanHours * HOUR_MS;
  let aborted = 0;
  let kept = 0;
  for await (const upload of store.unfinishedUploads(options.prefix ?? '')) {
    // An unreadable date compares false, so such an upload is kept.
    if (upload.startedAt.getTime() <= limitMs) {
      await store.abortUpload(upload);
      aborted++;
    } else kept++;
  }
  return { aborted, kept };
}
