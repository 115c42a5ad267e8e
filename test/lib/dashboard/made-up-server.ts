import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import sharp from 'sharp';
import { ensurePage } from '../../../web/page-build.ts';
import * as made from './made-up.ts';
import { detectorCurves, detectorEvaluation, detectorSlices } from './made-up-detector.ts';
import * as search from './made-up-search.ts';
import { liveOf, log, metricsOf, rows, runOf, runsPage } from './made-up-runs.ts';

export interface MadeUpServer {
  readonly url: string;
  /** While nobody is signed in, whatever is asked is refused. */
  readonly state: { signedOut: boolean };
  close(): Promise<void>;
}

export interface MadeUpOptions {
  readonly port?: number;
  readonly steps?: number;
  /** In the place of those that are made up here, by their path below /api. */
  readonly answers?: Readonly<Record<string, unknown>>;
}

/** The run whose model finds objects. */
export const DETECTOR = 'digits-20261126-101500-0006';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'";
const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** The built page over made-up answers: for looking at it, and for measuring it without anything else at work. */
export async function startMadeUpServer({
  port = 0,
  steps = 1_500,
  answers = {},
}: MadeUpOptions = {}): Promise<MadeUpServer> {
  const dist = await ensurePage();
  const state = { signedOut: false };
  const server = createServer((request, response) => {
    void answer(request, response, { dist, steps, answers, state }).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${String(address.port)}`,
    state,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => {
          closed();
        });
      }),
  };
}

interface Asked extends Required<Pick<MadeUpOptions, 'steps' | 'answers'>>, Pick<MadeUpServer, 'state'> {
  readonly dist: string;
}

const expired = {
  error: { code: 'SIGN_IN', message: 'SIGN_IN: the session has expired', remedy: 'graft up', retryAfter: null },
};

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { dist, steps, answers, state }: Asked,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (state.signedOut && url.pathname.startsWith('/api/')) {
    response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify(expired));
  } else if (/^\/api\/(images\/|runs\/[^/]+\/training-pictures\/)/.test(url.pathname)) {
    const png = await picture(url.pathname + url.search);
    response.writeHead(200, { 'content-type': 'image/png' }).end(png);
  } else if (url.pathname.endsWith('/stream')) {
    stream(request, response, url.pathname, steps);
  } else if (url.pathname.startsWith('/api/')) {
    const path = url.pathname.slice(4);
    const found = answers[path] ?? apiAnswer(path, Object.fromEntries(url.searchParams), steps);
    const missing = {
      error: { code: 'NOT_FOUND', message: 'NOT_FOUND: nothing made up', remedy: null, retryAfter: null },
    };
    response.writeHead(found === null ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? missing));
  } else {
    const file = extname(url.pathname) === '' ? 'index.html' : url.pathname.slice(1);
    const content = await readFile(join(dist, file)).catch(() => null);
    const type = types[extname(file)] ?? 'text/html; charset=utf-8';
    response.writeHead(content === null ? 404 : 200, { 'content-type': type, 'content-security-policy': POLICY });
    response.end(content);
  }
}

const fixed: Readonly<Record<string, unknown>> = {
  ...{ '/session': made.session, '/health': made.health, '/overview': made.overview, '/approvals': made.approvals },
  ...{
    '/datasets': made.datasets,
    '/models': made.models,
    '/models/pets': made.model,
    '/models/pets/diff': made.modelDiff,
    '/models/pets/versions/4/exports': made.modelExports,
  },
  ...{ '/schedules': search.schedules, '/sweeps': search.sweeps, '/sweeps/pets-sweep': search.sweep },
  ...{ '/lr-finds': search.lrFinds, '/lr-finds/pets-1': search.lrFind, '/predict': made.prediction },
};

const detector: Readonly<Record<string, unknown>> = {
  ...{ '': detectorEvaluation, '/curves': detectorCurves, '/slices': detectorSlices },
};

function apiAnswer(path: string, query: Record<string, string>, steps: number): unknown {
  const exact = fixed[path];
  if (exact !== undefined) return exact;
  if (path === '/runs') return runsPage(query);
  if (path.startsWith('/cache/')) return search.cache;
  if (path.startsWith('/datasets/')) {
    if (path.endsWith('/trainings')) return made.trainings;
    if (path.endsWith('/items')) return made.items(query['search'] ?? '');
    return path.endsWith('/diff') ? made.diff : made.dataset;
  }
  const [, runId, rest = ''] = /^\/runs\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  const row = rows.find((each) => each.runId === runId);
  if (row === undefined) return null;
  if (rest === '') return runOf(row, steps);
  if (rest === '/metrics') return metricsOf(Math.min(steps, 1_932), steps);
  if (rest === '/log') return log;
  if (runId === DETECTOR && rest.startsWith('/evaluation')) return detector[rest.slice('/evaluation'.length)] ?? null;
  if (rest === '/evaluation') return made.evaluation;
  if (rest === '/evaluation/curves') return made.curves;
  if (rest === '/evaluation/slices') return made.slices;
  if (rest === '/training-pictures') return made.trainingPictures;
  const cell = made.scoredItems(Number(query['truth'] ?? 0), Number(query['predicted'] ?? 0));
  return rest === '/evaluation/items' ? { items: cell, total: cell.length, cursor: null } : null;
}

function stream(request: IncomingMessage, response: ServerResponse, path: string, steps: number): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const row = rows.find(({ runId }) => path.includes(runId));
  let step = Math.min(steps, 1_500);
  const timer = setInterval(() => {
    if (row === undefined) return;
    step++;
    response.write(`event: progress\ndata: ${JSON.stringify({ kind: 'progress', live: liveOf(row, step) })}\n\n`);
  }, 1_000);
  response.write(': \n\n');
  request.on('close', () => {
    clearInterval(timer);
  });
}

/** A picture of its own for each address. */
function picture(path: string): Promise<Buffer> {
  const hue = [...path].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 360, 7);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="150"><rect width="200" height="150" fill="hsl(${String(hue)} 45% 55%)"/><circle cx="${String(60 + (hue % 80))}" cy="75" r="42" fill="hsl(${String((hue + 70) % 360)} 55% 70%)"/></svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}
