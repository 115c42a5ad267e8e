import { isGrpcServiceError } from '@temporalio/client';
import { GraftError, inputError, transientError } from '../../core/errors.ts';
import type { TemporalConnection } from '../config.ts';

/** gRPC status codes that are told apart (grpc/status.h). */
export const grpcStatus = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export const isLoopback = (address: string): boolean => /^(127\.|localhost:|\[::1\])/.test(address);

/** The gRPC status below an error of the SDK (it wraps them), or null. */
export function grpcCodeOf(error: unknown): number | null {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    if (isGrpcServiceError(current)) return current.code;
  }
  return null;
}

/** Whether Temporal is away, or slow to answer, rather than saying no. */
export function isTemporalAway(error: unknown): boolean {
  const code = grpcCodeOf(error);
  if (code === grpcStatus.unavailable || code === grpcStatus.deadlineExceeded) return true;
  return error instanceof GraftError && error.code === 'TEMPORAL_UNREACHABLE';
}

/** What a person can act on, of an error that a call to Temporal threw; null for anything else. */
export function temporalFault(error: unknown, options: TemporalConnection): GraftError | null {
  if (error instanceof GraftError) return error;
  const details = detailsOf(error);
  const code = grpcCodeOf(error);
  if (code === grpcStatus.notFound) return /namespace/i.test(details) ? namespaceMissing(options) : null;
  if (code === grpcStatus.unauthenticated || code === grpcStatus.permissionDenied) {
    const expected = `credentials for namespace ${options.namespace}`;
    const remedy = 'check TEMPORAL_API_KEY, TEMPORAL_TLS_CERT, TEMPORAL_TLS_KEY and TEMPORAL_NAMESPACE';
    return inputError('TEMPORAL_DENIED', options.address, details || 'not allowed', expected, remedy);
  }
  if (code === grpcStatus.unavailable || code === grpcStatus.deadlineExceeded)
    return unreachable(details, error, options);
  // Connection.connect gives up with a plain error of its own when no server answers in time.
  const gaveUp = error instanceof Error && /failed to connect|deadline/i.test(error.message);
  return gaveUp ? unreachable(error.message, error, options) : null;
}

function namespaceMissing({ address, namespace }: TemporalConnection): GraftError {
  const remedy = `set TEMPORAL_NAMESPACE, or create it: temporal operator namespace create -n ${namespace}`;
  return inputError('TEMPORAL_NAMESPACE', address, `no namespace ${namespace}`, 'a namespace that exists', remedy);
}

/** TEMPORAL_UNREACHABLE, with what to do about it. */
export function unreachable(seen: string, cause: unknown, { address, tls }: TemporalConnection): GraftError {
  const closed = /refused|host|name server|within/.test(seen);
  const security = `TEMPORAL_TLS${tls === undefined ? '=true if it wants TLS' : ', TEMPORAL_TLS_CA and its certificate'}`;
  const remedy =
    isLoopback(address) && closed
      ? 'is it up? start it with graft up'
      : `is it up? check TEMPORAL_ADDRESS and ${security}`;
  return transientError('TEMPORAL_UNREACHABLE', address, seen || 'no answer', 'a Temporal server', remedy, cause);
}

function detailsOf(error: unknown): string {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    if (isGrpcServiceError(current)) return current.details.split('\n')[0]?.slice(0, 200) ?? '';
  }
  return '';
}
