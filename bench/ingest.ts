/**
 * JPEG files to 224 × 224 pixels: graft's image processes against tf.data, in alternating rounds over the same files on
 * the same machine. The peer needs GRAFT_BENCH_PYTHON, an interpreter that has tensorflow (and Pillow, for the quality).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { childEnvironment } from '../infra/config.ts';
import { createImageDecoder } from '../infra/images/image-decoder.ts';
import { ownCpuSeconds } from './lib/cpu-time.ts';
import { writeJpegs } from './lib/jpeg-set.ts';
import { startPeer } from './lib/python-peer.ts';
import { report, round } from './lib/report.ts';

const COUNT = 600;
const SIDE_PX = 430;
const ROUNDS = 9;
/** Over the same files in one round: the start and the end of a round weigh less. */
const PASSES = 2;
/** As prepare asks for them. */
const AT_ONCE = 128;
/** Pictures that are compared with Pillow's. */
const COMPARED = 32;
const spec = { heightPx: 224, widthPx: 224, channels: 3, resize: 'stretch' } as const;
const peers = [
  { name: 'tf.data, bilinear (the default)', method: 'bilinear', antialias: false, dtype: 'float32' },
  { name: 'tf.data, bilinear, to uint8', method: 'bilinear', antialias: false, dtype: 'uint8' },
  { name: 'tf.data, bilinear, antialias', method: 'bilinear', antialias: true, dtype: 'float32' },
  { name: 'tf.data, bicubic, antialias', method: 'bicubic', antialias: true, dtype: 'float32' },
] as const;

interface Measured {
  readonly perSecond: number;
  readonly cpuMs: number;
}
const Timed = z.object({ images: z.int(), seconds: z.number(), cpuSeconds: z.number() });
const Difference = z.object({ difference: z.number() });

const folder = await mkdtemp(join(tmpdir(), 'graft-bench-'));
const paths = await writeJpegs(folder, COUNT, SIDE_PX);
const asked = Array.from({ length: PASSES }, () => paths).flat();
const decoder = createImageDecoder({ env: childEnvironment({}, { secrets: false }) });
const peer = await startPeer(fileURLToPath(new URL('peers/tf_data_ingest.py', import.meta.url)), [folder]);

const rowBytes = spec.heightPx * spec.widthPx * spec.channels;
const buffers = [new Uint8Array(AT_ONCE * rowBytes), new Uint8Array(AT_ONCE * rowBytes)] as const;

/** All files `PASSES` times, two requests of `AT_ONCE` under way. */
async function graftRound(): Promise<Measured> {
  const before = { ms: performance.now(), cpu: ownCpuSeconds(peer ? [peer.pid] : []) };
  const requests: (readonly string[])[] = [];
  for (let at = 0; at < asked.length; at += AT_ONCE) requests.push(asked.slice(at, at + AT_ONCE));
  const under = buffers.map((into, i) => decoder.render(requests[i] ?? [], spec, into));
  for (let i = 0; i < requests.length; i++) {
    const rendered = await under[i];
    if (!rendered?.every(({ ok }) => ok)) throw new Error('a picture was not rendered');
    const following = requests[i + 2];
    if (following) under.push(decoder.render(following, spec, buffers[i % 2] ?? buffers[0]));
  }
  const seconds = (performance.now() - before.ms) / 1000;
  const cpu = ownCpuSeconds(peer ? [peer.pid] : []) - before.cpu;
  return { perSecond: asked.length / seconds, cpuMs: (1000 * cpu) / asked.length };
}

async function peerRound(options: (typeof peers)[number]): Promise<Measured> {
  const { images, seconds, cpuSeconds } = Timed.parse(await peer?.ask({ kind: 'timed', passes: PASSES, ...options }));
  return { perSecond: images / seconds, cpuMs: (1000 * cpuSeconds) / images };
}

async function differenceOf(request: object): Promise<number | string> {
  const answer = Difference.safeParse(
    await peer?.ask({ kind: 'difference', count: COMPARED, pixels: null, ...request }),
  );
  return answer.success ? round(answer.data.difference) : 'no Pillow';
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function main(): Promise<void> {
  const subjects = [
    { name: 'graft', run: graftRound },
    ...(peer ? peers.map((options) => ({ name: options.name, run: () => peerRound(options) })) : []),
  ];
  const rounds: Measured[][] = [];
  // The first round warms up: processes, page cache, AUTOTUNE.
  for (let i = 0; i <= ROUNDS; i++) {
    const measured: Measured[] = [];
    for (const { run } of subjects) measured.push(await run());
    if (i > 0) rounds.push(measured);
  }
  const pixels = join(folder, 'graft.rgb');
  await decoder.render(paths.slice(0, COMPARED), spec, buffers[0]);
  await writeFile(pixels, buffers[0].subarray(0, COMPARED * rowBytes));
  const rows: Record<string, string | number>[] = [];
  for (const [i, { name }] of subjects.entries()) {
    const of = (value: (round: readonly Measured[]) => number): number => median(rounds.map(value));
    rows.push({
      what: name,
      'images/s': round(
        of((r) => r[i]?.perSecond ?? 0),
        0,
      ),
      'graft is × (images/s)': round(of((r) => (r[0]?.perSecond ?? 0) / (r[i]?.perSecond ?? 1))),
      'CPU ms an image': round(of((r) => r[i]?.cpuMs ?? 0)),
      'graft is × (CPU)': round(of((r) => (r[i]?.cpuMs ?? 0) / (r[0]?.cpuMs ?? 1))),
      'mean |Δ| to Pillow bicubic': peer ? await differenceOf(i === 0 ? { pixels } : (peers[i - 1] ?? {})) : 'no peer',
    });
  }
  report(
    `${COUNT} JPEGs of ${SIDE_PX}×${SIDE_PX} to 224×224: medians of ${ROUNDS} alternating rounds of ${PASSES} passes`,
    rows,
  );
}

try {
  await main();
} finally {
  peer?.close();
  await decoder.close();
  await rm(folder, { recursive: true });
}
