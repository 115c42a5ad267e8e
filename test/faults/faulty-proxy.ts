import * as http from 'node:http';
import type { Socket } from 'node:net';
import { Client } from 'minio';
import { stream as randomStream } from '../../core/rng.ts';
import type { S3Options } from '../../infra/s3/options.ts';

/** What can go wrong between a client and a store. Byte counts are of the body. */
export type Fault =
  /** The connection is reset before anything is answered. */
  | { readonly kind: 'refuse' }
  /** Reset while the client sends. */
  | { readonly kind: 'reset-up'; readonly afterBytes: number }
  /** Reset while the client reads. */
  | { readonly kind: 'reset-down'; readonly afterBytes: number }
  /** Nothing more comes: no answer at all, or none after `afterBytes` of the body. The connection stays open. */
  | { readonly kind: 'stall'; readonly afterBytes?: number }
  /** An error of the store, made up. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly s3Code?: string;
      readonly headers?: http.OutgoingHttpHeaders;
    }
  /** The request goes through; its answer is lost. */
  | { readonly kind: 'drop-ack' }
  /** A shorter body with a Content-Length to match: nothing tells but the hash. */
  | { readonly kind: 'truncate'; readonly keepBytes: number }
  /** One bit of the answer's body, or of the request's. */
  | { readonly kind: 'flip'; readonly atByte: number }
  | { readonly kind: 'flip-up'; readonly atByte: number }
  /** `If-*` are lost on the way; `resign` as a gateway does that signs anew, so that the store takes the rest. */
  | { readonly kind: 'strip-conditions'; readonly resign?: S3Options };

export interface SeenRequest {
  readonly method: string;
  /** Path and query, percent-encoded. */
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
}

export interface FaultRule {
  readonly fault: Fault;
  readonly when?: (request: SeenRequest) => boolean;
  /** How often it strikes at most; default always. */
  readonly times?: number;
  /** Of the matching requests, 0 … 1, drawn by a seeded generator; default 1. */
  readonly share?: number;
}

export interface FaultyProxy {
  /** To be used in place of the server's own endpoint. */
  readonly endpoint: string;
  /** Rules are tried in the order they were given; the first that matches strikes. */
  inject(rule: FaultRule): void;
  /** Takes all rules away and lets go of stalled connections. Tells of the rules since the last call that never struck. */
  clear(): readonly Fault[];
  /** Requests so far, and how many of them a fault struck. */
  counts(): { requests: number; struck: number };
  close(): Promise<void>;
}

