import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MlEvent } from '../../contracts/ml-protocol.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { objectsOf, shownObjects } from '../../core/detection/found-objects.ts';
import type { FoundObject, RawDetection } from '../../core/detection/found-objects.ts';
import { GraftError, transientError } from '../../core/errors.ts';
import { inferenceBatch } from '../../core/inference-batch.ts';
import { likeliest } from '../../core/metrics/classification.ts';
import { unwrap } from '../../core/result.ts';
import type { ImageDecoder } from '../ports/image-decoder.ts';
import type { MlRunner, MlSession } from '../ports/ml-runner.ts';
import { MicroBatcher } from './micro-batcher.ts';

export interface ServedModelOptions {
  readonly version: ModelVersion;
  readonly weightsPath: string;
  readonly ml: MlRunner;
  readonly decoder: ImageDecoder;
  /** For pixels on their way to the model. */
  readonly dir: string;
  /** Null for what suits the model. */
  readonly maxBatch: number | null;
  readonly maxWaiting: number;
  readonly onBatch: (rows: number, seconds: number) => void;
  /** The child is gone without having been asked to go. */
  readonly onLost: (error: GraftError) => void;
}

/** How long a child may take to end once nothing is under way. */
const STOP_DEADLINE_MS = 10_000;

/** Classes that are shown where nobody says. */
const TOP_CLASSES = 5;

/** Pictures that go through a model together at most, where nobody says. */
export const DEFAULT_BATCH = 16;

/** A class, or an object with its box: left, top, width and height in pixels of the upright picture. */
export interface ServedPrediction {
  readonly label: string;
  readonly score: number;
  readonly box?: FoundObject['box'];
}

/** What is wanted of a picture; null for what the model's kind usually shows. `minScore` is for detectors. */
export interface Wanted {
  readonly top: number | null;
  readonly minScore: number | null;
}

/** What the child says of one picture. */
type RowAnswer =
  | { readonly kind: 'classes'; readonly probabilities: readonly number[] }
  | { readonly kind: 'objects'; readonly found: readonly RawDetection[] };

/** 1, 2, 4 … up to `maxBatch`: a lone picture does not pay for a full batch. */
export function batchSizes(maxBatch: number): number[] {
  const sizes: number[] = [];
  for (let size = 1; size < maxBatch; size *= 2) sizes.push(size);
  return [...sizes, maxBatch];
}

/** A version that is loaded, warm and answering. */
export class ServedModel {
  readonly version: ModelVersion;
  private readonly options: ServedModelOptions;
  private readonly session: MlSession;
  private readonly batcher: MicroBatcher<Uint8Array, RowAnswer>;
  /** Batches that the child has, by id. */
  private readonly open = new Map<number, { resolve: (rows: RowAnswer[]) => void; reject: (error: unknown) => void }>();
  private ids = 0;
  private users = 0;
  private state: 'live' | 'closing' | 'lost' = 'live';
  private idle: () => void = () => undefined;

  private constructor(options: ServedModelOptions, session: MlSession) {
    this.version = options.version;
    this.options = options;
    this.session = session;
    const maxBatch = options.maxBatch ?? inferenceBatch(options.version.model, DEFAULT_BATCH);
    this.batcher = new MicroBatcher({ ...options, maxBatch, run: (rows) => this.run(rows) });
  }

