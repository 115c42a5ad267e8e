import process from 'node:process';
import type { RunId } from '../../core/ids.ts';
import type { RunReport } from '../../contracts/run.ts';
import type { Json } from '../../core/canonical-json.ts';
import { exitCode } from '../output.ts';
import type { Output } from '../output.ts';
import { follow } from './follow.ts';
import { listenForInterrupt } from './interrupt.ts';
import { RunView, showReport, whereToLook } from './run-view.ts';
import type { Services } from './services.ts';
import { readRunReport } from '../../infra/clients/stored-run.ts';
import { duration } from './units.ts';

export interface FollowCommand {
  readonly runId: RunId;
  readonly output: Output;
  /** Exit with 4 where the gate refused. */
  readonly requirePromotion?: boolean;
  /** A run that ends cancelled is what was asked for: no error. */
  readonly cancelling?: boolean;
}

/** Follows a run on behalf of a command: shows it, prints its report, sets the exit code, throws what it failed with. */
export async function followCommand({ runs, store }: Services, command: FollowCommand): Promise<void> {
  const { runId, output } = command;
  const interrupt = listenForInterrupt();
  try {
    const end = await follow({
      runs,
      runId,
      view: new RunView(output, process.stderr.isTTY),
      interrupted: interrupt.asked,
      readReport: (id) => readRunReport(store, id),
    });
    if (end.kind === 'detached') {
      output.warn(`${runId} goes on without this window: graft runs watch ${runId}, or graft runs cancel ${runId}`);
      process.exitCode = exitCode.cancelled;
      return;
    }
    if (end.kind === 'completed') {
      const info = await runs.describe(runId);
      const tookMs = info?.endedAt ? info.endedAt.getTime() - info.startedAt.getTime() : 0;
      return completed(end.report, command, tookMs / 1000);
    }
    const { error, report } = end;
    if (report) output.say('');
    output.result({ ...failedReport(runId, report, error.kind), error: { code: error.code, message: error.message } });
    if (command.cancelling && error.kind === 'cancelled')
      output.say(`${runId} is cancelled — ${error.parts.remedy ?? ''}`);
    else throw error;
  } finally {
    interrupt.dispose();
  }
}

function completed(report: RunReport, { runId, output, requirePromotion }: FollowCommand, seconds: number): void {
  output.say(`\n${runId} completed in ${duration(seconds)}`);
  showReport(report, output);
  output.say(whereToLook(report));
  output.result(report);
  if (requirePromotion && report.model?.promoted !== true) process.exitCode = exitCode.notPromoted;
}

/** What is known of a run that did not complete, in the shape of one that did. */
function failedReport(
  runId: RunId,
  report: RunReport | null,
  kind: string,
): { readonly [key: string]: Json | undefined } {
  const status = kind === 'cancelled' ? 'cancelled' : 'failed';
  const nothing = {
    weightsSha256: null,
    metrics: null,
    model: null,
    gate: [],
    stages: [],
    dataset: null,
    findings: [],
  };
  return { ...nothing, ...report, runId, status };
}
