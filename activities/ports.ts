import type { Clock } from '../infra/ports/clock.ts';
import type { OpenDatasetSource } from '../infra/ports/dataset-source.ts';
import type { EventEncoder } from '../infra/ports/event-encoder.ts';
import type { ImageDecoder } from '../infra/ports/image-decoder.ts';
import type { LocalFiles } from '../infra/ports/local-files.ts';
import type { MlRunner } from '../infra/ports/ml-runner.ts';
import type { ObjectStore } from '../infra/ports/object-store.ts';

/** What activities of the data queue stand on; the composition root (infra/worker.ts) supplies it. */
export interface DataPorts {
  readonly store: ObjectStore;
  readonly images: ImageDecoder;
  readonly openSource: OpenDatasetSource;
  readonly files: LocalFiles;
  readonly clock: Clock;
  /** Present where this worker also trains: what is rendered stays on its disk, and a process that trains on it may load. */
  readonly trainsHere?: { almostRendered(): void };
  /** For TensorBoard. */
  readonly events: EventEncoder;
}

/** What activities of the train queue stand on. */
export interface TrainPorts extends DataPorts {
  readonly ml: MlRunner;
  /** A local file of a backbone's weights by name (`imagenet`) or path, with its hash; null for `random`. */
  readonly fetchWeights: (backbone: string, weights: string) => Promise<{ path: string; sha256: string } | null>;
  readonly graftVersion: string;
  readonly host: string;
}
