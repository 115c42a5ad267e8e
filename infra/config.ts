import { availableParallelism, homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { inputError } from '../core/errors.ts';
import { readCredentialsFile, readServicesFile } from './embedded/services-file.ts';

/** How to reach Temporal. `tls: {}` is TLS with the system's authorities; absent is plain text. Paths are of PEM files. */
export interface TemporalConnection {
  /** `host:port`, no scheme. */
  readonly address: string;
  readonly namespace: string;
  readonly tls?: { readonly certPath?: string; readonly keyPath?: string; readonly caPath?: string };
  readonly apiKey?: string;
}

/** How to reach the object store. */
export interface S3Connection {
  /** With its scheme: `https://s3.example.org`, `http://127.0.0.1:9000`. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string;
}

/** Both ends, known. */
export interface Connections {
  readonly temporal: TemporalConnection;
  readonly s3: S3Connection;
}

/** What is known without starting anything: null where neither the environment nor `graft up` says. */
export interface ConfiguredConnections {
  readonly temporal: TemporalConnection | null;
  readonly s3: S3Connection | null;
}

export type DeviceRequest = 'auto' | 'cpu' | 'gpu' | 'js';

/** Everything graft takes from the environment, checked. */
export interface Settings {
  /** From the environment alone; see `connections()`. */
  readonly temporal: TemporalConnection | null;
  readonly s3: S3Connection | null;
  /** Where embedded services keep their state: absolute. */
  readonly stateDir: string;
  /** Shared by all clones of a user: absolute. */
  readonly cacheDir: string;
  readonly tensorflowDir: string | null;
  /** A URL or a folder that holds published weights under their own names, instead of their homes. */
  readonly weightsMirror: string | null;
  readonly temporalBin: string | null;
  readonly s3Bin: string | null;
  readonly temporalPort: number | null;
  readonly s3Port: number | null;
  readonly webPort: number | null;
  /** Where a worker tells Prometheus of itself, on loopback; null: nowhere. */
  readonly metricsPort: number | null;
  /** A collector of traces, OTLP over HTTP. */
  readonly otlpEndpoint: string | null;
  readonly logFormat: 'text' | 'json';
  /** What opens the dashboard; a file under the state folder where null. */
  readonly webToken: string | null;
  /** Of the dashboard, at an OpenID provider. */
  readonly oidcClientSecret: string | null;
  readonly device: DeviceRequest;
  /** Whose kernels train: graft's own where a batch goes through in parts (`auto`) or everywhere, or TensorFlow's alone. */
  readonly kernels: 'auto' | 'own' | 'tensorflow';
  /** The newest instructions that may be used, as a level of the x86-64 ABI; null: what this machine's processor has. */
  readonly processor: ProcessorLevel | null;
  /** A file that a worker makes once it works: for supervisors. Absolute. */
  readonly readyFile: string | null;
  /** Threads that TensorFlow may use, ≥ 1. Results are bit-identical for a fixed number. */
  readonly threads: number;
  /** TF_CPP_MIN_LOG_LEVEL=0: somebody wants to read all that the native libraries say. */
  readonly verboseNative: boolean;
  /** Hosts, addresses and networks that data sets may be fetched from although they are not public. */
  readonly urlAllow: readonly string[];
  readonly proxies: { readonly http: string | null; readonly https: string | null; readonly no: string | null };
  /** The folders of PATH, in order. */
  readonly searchPath: readonly string[];
  readonly noColor: boolean;
  readonly ci: boolean;
}

const Text = z.string().min(1);
const Port = z.coerce.number().int().min(1).max(65_535);
const Flag = z.stringbool({ truthy: ['1', 'true', 'yes', 'on'], falsy: ['0', 'false', 'no', 'off'] });

/** Newest first: with AVX-512, with AVX2. */
const processorLevels = ['x86-64-v4', 'x86-64-v3'] as const;
export type ProcessorLevel = (typeof processorLevels)[number];

const Environment = z.object({
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^[^\s/]+:\d{1,5}$/, 'expected host:port, without a scheme')
    .optional(),
  TEMPORAL_NAMESPACE: Text.optional(),
  TEMPORAL_TLS: Flag.optional(),
  TEMPORAL_TLS_CERT: Text.optional(),
  TEMPORAL_TLS_KEY: Text.optional(),
  TEMPORAL_TLS_CA: Text.optional(),
  TEMPORAL_API_KEY: Text.optional(),
  S3_ENDPOINT: z.url({ protocol: /^https?$/, error: 'expected http://host[:port] or https://host[:port]' }).optional(),
  S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected 3 to 63 of a-z, 0-9, dot and dash')
    .optional(),
  S3_REGION: Text.optional(),
  AWS_ACCESS_KEY_ID: Text.optional(),
  AWS_SECRET_ACCESS_KEY: Text.optional(),
  AWS_SESSION_TOKEN: Text.optional(),
  XDG_CACHE_HOME: Text.optional(),
  GRAFT_STATE_DIR: Text.optional(),
  GRAFT_TENSORFLOW_DIR: Text.optional(),
  GRAFT_WEIGHTS_MIRROR: Text.optional(),
  GRAFT_TEMPORAL_BIN: Text.optional(),
  GRAFT_S3_BIN: Text.optional(),
  GRAFT_TEMPORAL_PORT: Port.optional(),
  GRAFT_S3_PORT: Port.optional(),
  GRAFT_WEB_PORT: Port.optional(),
  GRAFT_METRICS_PORT: Port.optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'expected http://host:4318 or https://host' })
    .optional(),
  GRAFT_LOG_FORMAT: z.enum(['text', 'json']).optional(),
  GRAFT_WEB_TOKEN: z
    .string()
    .regex(/^[\w-]{22,200}$/, 'expected 22 to 200 letters, digits, - and _')
    .optional(),
  GRAFT_OIDC_CLIENT_SECRET: Text.optional(),
  GRAFT_READY_FILE: Text.optional(),
  GRAFT_DEVICE: z.enum(['auto', 'cpu', 'gpu', 'js']).optional(),
  GRAFT_KERNELS: z.enum(['auto', 'own', 'tensorflow']).optional(),
  GRAFT_PROCESSOR: z.enum(processorLevels).optional(),
  GRAFT_URL_ALLOW: Text.optional(),
  GRAFT_THREADS: z.coerce.number().int().min(1).max(1024).optional(),
  PATH: z.string().optional(),
});
type Environment = z.infer<typeof Environment>;