/** An HTTP proxy in front of a real S3 server (`http://127.0.0.1:port`) that misbehaves as it is told to. */
export async function startFaultyProxy(target: string, options: { seed?: number } = {}): Promise<FaultyProxy> {
  const upstream = new URL(target);
  const draws = randomStream(options.seed ?? 1, 'faulty-proxy');
  const agent = new http.Agent({ keepAlive: false });
  const sockets = new Set<Socket>();
  const stalled = new Set<Socket>();
  let rules: { rule: FaultRule; left: number; strikes: number }[] = [];
  let requests = 0;
  let struck = 0;

  const pick = (request: SeenRequest): Fault | undefined => {
    const number = requests++;
    for (const entry of rules) {
      const { when = () => true, share = 1, fault } = entry.rule;
      if (entry.left <= 0 || !when(request) || draws.uniform(0, number) >= share) continue;
      entry.left--;
      entry.strikes++;
      struck++;
      return fault;
    }
    return undefined;
  };
  const server = http.createServer((request, response) => {
    const fault = pick({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    const lost = (): void => void request.socket.resetAndDestroy();
    serve({ request, response, fault, upstream, agent, stalled }).catch(lost);
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');

  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    inject: (rule) => void rules.push({ rule, left: rule.times ?? Infinity, strikes: 0 }),
    clear() {
      const idle = rules.filter(({ strikes }) => strikes === 0).map(({ rule }) => rule.fault);
      rules = [];
      for (const socket of stalled) socket.destroy();
      stalled.clear();
      return idle;
    },
    counts: () => ({ requests, struck }),
    async close() {
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Exchange {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly fault: Fault | undefined;
  readonly upstream: URL;
  readonly agent: http.Agent;
  readonly stalled: Set<Socket>;
}

async function serve(exchange: Exchange): Promise<void> {
  const { request, response, fault, stalled } = exchange;
  switch (fault?.kind) {
    case 'refuse':
      return void request.socket.resetAndDestroy();
    case 'reset-up':
      await take(request, fault.afterBytes);
      return void request.socket.resetAndDestroy();
    case 'status': {
      await take(request);
      const code = fault.s3Code ?? 'SlowDown';
      const body = request.method === 'HEAD' ? '' : `<Error><Code>${code}</Code><Message>made up</Message></Error>`;
      return void response.writeHead(fault.status, { 'content-length': body.length, ...fault.headers }).end(body);
    }
    case 'stall':
      stalled.add(request.socket);
      if (fault.afterBytes === undefined) return void request.resume();
      return answer(exchange, await forward(exchange, await take(request)), fault.afterBytes);
    case 'flip-up':
      return answer(exchange, await forward(exchange, flip(await take(request), fault.atByte)));
    case 'strip-conditions':
      return strip(exchange, fault.resign);
    case 'reset-down':
      await answer(exchange, await forward(exchange, await take(request)), fault.afterBytes);
      return void request.socket.resetAndDestroy();
    case 'drop-ack':
      await take(await forward(exchange, await take(request)));
      return void request.socket.resetAndDestroy();
    case 'truncate':
    case 'flip': {
      const upstream = await forward(exchange, await take(request));
      const body = await take(upstream);
      const changed = fault.kind === 'flip' ? flip(body, fault.atByte) : body.subarray(0, fault.keepBytes);
      const headers = { ...plainHeaders(upstream.headers), 'content-length': changed.length };
      return void response.writeHead(upstream.statusCode ?? 502, headers).end(changed);
    }
    case undefined:
      return answer(exchange, await forward(exchange, request));
  }
}

/** Sends the request on with the headers it came with: its signature names the host it was meant for. */
async function forward(
  { request, upstream, agent }: Exchange,
  body: Buffer | http.IncomingMessage,
  headers: http.IncomingHttpHeaders = request.headers,
): Promise<http.IncomingMessage> {
  const sent = http.request({
    host: upstream.hostname,
    port: upstream.port,
    agent,
    ...(request.method === undefined ? {} : { method: request.method }),
    ...(request.url === undefined ? {} : { path: request.url }),
    headers: plainHeaders(headers),
  });
  const answered = new Promise<http.IncomingMessage>((resolve, reject) =>
    sent.on('response', resolve).on('error', reject),
  );
  if (Buffer.isBuffer(body)) sent.end(body);
  else body.pipe(sent);
  return answered;
}

/** Passes the answer on, at most `maxBytes` of its body; resolves when they are written. */
async function answer({ response }: Exchange, upstream: http.IncomingMessage, maxBytes = Infinity): Promise<void> {
  response.writeHead(upstream.statusCode ?? 502, plainHeaders(upstream.headers));
  response.flushHeaders();
  let sent = 0;
  for await (const chunk of upstream) {
    if (!Buffer.isBuffer(chunk)) continue;
    const part = chunk.subarray(0, maxBytes - sent);
    sent += part.length;
    await new Promise<void>((resolve) => (response.destroyed ? resolve() : response.write(part, () => resolve())));
    if (response.destroyed || sent >= maxBytes) return;
  }
  response.end();
}

async function strip(exchange: Exchange, resign: S3Options | undefined): Promise<void> {
  const { request } = exchange;
  const body = await take(request);
  const kept = Object.entries(request.headers).filter(([name]) => !name.startsWith('if-'));
  const headers = Object.fromEntries(kept);
  if (kept.length === Object.keys(request.headers).length || resign === undefined) {
    return answer(exchange, await forward(exchange, body, headers));
  }
  const { hostname, port } = new URL(resign.endpoint);
  const { region, accessKey, secretKey } = resign;
  const client = new Client({ endPoint: hostname, port: Number(port), useSSL: false, region, accessKey, secretKey });
  const meta = kept.filter(([name]) => name === 'content-type' || name.startsWith('x-amz-meta-'));
  const key = decodeURIComponent(request.url ?? '').slice(resign.bucket.length + 2);
  const plain = Object.fromEntries(meta.map(([name, value]) => [name, String(value)]));
  const upstream = await client.makeRequestAsync(
    { method: request.method ?? 'PUT', bucketName: resign.bucket, objectName: key, headers: plain },
    body,
  );
  return answer(exchange, upstream);
}

/** Without what concerns this one connection. */
function plainHeaders(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders {
  const hop = new Set(['connection', 'keep-alive', 'transfer-encoding']);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hop.has(name)));
}

/** The body, or as much of it as `maxBytes`. */
async function take(message: http.IncomingMessage, maxBytes = Infinity): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message.iterator({ destroyOnReturn: false })) {
    if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    bytes += chunks.at(-1)?.length ?? 0;
    if (bytes >= maxBytes) break;
  }
  return Buffer.concat(chunks);
}

function flip(body: Buffer, atByte: number): Buffer {
  const changed = Buffer.from(body);
  const at = Math.min(atByte, changed.length - 1);
  if (at >= 0) changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}
