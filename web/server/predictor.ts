import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelVersion } from '../../contracts/registry.ts';
import type { Prediction } from '../../contracts/web.ts';
import { inputError } from '../../core/errors.ts';
import { resolveModel } from '../../infra/clients/registry.ts';
import { childEnvironment, settings } from '../../infra/config.ts';
import { createImageDecoder } from '../../infra/images/image-decoder.ts';
import { createLocalFiles } from '../../infra/local-files.ts';
import { createMlRunner } from '../../infra/ml/ml-runner.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import type { ImageDecoder } from '../../infra/ports/image-decoder.ts';
import type { MlRunner } from '../../infra/ports/ml-runner.ts';
import { ServedModel } from '../../infra/serve/served-model.ts';
import type { ServedPrediction } from '../../infra/serve/served-model.ts';

export interface Predictor {
  /** `reference`: NAME, NAME@3 or NAME@alias. Throws MODEL_… and IMAGE_… (input). */
  predict(reference: string, picture: Uint8Array, top: number): Promise<Prediction>;
  close(): Promise<void>;
}

interface Tools {
  /** For pictures and pixels on their way. */
  readonly dir: string;
  readonly decoder: ImageDecoder;
  readonly ml: MlRunner;
}

/** Less sure objects are shown to nobody. */
const LEAST_SCORE = 0.3;
/** A model that nobody asks for so long is let go, with its memory. */
const IDLE_MS = 120_000;
const MAX_WAITING = 8;

/** Tries models out, one in memory at a time. Pictures are decoded and scored in child processes without keys. */
export function createPredictor(store: ObjectStore): Predictor {
  const files = createLocalFiles({ store, dir: join(settings().stateDir, 'files') });
  let tools: Promise<Tools> | null = null;
  let loaded: { readonly id: string; readonly model: Promise<ServedModel> } | null = null;
  let idle: NodeJS.Timeout | undefined;
  const letGo = async (): Promise<void> => {
    const known = loaded;
    loaded = null;
    await known?.model.then((model) => model.close()).catch(() => undefined);
  };
  const modelOf = async (version: ModelVersion): Promise<ServedModel> => {
    const id = `${version.name}@${version.version} ${version.weights.sha256}`;
    if (loaded?.id === id && (await loaded.model).isLive) return loaded.model;
    void letGo();
    tools ??= openTools();
    const model = load(await tools, version, await files.fetch(version.weights));
    loaded = { id, model };
    model.catch(() => {
      if (loaded?.model === model) loaded = null;
    });
    return model;
  };
  return {
    predict: async (reference, picture, top) => {
      if (picture.length === 0)
        throw inputError('IMAGE_EMPTY', 'the picture', '0 bytes', 'a picture', 'choose another');
      const version = await resolveModel(store, reference);
      clearTimeout(idle);
      idle = setTimeout(() => void letGo(), IDLE_MS);
      idle.unref();
      const own = await (tools ??= openTools());
      const path = join(own.dir, randomUUID());
      await writeFile(path, picture);
      try {
        const model = await modelOf(version);
        return answerOf(version, await model.predict(path, { top, minScore: LEAST_SCORE }));
      } finally {
        await rm(path, { force: true });
      }
    },
    close: async () => {
      clearTimeout(idle);
      await letGo();
      const known = await tools;
      await known?.decoder.close();
      if (known) await rm(known.dir, { recursive: true, force: true });
    },
  };
}

async function openTools(): Promise<Tools> {
  const env = childEnvironment({}, { secrets: false });
  return {
    dir: await mkdtemp(join(tmpdir(), 'graft-web-')),
    decoder: createImageDecoder({ env }),
    ml: createMlRunner({ env, defaultThreads: settings().threads }),
  };
}

function load({ dir, decoder, ml }: Tools, version: ModelVersion, weightsPath: string): Promise<ServedModel> {
  const nothing = (): void => undefined;
  const limits = { maxBatch: 1, maxWaiting: MAX_WAITING };
  return ServedModel.load({ ...limits, version, weightsPath, ml, decoder, dir, onBatch: nothing, onLost: nothing });
}

function answerOf({ name, version }: ModelVersion, found: readonly ServedPrediction[]): Prediction {
  const predictions = found.map(({ label, score, box }) => {
    if (!box) return { label, score };
    const [x, y, width, height] = box;
    return { label, score, box: { xMin: x, yMin: y, xMax: x + width, yMax: y + height } };
  });
  return { model: name, version, predictions };
}
