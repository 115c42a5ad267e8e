import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';
import { childEnvironment, settings } from '../../infra/config.ts';
import { processorEnv, tensorFlowEnv } from '../../infra/native/tensorflow-env.ts';
import { threads } from './graft-child.ts';
import { median } from './statistics.ts';
import type { Measured, Timing } from './timing.ts';

/** Who is measured beside graft, and how. */
export interface Peer {
  readonly id: string;
  readonly title: string;
  /** What must be importable in GRAFT_BENCH_PYTHON; null for one that needs no Python. */
  readonly needs: 'keras' | 'torch' | null;
  /** With graft's own switches for TensorFlow, or as its user gets it. */
  readonly tuned: boolean;
  /** Keras's XLA: as Keras decides (none on a machine without an accelerator), or on. */
  readonly jit: 'auto' | 'on';
  /** Measured without `--peers`. */
  readonly byDefault: boolean;
}

export const peers: readonly Peer[] = [
  { id: 'keras', title: 'keras.fit', needs: 'keras', tuned: false, jit: 'auto', byDefault: true },
  {
    id: 'keras-env',
    title: 'keras.fit, graft’s environment',
    needs: 'keras',
    tuned: true,
    jit: 'auto',
    byDefault: true,
  },
  { id: 'keras-xla', title: 'keras.fit, jit_compile=True', needs: 'keras', tuned: true, jit: 'on', byDefault: false },
  { id: 'torch', title: 'PyTorch, channels_last', needs: 'torch', tuned: false, jit: 'auto', byDefault: true },
  { id: 'tfjs', title: 'tfjs-node fit', needs: null, tuned: true, jit: 'auto', byDefault: true },
];

/** Peers by `--peers a,b`, or the default ones; null where a name is none. */
export function chosenPeers(list: string | null): readonly Peer[] | null {
  if (list === null) return peers.filter(({ byDefault }) => byDefault);
  const chosen = list.split(',').map((id) => peers.find((each) => each.id === id.trim()));
  return chosen.every((peer) => peer !== undefined) ? chosen : null;
}

const here = (file: string): string => fileURLToPath(new URL(`../peers/${file}`, import.meta.url));

/** The interpreter that has the peers; the one variable of the benchmarks. */
const python = process.env['GRAFT_BENCH_PYTHON'] ?? '';

const Version = z.object({ version: z.string().nullable(), why: z.string() });
const Versions = z.object({ keras: Version, torch: Version });
export type Versions = z.infer<typeof Versions>;

/** Which peers this interpreter can import, and where not, why. */
export async function peerVersions(): Promise<Versions> {
  if (python === '') {
    const none = { version: null, why: 'GRAFT_BENCH_PYTHON is not set' };
    return { keras: none, torch: none };
  }
  return Versions.parse(await askPython('versions.py', {}, plainEnv(), 300));
}

/** The reason why a peer can't be measured here; null where it can. */
export function whyNot(peer: Peer, versions: Versions): string | null {
  if (peer.needs === null) return null;
  const { version, why } = versions[peer.needs];
  return version === null ? why : null;
}

/** What others were doing on this machine: a load near the number of threads makes the figures worthless. */
const [loadBefore = Number.NaN] = loadavg();

/** For the notes under a table. */
export function versionNotes(versions: Versions): string[] {
  const named = Object.entries(versions).map(
    ([name, { version, why }]) => `${name}: ${version ?? `not measured: ${why}`}`,
  );
  const limited = Object.keys(withoutAvx512).length > 0 ? ['no AVX-512 on any side (GRAFT_PROCESSOR=x86-64-v3)'] : [];
  return [`threads: ${threads} on every side; load average before: ${loadBefore.toFixed(1)}`, ...limited, ...named];
}

/** The environment of a process without anything that sets TensorFlow or its threads: what a user has. */
function plainEnv(): Record<string, string> {
  const set = Object.keys(tensorFlowEnv({ threads }));
  return childEnvironment(Object.fromEntries(set.map((name) => [name, undefined])), { secrets: false });
}

/** GRAFT_PROCESSOR=x86-64-v3: what TensorFlow and PyTorch do by default on a processor without AVX-512. */
const withoutAvx512 =
  settings().processor === 'x86-64-v3'
    ? { TF_ENABLE_ONEDNN_OPTS: '0', ...processorEnv('x86-64-v3'), ATEN_CPU_CAPABILITY: 'avx2' }
    : {};

const peerEnv = (peer: Pick<Peer, 'tuned'>): Record<string, string> => ({
  ...plainEnv(),
  ...withoutAvx512,
  // Fewer words on stderr, no other effect.
  TF_CPP_MIN_LOG_LEVEL: '2',
  ...(peer.tuned ? tensorFlowEnv({ threads }) : {}),
});

/** Runs a script of bench/peers with one JSON argument; its last line on stdout is its answer. */
async function ask(
  command: string,
  args: readonly string[],
  spec: object,
  env: Record<string, string>,
  limitSeconds: number,
): Promise<unknown> {
  const result = await execa(command, [...args, JSON.stringify(spec)], {
    env,
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    timeout: limitSeconds * 1000,
    killSignal: 'SIGKILL',
  });
  const answer = result.stdout.trim().split('\n').at(-1) ?? '';
  if (result.exitCode === 0 && answer.startsWith('{')) return JSON.parse(answer);
  const lastWords = result.stderr.trim().split('\n').at(-1) ?? '';
  const end = result.signal === undefined ? `exited with ${result.exitCode}` : `killed by ${result.signal}`;
  throw new Error(result.timedOut ? `no answer in ${limitSeconds} s` : `${end}: ${lastWords}`);
}

const askPython = (file: string, spec: object, env: Record<string, string>, limit: number): Promise<unknown> =>
  ask(python, [here(file)], spec, env, limit);

/** Asks a Python peer that is no training for timing: for benchmarks with a script of their own. */
export const askKeras = (
  file: string,
  spec: object,
  peer: Pick<Peer, 'tuned'>,
  limitSeconds: number,
): Promise<unknown> => askPython(file, { ...spec, threads }, peerEnv(peer), limitSeconds);

/** What every timed training gets. */
export interface PeerTraining {
  readonly backbone: string;
  readonly strategy: string;
  readonly sidePx: number;
  readonly classes: number;
  readonly batchSize: number;
  /** A safetensors file with `images` uint8 and `labels` int32. */
  readonly imagesPath: string;
}

const Answer = z.object({
  stepMs: z.array(z.number().positive()).min(1),
  peakMb: z.number().nullable(),
  xla: z.boolean().optional(),
});
const LIMIT_SECONDS = 900;

/** Images a second of a peer's training: the median of its steps after the warm-up. */
export async function measurePeer(peer: Peer, training: PeerTraining, timing: Timing): Promise<Measured> {
  const spec = { ...training, ...timing, threads, jit: peer.jit };
  const env = peerEnv(peer);
  const answer =
    peer.needs === null
      ? await ask(
          process.execPath,
          ['--import', import.meta.resolve('tsx'), here('tfjs-fit.ts')],
          spec,
          env,
          LIMIT_SECONDS,
        )
      : await askPython(`${peer.needs}_train.py`, spec, env, LIMIT_SECONDS);
  const { stepMs, peakMb, xla } = Answer.parse(answer);
  const rate = (training.batchSize * 1000) / (median(stepMs) ?? Number.NaN);
  return { imagesPerSecond: rate, peakMb, steps: stepMs.length, ...(xla === undefined ? {} : { xla }) };
}