  /** Resolves once every graph has run. Throws what loading failed with. */
  static async load(options: ServedModelOptions): Promise<ServedModel> {
    const { ml, version, weightsPath } = options;
    const sizes = batchSizes(options.maxBatch ?? inferenceBatch(version.model, DEFAULT_BATCH));
    const job = { kind: 'serve' as const, model: version.model, weightsPath, batchSizes: sizes };
    const session = ml.start(job, { threads: ml.defaultThreads });
    const events = session.events[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { value, done } = await events.next();
        if (done === true) throw lost('it ended before the model was loaded');
        if (value.kind === 'failed') throw failureOf(value);
        if (value.kind === 'loaded') break;
      }
    } catch (error) {
      await session.kill();
      throw error;
    }
    const model = new ServedModel(options, session);
    void model.listen(events);
    return model;
  }

  get isLive(): boolean {
    return this.state === 'live';
  }

  get waiting(): number {
    return this.batcher.length;
  }

  /**
   * What a picture in a file shows, the surest first: classes, or a detector's objects. Throws IMAGE_… (input), SERVE_BUSY
   * or SERVE_LOST (transient).
   */
  async predict(path: string, { top, minScore }: Wanted): Promise<readonly ServedPrediction[]> {
    const { model } = this.version;
    const { image } = model;
    this.users++;
    try {
      const pixels = new Uint8Array(image.heightPx * image.widthPx * image.channels);
      const [rendered] = await this.options.decoder.render([path], image, pixels);
      if (rendered?.ok === false) throw rendered.error;
      const [answer, size] = await Promise.all([
        this.batcher.submit(pixels),
        model.detector ? this.sizeOf(path) : null,
      ]);
      if (answer.kind === 'classes') return likeliest(answer.probabilities, model.classes, top ?? TOP_CLASSES);
      if (size === null) throw new Error('boxes of a model that is no detector');
      const limits = { top: top ?? shownObjects.top, minScore: minScore ?? shownObjects.minScore };
      return objectsOf(answer.found, model, size, limits);
    } finally {
      this.users--;
      if (this.users === 0) this.idle();
    }
  }

  /** Lets what is under way come to its end, then the child. */
  async close(): Promise<void> {
    if (this.users > 0) await new Promise<void>((resolve) => (this.idle = resolve));
    if (this.state === 'live') this.state = 'closing';
    await this.session.stop(STOP_DEADLINE_MS);
  }

  /** Sides of the upright picture in pixels: boxes are in them. */
  private async sizeOf(path: string): Promise<{ readonly width: number; readonly height: number }> {
    const [info] = await this.options.decoder.inspect([path]);
    if (info === undefined) throw new Error('the decoder did not answer');
    return unwrap(info);
  }

  private async run(rows: readonly Uint8Array[]): Promise<readonly RowAnswer[]> {
    if (this.state === 'lost') throw lost('it is gone');
    const id = ++this.ids;
    const path = join(this.options.dir, `batch-${this.version.version}-${id}`);
    const startedMs = performance.now();
    await writeFile(path, Buffer.concat(rows));
    try {
      return await new Promise<RowAnswer[]>((resolve, reject) => {
        this.open.set(id, { resolve, reject });
        this.session.score({ kind: 'score', id, path, rows: rows.length });
      });
    } finally {
      this.open.delete(id);
      this.options.onBatch(rows.length, (performance.now() - startedMs) / 1000);
      await rm(path, { force: true });
    }
  }

  private async listen(events: AsyncIterator<MlEvent>): Promise<void> {
    try {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        const { value } = next;
        if (value.kind === 'scored') this.open.get(value.id)?.resolve(answersOf(value));
        if (value.kind === 'failed') throw failureOf(value);
      }
      // Nothing is to wait for a child that is gone, asked or not.
      if (this.state === 'live' || this.open.size > 0) throw lost('it ended unasked');
    } catch (error) {
      this.lose(error instanceof GraftError ? error : lost(String(error)));
    }
  }

  private lose(error: GraftError): void {
    const unasked = this.state === 'live';
    this.state = 'lost';
    for (const { reject } of this.open.values()) reject(lost(error.message));
    if (unasked) this.options.onLost(error);
  }
}

function answersOf({ probabilities, detections }: Extract<MlEvent, { kind: 'scored' }>): RowAnswer[] {
  if (detections) return detections.map((found) => ({ kind: 'objects', found }));
  return probabilities.map((row) => ({ kind: 'classes', probabilities: row }));
}

function failureOf({ code, errorKind, where, seen }: Extract<MlEvent, { kind: 'failed' }>): GraftError {
  return new GraftError(code, { kind: errorKind, where, seen });
}

function lost(seen: string): GraftError {
  return transientError('SERVE_LOST', 'the model’s process', seen, 'an answer', 'ask again: it is started anew');
}
