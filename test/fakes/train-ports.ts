import { join } from 'node:path';
import type { TrainPorts } from '../../activities/ports.ts';
import { createLocalFiles } from '../../infra/local-files.ts';
import { eventEncoder } from '../../infra/tensorboard/encode.ts';
import type { MlRunner } from '../../infra/ports/ml-runner.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { createFakeClock } from './clock.ts';
import type { FakeClock } from './clock.ts';

export interface FakePorts extends TrainPorts {
  readonly clock: FakeClock;
}

const unused = (name: string) => (): never => {
  throw new Error(`${name} is not part of this test`);
};

/** Ports on a store, a folder and a runner; what decodes pictures or fetches weights must not be needed. */
export function fakePorts(options: {
  readonly store: ObjectStore;
  readonly dir: string;
  readonly ml: MlRunner;
  readonly clock?: FakeClock;
  readonly fetchWeights?: TrainPorts['fetchWeights'];
  readonly host?: string;
}): FakePorts {
  const { store, dir, ml } = options;
  return {
    store,
    ml,
    clock: options.clock ?? createFakeClock(),
    events: eventEncoder,
    files: createLocalFiles({ store, dir: join(dir, 'files') }),
    images: {
      name: 'none',
      inspect: unused('inspect'),
      read: unused('read'),
      render: unused('render'),
      close: () => Promise.resolve(),
    },
    openSource: unused('openSource'),
    fetchWeights: options.fetchWeights ?? (() => Promise.resolve(null)),
    graftVersion: '0.0.0-test',
    host: options.host ?? 'test',
  };
}
