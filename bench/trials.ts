/**
 * A sweep of 1,000 trials on a real Temporal server. Trainings are curves that are made up (test/lib/sweep-bench.ts), some
 * fail, and how long each takes is chance; everything else is real: the sweep's workflow, a run for each part of a
 * trial, continue-as-new. Ends with 1 where a decision differs from the simulator's, or a history has 10,000 events.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { simulate } from '../core/search/simulate.ts';
import { methods } from '../core/search/testing/methods.ts';
import { stream } from '../core/rng.ts';
import { simulated, sweepActivities, sweepInput } from '../test/lib/sweep-bench.ts';
import { workflowBench } from '../test/lib/workflow-bench.ts';
import type { WorkflowBench } from '../test/lib/workflow-bench.ts';
import type { sweepWorkflow } from '../workflows/index.ts';
import { SWEEP_WORKFLOW, sweepWorkflowId, taskQueues } from '../workflows/workflow-ids.ts';
import { benchOptions, say } from './lib/options.ts';
import { report, round } from './lib/report.ts';

const EVENTS_AT_MOST = 10_000;
const FAILING = 0.05;

const options = benchOptions('trials');
const trials = options.number('trials', options.quick ? 60 : 1000);
const method = methods['asha with tpe'] ?? { kind: 'random' };
const input = sweepInput('many-trials', {
  ...{ method, budget: trials, concurrency: 8, ...(options.quick ? { historyLimit: 300 } : {}) },
});

interface Execution {
  readonly kind: 'sweep' | 'run';
  readonly events: number;
  readonly bytes: number;
}

/** All executions of the server, once its list has them all. */
async function executionsOf({ client }: WorkflowBench, expected: number): Promise<Execution[]> {
  for (;;) {
    const found: Execution[] = [];
    for await (const { type, status, historyLength = 0, historySize = 0 } of client.workflow.list()) {
      if (status.name !== 'RUNNING') {
        found.push({ kind: type === SWEEP_WORKFLOW ? 'sweep' : 'run', events: historyLength, bytes: historySize });
      }
    }
    if (found.length >= expected) return found;
    await sleep(500);
  }
}

const order = stream(1, 'durations');
/** A part takes up to 60 ms, so that parts end in an order of chance. */
const pauseMs = (runId: string): number => 60 * order.uniform(0, Number(runId.slice(-4)));
const bench = await workflowBench();
try {
  const startedMs = performance.now();
  const handle = await bench.client.workflow.start<typeof sweepWorkflow>(SWEEP_WORKFLOW, {
    taskQueue: taskQueues.workflow,
    workflowId: sweepWorkflowId(input.sweepId),
    args: [input],
  });
  const result = await bench.withWorkers(sweepActivities({ failing: FAILING, pauseMs }), () => handle.result());
  const seconds = (performance.now() - startedMs) / 1000;
  say(`${result.trials.length} trials, ${result.legs} parts in ${round(seconds, 0)} s`);
  const { state } = simulate(input.state, simulated(FAILING));
  // The best one's training to its end and its way through the gate is one run more.
  const executions = await executionsOf(bench, result.legs + result.executions + 1);
  const differing = state.decisions.findIndex((one, at) => String(one) !== String(result.decisions?.[at]));
  const trialsDiffer = state.search.trials.filter(({ id, state: end, values, reports }) => {
    const here = result.trials[id];
    const metric = reports.at(-1)?.values[0] ?? null;
    return here?.state !== end || here.metric !== metric || JSON.stringify(here.values) !== JSON.stringify(values);
  });
  const same = differing === -1 && result.legs === state.decisions.length && trialsDiffer.length === 0;
  const most = (kind: Execution['kind'], figure: 'events' | 'bytes'): number =>
    Math.max(...executions.filter((each) => each.kind === kind).map((each) => each[figure]));
  const passed = same && Math.max(most('sweep', 'events'), most('run', 'events')) < EVENTS_AT_MOST;
  report(
    `A sweep of ${trials} trials, ${input.state.rules.concurrency} at once`,
    [
      {
        trials: result.trials.length,
        failed: result.trials.filter((trial) => trial.state === 'failed').length,
        parts: result.legs,
        'executions of the sweep': result.executions,
        'events at most: sweep': most('sweep', 'events'),
        'events at most: run': most('run', 'events'),
        'history at most MiB': round(most('sweep', 'bytes') / 2 ** 20),
        'report KiB': round(JSON.stringify(result).length / 1024, 0),
        'decides as the simulator': same ? 'yes' : `no: at ${differing}, ${trialsDiffer.length} trials`,
        seconds: round(seconds, 0),
      },
    ],
    [`asha with tpe; ${FAILING * 100} % of the settings fail; allowed: ${EVENTS_AT_MOST} events`],
  );
  process.exitCode = passed ? 0 : 1;
} finally {
  await bench.close();
}
