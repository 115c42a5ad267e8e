import { GraftError, inputError } from '../../core/errors.ts';
import { connections, settings } from '../../infra/config.ts';
import type { Connections, S3Connection, TemporalConnection } from '../../infra/config.ts';
import { ensureServices } from '../../infra/embedded/up.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { createS3ObjectStore } from '../../infra/s3/s3-object-store.ts';
import { connectTemporal } from '../../infra/temporal/connect.ts';
import type { ConnectOptions, TemporalClient } from '../../infra/temporal/connect.ts';
import { temporalFault } from '../../infra/temporal/faults.ts';
import { graftVersion } from '../../infra/version.ts';
import type { Output } from '../output.ts';
import { commandName } from './command-name.ts';
import { provisionView } from './provision-view.ts';
import { createRunsClient } from '../../infra/clients/runs-client.ts';
import type { RunsClient } from '../../infra/clients/runs-client.ts';
import { createSweepsClient } from '../../infra/clients/sweeps-client.ts';
import type { SweepsClient } from '../../infra/clients/sweeps-client.ts';
import { createSchedulesClient } from '../../infra/clients/schedules-client.ts';
import type { SchedulesClient } from '../../infra/clients/schedules-client.ts';

/** Starts the embedded services where nothing else is configured and they are not up; says so in one line. */
export async function startServices(output: Output): Promise<void> {
  const view = provisionView(output);
  let said = false;
  const announce = (): void => {
    if (!said) output.say('starting the embedded services (graft down stops them; .graft keeps their data)');
    said = true;
  };
  try {
    await ensureServices({
      onStep: announce,
      onProgress: (event) => {
        announce();
        view.onProgress(event);
      },
      onWarning: (text) => {
        output.warn(`WARNING: ${text}`);
      },
    });
  } finally {
    view.stop();
  }
}

/** What commands about runs stand on. */
export interface Services {
  readonly runs: RunsClient;
  readonly sweeps: SweepsClient;
  readonly schedules: SchedulesClient;
  readonly store: ObjectStore;
  readonly temporal: TemporalClient;
}

/**
 * Hands connected services to `work` and lets them go after it; errors of Temporal come out in words. Where
 * `OTEL_EXPORTER_OTLP_ENDPOINT` is set it is done in the command's span, and nothing of that is loaded where it is not.
 */
export async function withServices<T>(work: (services: Services) => Promise<T>): Promise<T> {
  const { otlpEndpoint: endpoint } = settings();
  if (endpoint === null) return connected(work);
  const { openCommandTracing } = await import('../../infra/telemetry/command-tracing.ts');
  const { during, workflowInterceptors } = openCommandTracing({ endpoint, graftVersion });
  return during(commandName(), performance.timeOrigin, () => connected(work, { workflowInterceptors }));
}

async function connected<T>(work: (services: Services) => Promise<T>, connecting: ConnectOptions = {}): Promise<T> {
  const options = temporalConnection();
  const store = createS3ObjectStore(storeConnection());
  const temporal = await connectTemporal(options, connecting);
  try {
    const clients = { runs: createRunsClient(temporal), schedules: createSchedulesClient(temporal) };
    return await work({ ...clients, sweeps: createSweepsClient(temporal), store, temporal });
  } catch (error) {
    throw temporalFault(error, options) ?? error;
  } finally {
    store.close();
    await temporal.close();
  }
}

/**
 * Says at once that the object store is away or refuses these credentials: a run would only wait for it in silence.
 * A bucket that is not there yet is fine; the worker makes it.
 */
export async function checkStoreAnswers(store: ObjectStore): Promise<void> {
  try {
    await store.head('runs/none');
  } catch (error) {
    if (!(error instanceof GraftError) || error.code !== 'STORE_BUCKET') throw error;
  }
}

/** The same with storage alone. */
export async function withStore<T>(work: (store: ObjectStore) => Promise<T>): Promise<T> {
  const store = createS3ObjectStore(storeConnection());
  try {
    return await work(store);
  } finally {
    store.close();
  }
}

/** Both connections, or NOT_CONFIGURED (input). */
export function requiredConnections(): Connections {
  return { temporal: temporalConnection(), s3: storeConnection() };
}

function temporalConnection(): TemporalConnection {
  const { temporal } = connections();
  if (temporal) return temporal;
  throw missing('Temporal', 'TEMPORAL_ADDRESS');
}

function storeConnection(): S3Connection {
  const { s3 } = connections();
  if (s3) return s3;
  throw missing('the object store', 'S3_ENDPOINT');
}

function missing(what: string, variable: string) {
  const seen = `neither ${variable} is set nor has graft up run in this folder`;
  return inputError('NOT_CONFIGURED', what, seen, 'a service to work with', `run graft up, or set ${variable}`);
}
