import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';
import { registryKeys } from '../../activities/lib/registry.ts';
import { moveAlias } from '../../activities/promote/move-alias.ts';
import type { DetectorConfig } from '../../contracts/detector-config.ts';
import type { PreparedImage } from '../../contracts/manifests.ts';
import type { BackboneId } from '../../contracts/pipeline-config.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { asRunId } from '../../core/ids.ts';
import { childEnvironment } from '../../infra/config.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import type { S3Options } from '../../infra/s3/options.ts';
import { systemClock } from '../../infra/system-clock.ts';
import { hashOf, metricsOf } from '../fakes/stage-fixtures.ts';
import { writeDetector, writeModel } from './export-bench.ts';

/** A version whose weights lie in the store, registered as promotion would. */
export async function registerMadeUp(
  store: ObjectStore,
  dir: string,
  version: number,
  made: { readonly backbone: BackboneId; readonly image: PreparedImage; readonly detector?: DetectorConfig },
): Promise<ModelVersion> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, `weights-${version}.safetensors`);
  const { backbone, image, detector } = made;
  const model = await (detector
    ? writeDetector(path, { backbone, image, detector }, version)
    : writeModel(path, backbone, image, version));
  const bytes = readFileSync(path);
  const weights = { key: `models/shapes/weights/${version}`, sha256: hashOf(bytes), sizeBytes: bytes.length };
  await store.put(weights.key, bytes);
  const key = hashOf('stage');
  const manifest: ModelVersion = {
    ...{ kind: 'graft.model-version/1', name: 'shapes', version, createdAt: '2026-01-01T00:00:00.000Z' },
    ...{ runId: asRunId(`run-${version}`), weights, model, metrics: metricsOf(0.9) },
    lineage: {
      dataset: { name: 'shapes', version: hashOf('data'), manifestKey: 'datasets/shapes' },
      ...{ splitKey: key, prepareKey: key, trainKey: key, evaluateKey: key, gateKey: key, graftVersion: '0' },
    },
  };
  await store.put(registryKeys.version('shapes', version), new TextEncoder().encode(JSON.stringify(manifest)));
  return manifest;
}

/** Moves the champion as the registry does. */
export async function promoteTo(store: ObjectStore, version: ModelVersion): Promise<void> {
  const evidence = { runId: version.runId, rules: [], weightsSha256: version.weights.sha256 };
  const move = { model: version.name, alias: 'champion', to: version.version, actor: 'test', reason: 'test' };
  await moveAlias({ store, clock: systemClock }, { ...move, action: 'promote', evidence });
}

/** `graft serve` as a process of its own, on a port of its own. */
export interface ServeProcess {
  readonly pid: number;
  readonly url: string;
  /** What it wrote to stderr so far. */
  log(): string;
  /** Resolves when it is gone. */
  readonly exited: Promise<number>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

const ENTRY = fileURLToPath(new URL('../../bin/graft.mjs', import.meta.url));
const START_MS = 120_000;

export async function startServe(s3: S3Options, stateDir: string, args: readonly string[]): Promise<ServeProcess> {
  const command = [ENTRY, 'serve', 'shapes', '--port', '0', '--poll', '100', ...args];
  const child = spawn(process.execPath, command, {
    env: environmentOf(s3, stateDir),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const exited = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  const url = await until(
    () => /listening on (\S+)/.exec(log)?.[1],
    START_MS,
    () => log,
  );
  return { pid: child.pid ?? -1, url, log: () => log, exited, kill: (signal) => child.kill(signal) };
}

/** What `graft predict shapes` says of a picture, as JSON. */
export async function predictWithCli(
  s3: S3Options,
  stateDir: string,
  args: readonly string[],
): Promise<Answer['predictions']> {
  const { stdout } = await execa(process.execPath, [ENTRY, 'predict', 'shapes', ...args, '--json'], {
    env: environmentOf(s3, stateDir),
    extendEnv: false,
  });
  const [answer] = z.array(z.object({ predictions: Predictions })).parse(JSON.parse(stdout));
  return answer?.predictions ?? [];
}

function environmentOf(s3: S3Options, stateDir: string): NodeJS.ProcessEnv {
  return childEnvironment({
    ...{ GRAFT_STATE_DIR: stateDir, NO_COLOR: '1', S3_ENDPOINT: s3.endpoint, S3_BUCKET: s3.bucket },
    ...{ S3_REGION: s3.region, AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: s3.secretKey },
  });
}

/** What `look` gives once it gives something. */
export async function until<T>(
  look: () => T | undefined | Promise<T | undefined>,
  limitMs: number,
  say: () => string = () => '',
): Promise<T> {
  for (const end = Date.now() + limitMs; Date.now() < end; await sleep(50)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`not in ${limitMs} ms: ${say()}`);
}

export interface Answer {
  readonly status: number;
  readonly version: number | null;
  readonly predictions: readonly z.infer<typeof Predictions>[number][];
  readonly code: string | null;
}

/** Posts the bytes of a picture. */
export async function ask(url: string, body: Uint8Array, type = 'image/jpeg', query = ''): Promise<Answer> {
  const response = await fetch(`${url}/v1/predict${query}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: new Uint8Array(body),
  });
  const said = Reply.parse(await response.json());
  const { version = null, predictions = [], error } = said;
  return { status: response.status, version, predictions, code: error?.code ?? null };
}

const Predictions = z.array(z.object({ label: z.string(), score: z.number(), box: z.array(z.number()).optional() }));
const Reply = z.object({
  version: z.int().optional(),
  predictions: Predictions.optional(),
  error: z.object({ code: z.string() }).optional(),
});
