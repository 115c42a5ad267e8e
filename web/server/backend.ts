import type { Connections } from '../../infra/config.ts';
import { createRunsClient } from '../../infra/clients/runs-client.ts';
import type { RunsClient } from '../../infra/clients/runs-client.ts';
import { createSchedulesClient } from '../../infra/clients/schedules-client.ts';
import type { SchedulesClient } from '../../infra/clients/schedules-client.ts';
import { createSweepsClient } from '../../infra/clients/sweeps-client.ts';
import type { SweepsClient } from '../../infra/clients/sweeps-client.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import { connectTemporal } from '../../infra/temporal/connect.ts';
import type { TemporalClient } from '../../infra/temporal/connect.ts';
import { temporalFault } from '../../infra/temporal/faults.ts';

export interface Clients {
  readonly temporal: TemporalClient;
  readonly runs: RunsClient;
  readonly sweeps: SweepsClient;
  readonly schedules: SchedulesClient;
}

/** What the dashboard stands on. Both may be away and come back; nothing of them is needed to start. */
export interface Backend {
  readonly store: ObjectStore;
  /** Throws TEMPORAL_… while it is away. */
  clients(): Promise<Clients>;
  /** What a person can act on, of anything that was thrown. */
  explain(error: unknown): unknown;
  close(): Promise<void>;
}

/** So that a hundred requests do not knock a hundred times at a closed door. */
const REMEMBER_FAILURE_MS = 1_000;
/** A page waits for no more than this. */
const STORE_ATTEMPTS = 2;

export function createBackend({ temporal: options, s3 }: Connections): Backend {
  const store = createS3ObjectStore({ ...s3, retry: { attempts: STORE_ATTEMPTS } });
  let connected: Promise<Clients> | null = null;
  let forgetAt: NodeJS.Timeout | undefined;
  return {
    store,
    clients: () => {
      if (connected) return connected;
      const attempt = connectTemporal(options, { timeoutMs: 3_000 }).then((temporal) => ({
        temporal,
        runs: createRunsClient(temporal),
        sweeps: createSweepsClient(temporal),
        schedules: createSchedulesClient(temporal),
      }));
      connected = attempt;
      attempt.catch(() => {
        forgetAt = setTimeout(() => (connected = null), REMEMBER_FAILURE_MS);
      });
      return attempt;
    },
    explain: (error) => temporalFault(error, options) ?? error,
    close: async () => {
      clearTimeout(forgetAt);
      store.close();
      const known = await connected?.catch(() => null);
      await known?.temporal.close();
    },
  };
}
