import { createHmac } from 'node:crypto';

/**
 * Headers of a signed webhook as in the Standard Webhooks specification 1.0.0 (standardwebhooks.com): HMAC-SHA-256 over
 * `id.timestamp.body`, base64, with the version before it. A secret that begins with `whsec_` is base64 after it, any
 * other is taken as its bytes in UTF-8. `timestampSeconds` is since 1970.
 */
export function signatureHeaders(
  id: string,
  timestampSeconds: number,
  body: string,
  secret: string,
): Readonly<Record<string, string>> {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
  const digest = createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': `v1,${digest}`,
  };
}
