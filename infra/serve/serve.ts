import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { inputError, messageOf, errnoOf } from '../../core/errors.ts';
import type { ImageDecoder } from '../ports/image-decoder.ts';
import type { MlRunner } from '../ports/ml-runner.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { systemClock } from '../system-clock.ts';
import { AliasFollower } from './alias-follower.ts';
import { createServeApp } from './http-server.ts';
import { DEFAULT_BATCH, ServedModel } from './served-model.ts';
import { createServeMetrics } from './serve-metrics.ts';

export interface ServeOptions {
  readonly store: Pick<ObjectStore, 'head'>;
  readonly ml: MlRunner;
  readonly decoder: ImageDecoder;
  readonly fetchWeights: (weights: BlobRef) => Promise<string>;
  readonly resolve: () => Promise<ModelVersion>;
  /** The object that names the version; null for a version that never changes. */
  readonly pointerKey: string | null;
  readonly alias: string;
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Null for what suits the version that answers. */
  readonly maxBatch: number | null;
  readonly maxWaiting: number;
  readonly maxBytes: number;
  readonly pollMs: number;
  /** Lines for people and logs. */
  readonly say: (text: string) => void;
  readonly warn: (text: string) => void;
}

export interface RunningServer {
  readonly url: string;
  /** Takes nothing new, answers what is inside, then resolves. */
  close(): Promise<void>;
}

/** Pictures that are being received and decoded beside those that wait. */
const DECODING = 64;

/** Serves the version an alias points to until it is closed. SERVE_PORT (input) where the port is taken. */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { pointerKey, alias, maxBatch, maxWaiting, maxBytes, pollMs, decoder, warn } = options;
  const dir = await mkdtemp(join(tmpdir(), 'graft-serve-'));
  const metrics = createServeMetrics();
  const follower: AliasFollower<ServedModel> = new AliasFollower<ServedModel>({
    ...{ store: options.store, clock: systemClock, pointerKey, resolve: options.resolve },
    load: async (version) => {
      const weightsPath = await options.fetchWeights(version.weights);
      const shared = { version, weightsPath, ml: options.ml, decoder, dir, maxBatch, maxWaiting };
      const onLost = (error: Error): void => {
        warn(error.message);
        void follower.look();
      };
      return ServedModel.load({ ...shared, onBatch: (rows, seconds) => metrics.batch(rows, seconds), onLost });
    },
    onSwitch: (to, from) => {
      metrics.serving(to.name, to.version);
      if (from !== null) metrics.switched('done');
      options.say(`serving ${to.name} version ${to.version}${from === null ? '' : `, after version ${from.version}`}`);
    },
    onFailure: (message) => {
      metrics.switched('failed');
      warn(`${message} — the version that is served stays`);
    },
  });
  const { app, drain } = createServeApp({
    ...{
      current: () => follower.current,
      metrics,
      alias,
      dir,
      maxBytes,
      maxInside: maxWaiting + (maxBatch ?? DEFAULT_BATCH) + DECODING,
    },
  });
  const following = new AbortController();
  const close = async (): Promise<void> => {
    drain();
    following.abort();
    await app.close();
    await follower.close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await follower.start();
    await warmDecoder(decoder, dir);
    const url = await listen(app, options);
    void follower.follow(pollMs, following.signal);
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listen(
  app: { listen(at: { host: string; port: number }): Promise<string> },
  { host, port }: ServeOptions,
) {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const seen = errnoOf(error) ?? messageOf(error);
    throw inputError('SERVE_PORT', `${host}:${port}`, seen, 'a free port', 'name another with --port');
  }
}

/** A PNG of one pixel: the first real picture is not to wait for a process to start. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

async function warmDecoder(decoder: ImageDecoder, dir: string): Promise<void> {
  const path = join(dir, 'pixel.png');
  await writeFile(path, Buffer.from(PIXEL, 'base64'));
  const spec = { heightPx: 1, widthPx: 1, channels: 3, resize: 'stretch' } as const;
  await decoder.render([path], spec, new Uint8Array(3));
}
