import { InterceptingCall } from '@grpc/grpc-js';
import type { ConnectionOptions } from '@temporalio/client';
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { grpcStatus } from './faults.ts';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Interceptor>;
type Listener = NonNullable<Parameters<Call['start']>[1]>;

/**
 * The SDK's own repeats of a call that failed, which end when the connection does. Alone, the SDK's interceptor calls
 * again from a timer that outlives the connection, and gRPC's refusal (`Channel has been shut down`) is then thrown
 * where nobody can catch it and ends the process. Here such a call is answered with CANCELLED.
 */
export function callsUntilClosed(): { readonly interceptors: Interceptor[]; close(): void } {
  let closed = false;
  const { retryableDecider, delayFunction } = defaultGrpcRetryOptions();
  const retry = makeGrpcRetryInterceptor({
    delayFunction,
    retryableDecider: (attempt, status) => !closed && retryableDecider(attempt, status),
  });
  const untilClosed: Interceptor = (options, nextCall) =>
    new InterceptingCall(closed ? cancelledCall() : nextCall(options));
  return { interceptors: [retry, untilClosed], close: () => (closed = true) };
}

/** A call that nothing is asked of, and that ends at once. */
function cancelledCall(): Pick<Call, keyof Call> {
  const nothing = (): void => undefined;
  return {
    start(metadata, listener: Partial<Listener> = {}) {
      // A unary call has its message before its status, if only null: the SDK's interceptor counts on it.
      listener.onReceiveMessage?.(null);
      listener.onReceiveStatus?.({ code: grpcStatus.cancelled, details: 'the connection was closed', metadata });
    },
    ...{ sendMessage: nothing, sendMessageWithContext: nothing, halfClose: nothing, startRead: nothing },
    ...{ cancelWithStatus: nothing, getPeer: () => 'closed', getAuthContext: () => null },
  };
}
