import { readFile } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { inputError, messageOf } from '../../core/errors.ts';
import type { TemporalConnection } from '../config.ts';
import { callsUntilClosed } from './calls-until-closed.ts';
import { isLoopback, isTemporalAway, temporalFault, unreachable } from './faults.ts';
import { whyUnreachable } from './reach.ts';

/** A connected client and what it takes to let it go. */
export interface TemporalClient {
  readonly client: Client;
  /** `host:port`, for messages. */
  readonly address: string;
  readonly namespace: string;
  close(): Promise<void>;
}

/** PEM bytes as both of Temporal's connections (client and worker) take them; undefined is plain text. */
export interface TlsOptions {
  readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer };
  readonly serverRootCACertificate?: Buffer;
}

export interface ConnectOptions {
  readonly timeoutMs?: number;
  /** Around starts, signals, queries and updates. */
  readonly workflowInterceptors?: readonly WorkflowClientInterceptor[];
}

const CONNECT_TIMEOUT_MS = 10_000;
const PROBE_TIMEOUT_MS = 3_000;

/**
 * Connects, and asks for the namespace, so that a wrong address, wrong credentials and a missing namespace show here
 * and not in the middle of something. Errors: TEMPORAL_UNREACHABLE (transient), TEMPORAL_DENIED, TEMPORAL_NAMESPACE and
 * TEMPORAL_TLS_FILE (input).
 */
export async function connectTemporal(
  options: TemporalConnection,
  { timeoutMs = CONNECT_TIMEOUT_MS, workflowInterceptors = [] }: ConnectOptions = {},
): Promise<TemporalClient> {
  const tls = await tlsOptions(options);
  const { address, namespace, apiKey } = options;
  // gRPC keeps trying a closed port until its deadline: on this machine the answer is known at once.
  const closed = isLoopback(address) ? await whyUnreachable(address, timeoutMs) : null;
  if (closed !== null) throw unreachable(closed, undefined, options);
  let connection: Connection | undefined;
  const calls = callsUntilClosed();
  const close = async (): Promise<void> => {
    calls.close();
    await connection?.close();
  };
  try {
    connection = await Connection.connect({
      address,
      tls: tls ?? null,
      connectTimeout: timeoutMs,
      interceptors: calls.interceptors,
      ...(apiKey === undefined ? {} : { apiKey }),
    });
    const known = connection;
    await known.withDeadline(Date.now() + timeoutMs, () => known.workflowService.describeNamespace({ namespace }));
  } catch (error) {
    await close();
    const fault = temporalFault(error, options) ?? error;
    if (!isTemporalAway(fault)) throw fault;
    const why = await whyUnreachable(address, PROBE_TIMEOUT_MS);
    throw unreachable(why ?? 'the port answers, but not as Temporal does', error, options);
  }
  const interceptors = { workflow: [...workflowInterceptors] };
  return { client: new Client({ connection, namespace, interceptors }), address, namespace, close };
}

/** Reads the PEM files of a TLS connection. Throws TEMPORAL_TLS_FILE (input). */
export async function tlsOptions({ tls }: TemporalConnection): Promise<TlsOptions | undefined> {
  if (tls === undefined) return undefined;
  const read = async (name: string, path: string | undefined): Promise<Buffer | undefined> => {
    if (path === undefined) return undefined;
    try {
      return await readFile(path);
    } catch (error) {
      throw inputError(
        'TEMPORAL_TLS_FILE',
        `${name}=${path}`,
        messageOf(error),
        'a readable PEM file',
        `correct ${name}`,
      );
    }
  };
  const crt = await read('TEMPORAL_TLS_CERT', tls.certPath);
  const key = await read('TEMPORAL_TLS_KEY', tls.keyPath);
  const ca = await read('TEMPORAL_TLS_CA', tls.caPath);
  return {
    ...(crt === undefined || key === undefined ? {} : { clientCertPair: { crt, key } }),
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
  };
}
