import { inputError } from '../../core/errors.ts';

const MAX_KEY_BYTES = 1024;

/**
 * Throws KEY_INVALID (input) unless `key` names one object in every store alike: 1 … 1,024 bytes of UTF-8 without
 * control characters, no leading or trailing slash and no empty, `.` or `..` segment (some servers keep objects as
 * files, where `a//b` and `a/b` are one).
 */
export function checkKey(bucket: string, key: string): void {
  const fault = textFault(key) ?? segmentFault(key.split('/'));
  if (fault !== undefined) refuse(bucket, key, fault);
}

/** The same for a prefix, which may be empty and may end anywhere, so with a slash too. */
export function checkPrefix(bucket: string, prefix: string): void {
  if (prefix === '') return;
  const segments = prefix.split('/');
  const fault = textFault(prefix) ?? segmentFault(segments.at(-1) === '' ? segments.slice(0, -1) : segments);
  if (fault !== undefined) refuse(bucket, prefix, fault);
}

function textFault(key: string): string | undefined {
  if (/\p{Surrogate}/u.test(key)) return 'half of a surrogate pair';
  const bytes = Buffer.byteLength(key);
  if (bytes > MAX_KEY_BYTES) return `${bytes} bytes`;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    if (unit < 0x20 || unit === 0x7f) return `control character ${unit} at ${i}`;
  }
  return undefined;
}

function segmentFault(segments: readonly string[]): string | undefined {
  if (segments.includes('')) return 'an empty segment';
  if (segments.includes('.') || segments.includes('..')) return 'a . or .. segment';
  return undefined;
}

function refuse(bucket: string, key: string, seen: string): never {
  throw inputError(
    'KEY_INVALID',
    `s3://${bucket} key ${JSON.stringify(key.slice(0, 120))}`,
    seen,
    `up to ${MAX_KEY_BYTES} bytes of UTF-8, segments split by single slashes`,
    'rename it',
  );
}
