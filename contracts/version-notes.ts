import { z } from 'zod';

/** A tag's name: what a command line and a URL take without quotes. */
export const TagName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'lower-case letters, digits, . _ -');
export type TagName = z.infer<typeof TagName>;

/** `models/<name>/tags/<n>.json`, moved by `If-Match`: what people note on a version. The manifest stays as it is. */
export const VersionTags = z.object({
  kind: z.literal('graft.version-tags/1'),
  /** Raised by every change, so that no two are the same bytes. */
  seq: z.int().positive(),
  tags: z.record(TagName, z.string().max(256)),
});
export type VersionTags = z.infer<typeof VersionTags>;

/**
 * `models/<name>/retired/<n>.json`: nothing keeps the weights of this version any more. Its manifest, figures and place in the
 * ledger stay for ever.
 */
export const RetiredVersion = z.object({
  kind: z.literal('graft.retired-version/1'),
  version: z.int().positive(),
  time: z.string(),
  actor: z.string(),
  reason: z.string(),
});
export type RetiredVersion = z.infer<typeof RetiredVersion>;
