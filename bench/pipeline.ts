/**
 * What orchestration costs: a whole `graft run` on an embedded stack against the same work bare.
 *
 * Overhead = the workflow's time from start to close, by Temporal's own clock, minus what the same work takes without
 * a pipeline: the same training and evaluation jobs in graft's child process on prepared data that lie on the local disk
 * (start of the process and loading of TensorFlow included on both sides), and every picture read, hashed, decoded and
 * rendered once by the image process. So servers, uploads, downloads, checkpoints' way to the store, retries' waiting,
 * gate, promotion and the workflow's own gaps all count as overhead. Allowed: 5 s and 2 % of the bare time.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunReport } from '../contracts/run.ts';
import { unwrap } from '../core/result.ts';
import { loadPipelineFile } from '../infra/pipeline-file/load.ts';
import { connectTemporal } from '../infra/temporal/connect.ts';
import type { TemporalConnection } from '../infra/config.ts';
import { retrainWorkflowId } from '../workflows/workflow-ids.ts';
import { bareParts } from './lib/bare-parts.ts';
import { writeDigitFolders } from './lib/digit-folders.ts';
import { benchOptions, say } from './lib/options.ts';
import { figure, report } from './lib/report.ts';
import type { Row } from './lib/report.ts';
import { withStack } from './lib/stack.ts';

const ALLOWED = { seconds: 5, share: 0.02 };

const options = benchOptions('rounds');
const rounds = options.number('rounds', 1);
const perDigit = options.quick ? 20 : 128;
/** Like examples/digits, trained as a whole and at a size at which that takes some tens of seconds. */
const pipeline = options.quick
  ? 'image: { size: [32, 32] }\nmodel: { backbone: tiny-cnn, weights: random, strategy: scratch }\ntrain: { epochs: 20 }\n'
  : 'image: { size: [64, 64] }\nmodel: { backbone: efficientnet-lite0, weights: imagenet, strategy: full }\ntrain: { epochs: 5 }\n';

async function workflowSeconds(temporal: TemporalConnection, runId: RunReport['runId']): Promise<number> {
  const { client, close } = await connectTemporal(temporal);
  try {
    const { startTime, closeTime } = await client.workflow.getHandle(retrainWorkflowId(runId)).describe();
    if (closeTime === undefined) throw new Error(`run ${runId} has not ended`);
    return (closeTime.getTime() - startTime.getTime()) / 1000;
  } finally {
    await close();
  }
}

async function oneRound(round: number): Promise<Row[]> {
  return withStack(async ({ dir, cli, connections }) => {
    const imagesDir = await writeDigitFolders(dir, perDigit);
    const file = join(dir, 'digits.yaml');
    await writeFile(file, `name: digits\ndataset: { source: ./images }\n${pipeline}`);
    const startedMs = performance.now();
    const run = await cli.json<RunReport>('run', file);
    const commandSeconds = (performance.now() - startedMs) / 1000;
    const workflow = await workflowSeconds(connections.temporal, run.runId);
    say(`round ${round + 1}: ${run.status} in ${figure(workflow, 1)} s`);
    const { config } = unwrap(await loadPipelineFile(file, { set: [] }));
    const bare = await bareParts({ dir, imagesDir, config, s3: connections.s3 });
    const stages = (...names: readonly string[]): number =>
      run.stages.filter(({ name }) => names.includes(name)).reduce((sum, { seconds }) => sum + seconds, 0);
    const all = run.stages.reduce((sum, { seconds }) => sum + seconds, 0);
    const bareTotal = bare.data + bare.train + bare.evaluate;
    const line = (part: string, inPipeline: number, alone: number): Row => ({
      round: round + 1,
      part,
      'in the pipeline s': figure(inPipeline),
      'bare s': figure(alone),
      'overhead s': figure(inPipeline - alone),
      'allowed s': '',
    });
    return [
      line('ingest, validate, split, prepare', stages('ingest', 'validate', 'split', 'prepare'), bare.data),
      line('train', stages('train'), bare.train),
      line('evaluate', stages('evaluate'), bare.evaluate),
      line('gate, promote', stages('gate', 'promote'), 0),
      line('between the stages', workflow - all, 0),
      {
        ...line('whole workflow', workflow, bareTotal),
        'allowed s': figure(ALLOWED.seconds + ALLOWED.share * bareTotal),
      },
      line('the command around it: graft run', commandSeconds - workflow, 0),
    ];
  });
}

const rows: Row[] = [];
for (let round = 0; round < rounds; round++) rows.push(...(await oneRound(round)));
report(`A pipeline of ${10 * perDigit} digits against the bare work`, rows, [
  `allowed: ${ALLOWED.seconds} s and ${ALLOWED.share * 100} % of the bare time, for the whole workflow`,
]);
