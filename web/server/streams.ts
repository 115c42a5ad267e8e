import type { FastifyReply } from 'fastify';

export interface EventStream {
  /** `event: kind`, `data:` the whole value. */
  send(event: { readonly kind: string }): void;
  end(): void;
}

/** A word now and then: proxies close what is silent, and a reader that is gone is noticed. */
const BEAT_MS = 15_000;
/** A reader that takes nothing is let go rather than remembered for. */
const MAX_WAITING_BYTES = 4 * 2 ** 20;

/** Answers with server-sent events (WHATWG HTML, 9.2). The response is this function's from here on. */
export function openEventStream(reply: FastifyReply): EventStream {
  reply.hijack();
  const { raw } = reply;
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.write('retry: 1000\n\n');
  const beat = setInterval(() => write('event: ping\ndata: {}\n\n'), BEAT_MS);
  const write = (text: string): void => {
    if (raw.writableEnded || raw.destroyed) return;
    raw.write(text);
    if (raw.writableLength > MAX_WAITING_BYTES) raw.destroy();
  };
  raw.once('close', () => {
    clearInterval(beat);
  });
  return {
    send: (event) => {
      write(`event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
    },
    end: () => {
      clearInterval(beat);
      raw.end();
    },
  };
}

/** Aborted when the reader is gone. */
export function readerGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    gone.abort();
  });
  return gone.signal;
}