export type EnvironmentSource = Readonly<Record<string, string | undefined>>;

/**
 * The settings of this process. An empty variable counts as unset.
 * Throws CONFIG_ENV (input) that names the variable; the value of a secret is never shown.
 */
export function settings(source: EnvironmentSource = process.env, cwd: string = process.cwd()): Settings {
  const env = parseEnvironment(source);
  return {
    temporal: temporalFrom(env),
    s3: s3From(env),
    stateDir: resolve(cwd, env.GRAFT_STATE_DIR ?? '.graft'),
    cacheDir: join(cacheHome(env), 'graft'),
    tensorflowDir: env.GRAFT_TENSORFLOW_DIR === undefined ? null : resolve(cwd, env.GRAFT_TENSORFLOW_DIR),
    weightsMirror: env.GRAFT_WEIGHTS_MIRROR ?? null,
    temporalBin: env.GRAFT_TEMPORAL_BIN ?? null,
    s3Bin: env.GRAFT_S3_BIN ?? null,
    temporalPort: env.GRAFT_TEMPORAL_PORT ?? null,
    s3Port: env.GRAFT_S3_PORT ?? null,
    webPort: env.GRAFT_WEB_PORT ?? null,
    metricsPort: env.GRAFT_METRICS_PORT ?? null,
    otlpEndpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    logFormat: env.GRAFT_LOG_FORMAT ?? 'text',
    webToken: env.GRAFT_WEB_TOKEN ?? null,
    oidcClientSecret: env.GRAFT_OIDC_CLIENT_SECRET ?? null,
    device: env.GRAFT_DEVICE ?? 'auto',
    kernels: env.GRAFT_KERNELS ?? 'auto',
    processor: env.GRAFT_PROCESSOR ?? null,
    readyFile: env.GRAFT_READY_FILE === undefined ? null : resolve(cwd, env.GRAFT_READY_FILE),
    threads: env.GRAFT_THREADS ?? availableParallelism(),
    verboseNative: source['TF_CPP_MIN_LOG_LEVEL'] === '0',
    urlAllow: (env.GRAFT_URL_ALLOW ?? '').split(/[\s,]+/).filter((entry) => entry !== ''),
    proxies: {
      http: either(source, 'http_proxy'),
      https: either(source, 'https_proxy'),
      no: either(source, 'no_proxy'),
    },
    searchPath: (env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''),
    noColor: (source['NO_COLOR'] ?? '') !== '',
    ci: (source['CI'] ?? '') !== '' && source['CI'] !== 'false',
  };
}

/**
 * Where Temporal and the object store are: from the environment, else from what `graft up` wrote under the state
 * folder, else null. Nothing is started and nothing is contacted. Throws CONFIG_ENV and STATE_FILE (input).
 */
export function connections(known: Settings = settings()): ConfiguredConnections {
  if (known.temporal !== null && known.s3 !== null) return { temporal: known.temporal, s3: known.s3 };
  const services = readServicesFile(known.stateDir);
  const credentials = readCredentialsFile(known.stateDir);
  const embedded = services?.s3 ?? null;
  return {
    temporal: known.temporal ?? services?.temporal ?? null,
    s3:
      known.s3 ??
      (embedded === null || credentials === null
        ? null
        : { endpoint: embedded.endpoint, bucket: embedded.bucket, region: embedded.region, ...credentials }),
  };
}

