/**
 * What `graft serve` does under load: throughput and latency with so many clients at once, and failed requests while the
 * alias moves on and back. `npm run bench:serve -- --case mobilenet-v2 --seconds 20`.
 */
import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { unwrap } from '../core/result.ts';
import { ensureBucket } from '../infra/s3/ensure-bucket.ts';
import { createS3ObjectStore } from '../infra/s3/s3-object-store.ts';
import { picture } from '../test/fakes/image-fixtures.ts';
import { ask, promoteTo, registerMadeUp, startServe } from '../test/lib/serve-bench.ts';
import { startS3 } from '../test/servers.ts';
import { benchOptions } from './lib/options.ts';
import { report, round } from './lib/report.ts';

const options = benchOptions('seconds', 'case');
const seconds = options.number('seconds', options.quick ? 3 : 15);
const backbone = options.text('case') === 'mobilenet-v2' ? 'mobilenet-v2' : 'tiny-cnn';
const sidePx = backbone === 'tiny-cnn' ? 32 : 224;

const dir = await mkdtemp(join(tmpdir(), 'graft-bench-serve-'));
const s3 = await startS3();
const store = createS3ObjectStore(s3.options('models'));
const rows: Record<string, string | number>[] = [];
try {
  unwrap(await ensureBucket(store));
  const image = { heightPx: sidePx, widthPx: sidePx, channels: 3, resize: 'stretch' } as const;
  const first = await registerMadeUp(store, dir, 1, { backbone, image });
  const second = await registerMadeUp(store, dir, 2, { backbone, image });
  await promoteTo(store, first);
  const server = await startServe(s3.options('models'), join(dir, 'state'), []);
  const jpeg = await picture(400, 300).jpeg().toBuffer();
  for (const clients of [1, 4, 16]) rows.push(await load(server.url, jpeg, clients, 'steady', () => Promise.resolve()));
  rows.push(
    await load(server.url, jpeg, 4, 'promotion and rollback', async () => {
      await promoteTo(store, second);
      await new Promise((resolve) => setTimeout(resolve, (seconds * 1000) / 2));
      await promoteTo(store, first);
    }),
  );
  server.kill('SIGTERM');
  await server.exited;
} finally {
  store.close();
  await s3.stop();
  await rm(dir, { recursive: true, force: true });
}
report(`graft serve, ${backbone} ${sidePx}, JPEGs of 400 × 300`, rows);

/** So many clients, each with one request after the other. */
async function load(url: string, jpeg: Buffer, clients: number, what: string, meanwhile: () => Promise<void>) {
  const latencies: number[] = [];
  const versions = new Set<number | null>();
  let failed = 0;
  const startedMs = performance.now();
  const end = startedMs + seconds * 1000;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const askedMs = performance.now();
      const { status, version } = await ask(url, jpeg);
      latencies.push(performance.now() - askedMs);
      versions.add(version);
      if (status !== 200) failed++;
    }
  };
  await Promise.all([meanwhile(), ...Array.from({ length: clients }, client)]);
  const sorted = latencies.sort((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.floor(sorted.length * share)] ?? 0, 1);
  const perSecond = round((latencies.length * 1000) / (performance.now() - startedMs), 1);
  const seen = [...versions].join(', ');
  return {
    load: what,
    clients,
    'requests/s': perSecond,
    'p50 ms': at(0.5),
    'p99 ms': at(0.99),
    failed,
    versions: seen,
  };
}
