/**
 * What many pictures take: `graft run` on an embedded stack up to the end of `prepare`, its worker killed (SIGKILL) once
 * in the middle of reading, and a count of everything afterwards. Reported: images a second of each stage, the most
 * memory that any process ever had, the events of the workflow's history, and whether an item was lost or doubled.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatasetItem, DatasetManifest, PrepareOutput } from '../contracts/manifests.ts';
import type { RunReport } from '../contracts/run.ts';
import { datasetItems } from '../activities/lib/dataset.ts';
import { readLines } from '../activities/lib/json-lines.ts';
import { requireStage } from '../activities/lib/stage.ts';
import { asRunId } from '../core/ids.ts';
import type { ObjectStore } from '../infra/ports/object-store.ts';
import { createS3ObjectStore } from '../infra/s3/s3-object-store.ts';
import { connectTemporal } from '../infra/temporal/connect.ts';
import { retrainWorkflowId } from '../workflows/workflow-ids.ts';
import { writeManyPictures } from './lib/many-pictures.ts';
import { benchOptions, say } from './lib/options.ts';
import { peakMemoryMb } from './lib/peak-memory.ts';
import { figure, report } from './lib/report.ts';
import { withStack } from './lib/stack.ts';
import type { Stack } from './lib/stack.ts';

const options = benchOptions('images');
const images = options.number('images', options.quick ? 6_000 : 200_000);
const BAD_EVERY = 1_000;
const LIMIT_MB = 600;
const LIMIT_EVENTS = 400;
const LOOK_EVERY_MS = 500;
const DATA_STAGES = ['ingest', 'validate', 'split', 'prepare'];

type Shown = Pick<RunReport, 'status' | 'stages'>;

await withStack(async (stack) => {
  const { dir, cli, connections } = stack;
  say(`writing ${images} pictures`);
  const bad = await writeManyPictures(join(dir, 'pictures'), images, BAD_EVERY);
  await writeFile(
    join(dir, 'scale.yaml'),
    `name: scale
dataset: { source: ./pictures, workers: 2 }
image: { size: [32, 32] }
model: { backbone: tiny-cnn, weights: random, strategy: scratch }
train: { epochs: 1 }
`,
  );
  const store = createS3ObjectStore(connections.s3);
  const peaks = watchMemory(stack);
  try {
    const { runId } = await cli.json<{ runId: string }>('run', 'scale.yaml', '--detach');
    await halfRead(store);
    const killed = cli.kill('worker', 'images');
    say(`half is read: killed ${killed} processes`);
    const stages = await dataStages(stack, runId);
    // Training comes next, with a process of its own.
    const memory = peaks.stop();
    await cli.run('runs', 'cancel', runId);
    const counts = await count(store);
    const events = await historyEvents(stack, runId);
    const total = stages.reduce((sum, { seconds }) => sum + seconds, 0);
    report(
      `${images} pictures of 32×32 read, validated, split and prepared, the worker killed once`,
      [
        ...stages.map(({ name, seconds }) => ({
          what: `${name}, images/s`,
          seen: figure(images / seconds),
          limit: '',
        })),
        { what: 'all four, images/s', seen: figure(images / total), limit: '' },
        {
          what: 'items + quarantined',
          seen: `${counts.items} + ${counts.quarantined}`,
          limit: `${images - bad} + ${bad}`,
        },
        { what: 'different items prepared', seen: String(counts.prepared), limit: String(images - bad) },
        { what: 'rows prepared', seen: String(counts.rows), limit: String(images - bad) },
        { what: 'events of the workflow', seen: String(events), limit: `at most ${LIMIT_EVENTS}` },
        ...[...memory]
          .filter(([role]) => role !== 'trainer')
          .map(([role, mb]) => ({
            what: `most memory of a process: ${role}, MiB`,
            seen: figure(mb, 0),
            limit: role === 'temporal' || role === 's3' ? '' : `at most ${LIMIT_MB}`,
          })),
      ],
      ['items in = prepared + quarantined, each once'],
    );
  } finally {
    peaks.stop();
    store.close();
  }
});

/** The most that any process of each role ever had resident. */
function watchMemory({ cli }: Stack): { stop(): ReadonlyMap<string, number> } {
  const peaks = new Map<string, number>();
  const timer = setInterval(() => {
    for (const { pid, role } of cli.processes()) {
      peaks.set(role, Math.max(peaks.get(role) ?? 0, peakMemoryMb(pid) ?? 0));
    }
  }, LOOK_EVERY_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return peaks;
    },
  };
}

/** Resolves when half of the partitions have their records. */
async function halfRead(store: ObjectStore): Promise<void> {
  const half = images / 2_048 / 2;
  for (;;) {
    let chunks = 0;
    for await (const { key } of store.list('datasets/scale/chunks/')) chunks += key.endsWith('.json') ? 1 : 0;
    if (chunks >= half) return;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

async function dataStages({ cli }: Stack, runId: string): Promise<RunReport['stages']> {
  for (let told = 0; ;) {
    const { status, stages } = await cli.json<Shown>('runs', 'show', runId);
    const done = stages.filter(({ name }) => DATA_STAGES.includes(name));
    for (const { name, seconds } of done.slice(told)) say(`${name}: ${figure(seconds, 0)} s`);
    told = done.length;
    if (done.length === DATA_STAGES.length) return done;
    if (status !== 'running') throw new Error(`the run ended: ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
  }
}

/** Everything there is of the data set, read again from the store. */
async function count(store: ObjectStore) {
  const { signal } = new AbortController();
  let manifest: DatasetManifest | null = null;
  let quarantined = 0;
  let prepared: PrepareOutput | null = null;
  for await (const { key } of store.list('datasets/scale/')) {
    if (!key.endsWith('/manifest.json')) continue;
    manifest = DatasetManifest.parse(JSON.parse(new TextDecoder().decode((await store.get(key))?.body)));
  }
  for await (const { key } of store.list('stages/')) {
    if (key.startsWith('stages/prepare/') && key.endsWith('manifest.json')) {
      prepared = await requireStage(store, key, PrepareOutput);
    }
    if (key.startsWith('stages/ingest/') && key.endsWith('quarantine.jsonl')) {
      const body = (await store.get(key))?.body;
      quarantined = new TextDecoder().decode(body).trim().split('\n').length;
    }
  }
  if (manifest === null || prepared === null) throw new Error('no data set, or nothing prepared');
  const items = new Set<string>();
  for await (const { path } of datasetItems(store, manifest, signal)) items.add(path);
  const paths = new Set<string>();
  let rows = 0;
  const Line = DatasetItem.pick({ path: true });
  for (const { shards } of Object.values(prepared.sides)) {
    for (const shard of shards) {
      for await (const { path } of readLines(store, shard.items, Line, signal)) {
        rows++;
        if (items.has(path)) paths.add(path);
      }
    }
  }
  return { items: items.size, quarantined, prepared: paths.size, rows };
}

async function historyEvents({ connections }: Stack, runId: string): Promise<number> {
  const { client, close } = await connectTemporal(connections.temporal);
  try {
    const described = await client.workflow.getHandle(retrainWorkflowId(asRunId(runId))).describe();
    return described.historyLength;
  } finally {
    await close();
  }
}