const NOTIFY_PREFIX = 'GRAFT_NOTIFY_';
const SECRETS = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'TEMPORAL_API_KEY',
  'GRAFT_WEB_TOKEN',
  'GRAFT_OIDC_CLIENT_SECRET',
];

/**
 * The environment for a child process: this one's with `overrides` (undefined removes a variable).
 * `secrets: false` leaves out credentials and the servers they open, for children that decode images and train.
 */
export function childEnvironment(
  overrides: EnvironmentSource = {},
  options: { readonly secrets?: boolean } = {},
): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...process.env, ...overrides })) {
    const barred =
      options.secrets === false &&
      (SECRETS.includes(name) || /^(S3_|AWS_|TEMPORAL_|GRAFT_NOTIFY_|OTEL_EXPORTER_)/.test(name));
    if (value !== undefined && !barred) merged[name] = value;
  }
  return merged;
}

/** A variable that a pipeline file names for notifications (contracts/notify-config.ts); children never get these. */
export function notifyVariable(name: string): string | undefined {
  return name.startsWith(NOTIFY_PREFIX) ? process.env[name] : undefined;
}

/** Sets what is unset in this process's own environment: for native libraries, which read it when they load. */
export function defaultEnvironment(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) process.env[name] ??= value;
}

/** Sets variables of this process, whatever they are: for a native library that is about to read them. */
export function replaceEnvironment(values: Readonly<Record<string, string>>): void {
  Object.assign(process.env, values);
}

function parseEnvironment(source: EnvironmentSource): Environment {
  const present = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = Environment.safeParse(present);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const name = String(issue?.path[0] ?? 'environment');
  const seen = SECRETS.includes(name) ? 'a value that does not fit' : JSON.stringify(source[name]);
  throw inputError('CONFIG_ENV', name, seen, issue?.message, 'correct or unset the environment variable');
}

function temporalFrom(env: Environment): TemporalConnection | null {
  if (env.TEMPORAL_ADDRESS === undefined) return null;
  if ((env.TEMPORAL_TLS_CERT === undefined) !== (env.TEMPORAL_TLS_KEY === undefined)) {
    const missing = env.TEMPORAL_TLS_CERT === undefined ? 'TEMPORAL_TLS_CERT' : 'TEMPORAL_TLS_KEY';
    throw inputError('CONFIG_ENV', missing, 'unset', 'a certificate and its key together', 'set both or neither');
  }
  const certified = env.TEMPORAL_TLS_CERT !== undefined || env.TEMPORAL_TLS_CA !== undefined;
  // An API key in plain text would be readable on the way: it implies TLS unless TEMPORAL_TLS says no.
  const secure = env.TEMPORAL_TLS ?? (certified || env.TEMPORAL_API_KEY !== undefined);
  return {
    address: env.TEMPORAL_ADDRESS,
    namespace: env.TEMPORAL_NAMESPACE ?? 'default',
    ...(secure
      ? {
          tls: {
            ...(env.TEMPORAL_TLS_CERT === undefined ? {} : { certPath: env.TEMPORAL_TLS_CERT }),
            ...(env.TEMPORAL_TLS_KEY === undefined ? {} : { keyPath: env.TEMPORAL_TLS_KEY }),
            ...(env.TEMPORAL_TLS_CA === undefined ? {} : { caPath: env.TEMPORAL_TLS_CA }),
          },
        }
      : {}),
    ...(env.TEMPORAL_API_KEY === undefined ? {} : { apiKey: env.TEMPORAL_API_KEY }),
  };
}

function s3From(env: Environment): S3Connection | null {
  if (env.S3_ENDPOINT === undefined) return null;
  return {
    endpoint: env.S3_ENDPOINT,
    bucket: env.S3_BUCKET ?? 'graft',
    region: env.S3_REGION ?? 'us-east-1',
    accessKey: needed(env, 'AWS_ACCESS_KEY_ID'),
    secretKey: needed(env, 'AWS_SECRET_ACCESS_KEY'),
    ...(env.AWS_SESSION_TOKEN === undefined ? {} : { sessionToken: env.AWS_SESSION_TOKEN }),
  };
}

function needed(env: Environment, name: 'AWS_ACCESS_KEY_ID' | 'AWS_SECRET_ACCESS_KEY'): string {
  const value = env[name];
  if (value !== undefined) return value;
  throw inputError('CONFIG_ENV', name, 'unset', 'credentials beside S3_ENDPOINT', `set ${name}`);
}

/** XDG Base Directory specification 0.8: a relative XDG_CACHE_HOME is to be ignored. */
function cacheHome(env: Environment): string {
  const home = env.XDG_CACHE_HOME;
  return home !== undefined && isAbsolute(home) ? home : join(homedir(), '.cache');
}

function either(source: EnvironmentSource, name: string): string | null {
  const value = source[name] ?? source[name.toUpperCase()] ?? '';
  return value === '' ? null : value;
}
