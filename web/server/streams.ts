import type { FastifyReply, FastifyRequest } from 'fastify';

export interface EventStream {
  /** `event: kind`, `data:` the whole value. */
  send(event: { readonly kind: string }): void;
  end(): void;
  /** Aborted when the reader is gone. */
  readonly signal: AbortSignal;
}

/** A comment now and then: proxies close what is silent, and a reader that is gone is noticed. */
const BEAT_MS = 15_000;
/** A reader that takes nothing is let go rather than remembered for. */
const MAX_WAITING_BYTES = 4 * 2 ** 20;

/** Answers with server-sent events (WHATWG HTML, 9.2). The response is this function's from here on. */
export function openEventStream(request: FastifyRequest, reply: FastifyReply): EventStream {
  const gone = new AbortController();
  reply.hijack();
  const { raw } = reply;
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.write('retry: 1000\n\n');
  const beat = setInterval(() => write(': \n\n'), BEAT_MS);
  const write = (text: string): void => {
    if (raw.writableEnded || raw.destroyed) return;
    raw.write(text);
    if (raw.writableLength > MAX_WAITING_BYTES) raw.destroy();
  };
  const close = (): void => {
    clearInterval(beat);
    gone.abort();
  };
  request.raw.once('close', close);
  raw.once('close', close);
  return {
    signal: gone.signal,
    send: (event) => {
      write(`event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
    },
    end: () => {
      clearInterval(beat);
      raw.end();
    },
  };
}
