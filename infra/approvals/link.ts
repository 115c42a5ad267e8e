import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { RunIdField } from '../../contracts/manifests.ts';
import { inputError } from '../../core/errors.ts';

/** What a signed link lets its holder do: answer one comparison of one run, in one name, for a time. */
export const ApprovalClaim = z.strictObject({
  runId: RunIdField,
  round: z.int().positive(),
  /** In whose name: whom the message went to. */
  by: z.string().min(1).max(120),
  /** Seconds since 1970. */
  expires: z.int().positive(),
});
export type ApprovalClaim = z.infer<typeof ApprovalClaim>;

/** Both in the environment of the workers and of whatever answers the links (the dashboard, graft approve --link). */
export const APPROVAL_SECRET = 'GRAFT_NOTIFY_APPROVAL_SECRET';
/** Where links lead: the dashboard's address. */
export const APPROVAL_URL = 'GRAFT_NOTIFY_APPROVAL_URL';
/** Shorter ones can be guessed offline. */
const SECRET_LENGTH = 16;

/** `<claim>.<HMAC-SHA-256 of it>`, both base64url: fit for an address. NOTIFY_SECRET (input) for a short secret. */
export function approvalToken(claim: ApprovalClaim, secret: string): string {
  const body = Buffer.from(JSON.stringify(claim)).toString('base64url');
  return `${body}.${signatureOf(body, secret).toString('base64url')}`;
}

/** The address of a claim below the dashboard's. */
export const approvalLink = (baseUrl: string, token: string): string =>
  `${baseUrl.replace(/\/+$/, '')}/approvals/${token}`;

/**
 * The claim of a token, or of an address that ends with one. LINK_INVALID, LINK_EXPIRED (input). A link that is good
 * says nothing of the run: whether it still waits for this very answer is the run's to say.
 */
export function readApprovalToken(text: string, secret: string, nowMs: number): ApprovalClaim {
  const token = text.trim().split('/').at(-1) ?? '';
  const [body = '', signature = '', ...rest] = token.split('.');
  const given = Buffer.from(signature, 'base64url');
  const wanted = signatureOf(body, secret);
  const whole = rest.length === 0 && given.length === wanted.length && timingSafeEqual(given, wanted);
  const claim = whole ? ApprovalClaim.safeParse(parsed(body)) : null;
  if (!claim?.success) {
    const remedy = 'copy the whole link from the message, or answer with graft approve RUN';
    throw inputError(
      'LINK_INVALID',
      'approval link',
      'it is not one that graft signed',
      'a whole, unchanged link',
      remedy,
    );
  }
  if (nowMs >= claim.data.expires * 1000) {
    const seen = `it ended at ${new Date(claim.data.expires * 1000).toISOString()}`;
    throw inputError('LINK_EXPIRED', `approval link of ${claim.data.runId}`, seen, 'a link in time', 'graft runs list');
  }
  return claim.data;
}

function signatureOf(body: string, secret: string): Buffer {
  if (secret.length < SECRET_LENGTH) {
    const seen = secret === '' ? 'unset' : 'too short';
    const expected = `at least ${SECRET_LENGTH} characters`;
    const remedy = `set it for the workers and the dashboard, e.g. to the output of openssl rand -hex 32`;
    throw inputError('NOTIFY_SECRET', APPROVAL_SECRET, seen, expected, remedy);
  }
  // The purpose is signed too: a signature over the same bytes from elsewhere is none here.
  return createHmac('sha256', secret).update(`graft.approval/1\n${body}`).digest();
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
