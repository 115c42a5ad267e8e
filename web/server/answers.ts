import type { FastifyReply } from 'fastify';
import type { ApiError } from '../../contracts/web.ts';
import { GraftError, messageOf } from '../../core/errors.ts';

/** Input errors that are about something else than what was sent. */
const STATUS: Readonly<Record<string, number>> = {
  SIGN_IN: 401,
  SIGN_IN_AT: 401,
  OIDC_REFUSED: 403,
  NOT_ALLOWED: 403,
  HOST_REFUSED: 403,
  ORIGIN_REFUSED: 403,
  NOT_FOUND: 404,
  VERSION_UNKNOWN: 404,
  MODEL_VERSION: 404,
  DATASET_VERSION: 404,
  RUN_NOT_EVALUATED: 404,
  CACHE_UNKNOWN: 404,
  RUN_RUNNING: 409,
  RUN_COMPLETED: 409,
  RUN_ENDED: 409,
  RUN_RECORD: 409,
  RUN_EXTEND: 409,
  ALIAS_BUSY: 409,
  ALIAS_MOVED: 409,
  ALIAS_OVERTAKEN: 409,
  SWEEP_CHANGE: 409,
  APPROVAL_NOT_WAITING: 409,
  APPROVAL_DECIDED: 409,
  APPROVAL_EXPIRED: 409,
  APPROVAL_STALE: 409,
  APPROVAL_NOT_ALLOWED: 403,
  BODY_SIZE: 413,
  BODY_TYPE: 415,
  TOO_MANY: 429,
};

/** What a service that comes back is asked again after. */
const RETRY_SECONDS = 2;

/** Answers with an error in the one shape of the API. What is not a GraftError tells nothing but to look at the log. */
export function sendError(reply: FastifyReply, error: unknown, log: (text: string) => void): FastifyReply {
  const known = error instanceof GraftError ? error : fromFastify(error);
  if (known === null) {
    log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    const message = 'INTERNAL: dashboard — this is a fault of graft — see its log (.graft/logs/web.log)';
    return reply.code(500).send(bodyOf('INTERNAL', message, null, null));
  }
  const status = statusOf(known);
  const retryAfter = status === 503 || status === 429 ? RETRY_SECONDS : null;
  if (retryAfter !== null) void reply.header('retry-after', String(retryAfter));
  return reply.code(status).send(bodyOf(known.code, known.message, known.parts.remedy ?? null, retryAfter));
}

function bodyOf(code: string, message: string, remedy: string | null, retryAfter: number | null): ApiError {
  return { error: { code, message, remedy, retryAfter } };
}

export function statusOf({ code, kind }: GraftError): number {
  const named = STATUS[code];
  if (named !== undefined) return named;
  if (code.endsWith('_NOT_FOUND')) return 404;
  if (code.startsWith('IMAGE_')) return 422;
  // The service was reached and says no: nothing that the person at the page can mend.
  if (/^(STORE|TEMPORAL|NOT_CONFIGURED)/.test(code)) return 503;
  if (kind === 'input') return 400;
  return kind === 'failed' ? 502 : 503;
}

/** Errors of the framework itself: a body that is too long, a type that nobody takes, JSON that is none. */
function fromFastify(error: unknown): GraftError | null {
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : null;
  if (typeof status !== 'number' || status >= 500) return null;
  const code = { 413: 'BODY_SIZE', 415: 'BODY_TYPE', 429: 'TOO_MANY', 404: 'NOT_FOUND' }[status] ?? 'REQUEST';
  return new GraftError(code, { kind: 'input', where: 'the request', seen: messageOf(error) });
}
