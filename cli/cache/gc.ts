import { Command, InvalidArgumentError } from 'commander';
import { collect, planCollection } from '../../infra/clients/collect.ts';
import type { Collected, PlannedCollection } from '../../infra/clients/collect.ts';
import { oldestUnderWay } from '../../infra/clients/under-way.ts';
import type { UnderWay } from '../../infra/clients/under-way.ts';
import { duration } from '../lib/schedule-options.ts';
import { withServices } from '../lib/services.ts';
import { moment, plural, sizeOf, duration as spanOf } from '../lib/units.ts';
import { outputOf, withCommonOptions } from '../output.ts';
import type { Output } from '../output.ts';

const DAY_MS = 86_400_000;
/** Lists of workflows lag by seconds, and clocks differ. */
const LEAST_GRACE_MS = 3_600_000;

const HELP = `
Kept is what a registered version, a run of the last days, or a split speaks of, and whatever was made or taken within the
grace period. The rest is marked; a run that takes a marked result takes the mark away. What is still marked when the grace
period is over again, and was so before the oldest run under way began, loses its parts.

Examples:
  graft cache gc                  what would be done
  graft cache gc --apply          marks, and sweeps what was marked long enough ago
  graft cache gc --apply --grace 2d`;

/** `graft cache gc`. */
export function gcCommand(): Command {
  const command = withCommonOptions(
    new Command('gc')
      .description('Remove results that nothing needs; without --apply only say what would be done.')
      .option('--apply', 'mark and sweep; a dry run where absent')
      .option('--grace <duration>', 'how long a result stays unused, and then marked, at least 1h', grace, 14 * DAY_MS)
      .addHelpText('after', HELP),
  );
  return command.action(async ({ apply = false, grace: graceMs }: { apply?: boolean; grace: number }) => {
    const output = outputOf(command);
    await withServices(async ({ store, temporal }) => {
      const nowMs = Date.now();
      // Before storage is looked at: what begins after this takes nothing that is marked without unmarking it.
      const oldest = await oldestUnderWay(temporal);
      const plan = await planCollection(store, { nowMs, graceMs, oldestRunMs: oldest?.startedAt.getTime() ?? null });
      const done = apply ? await collect(store, plan, () => new Date()) : null;
      show(output, plan, oldest, done);
    });
  });
}

function grace(text: string): number {
  const ms = duration(text);
  if (ms >= LEAST_GRACE_MS) return ms;
  throw new InvalidArgumentError('expected at least 1h: a run that has just begun is not listed at once.');
}

function show(output: Output, plan: PlannedCollection, oldest: UnderWay | null, done: Collected | null): void {
  const stages = byStage(plan);
  const [willMark, willSweep] = done ? ['marked', 'swept'] : ['would be marked', 'would be swept'];
  output.table(
    ['stage', 'results', 'kept', willMark, 'marked before', willSweep],
    stages.map(({ stage, results, kept, mark, waiting, sweep }) => [
      ...[stage, results, amount(kept), amount(mark), amount(waiting), amount(sweep)],
    ]),
  );
  const leftOvers = total(plan.leftOvers);
  if (leftOvers.count > 0) output.say(`left over by killed attempts: ${amount(leftOvers)}`);
  for (const key of plan.scan.unreadable) output.warn(`WARNING: ${key} can't be read: nothing of it is touched`);
  const waits = [...plan.verdicts.values()].includes('waiting');
  if (oldest && waits) {
    output.say(
      `${oldest.workflowId} runs since ${moment(oldest.startedAt)}: what was marked after that waits for its end`,
    );
  }
  output.say(done ? said(done, plan.rules.graceMs) : 'nothing was changed: this was a dry run, --apply does it');
  output.result({
    ...{ applied: done !== null, graceSeconds: plan.rules.graceMs / 1000 },
    oldestRun: oldest && { workflowId: oldest.workflowId, startedAt: oldest.startedAt.toISOString() },
    stages: stages.map(({ stage, results, kept, mark, waiting, sweep }) => ({
      ...{ stage, results, kept: { ...kept } },
      ...{ mark: { ...mark }, waiting: { ...waiting }, sweep: { ...sweep } },
    })),
    leftOvers: { ...leftOvers },
    unreadable: [...plan.scan.unreadable],
    done: done && { ...done },
  });
}

function said({ marked, restored, swept, removedBytes, leftAlone }: Collected, graceMs: number): string {
  const parts = [
    `${plural(swept, 'result')} swept, ${sizeOf(removedBytes)} removed`,
    `${plural(marked, 'result')} marked: what no run takes within ${spanOf(graceMs / 1000)} goes then, by another graft cache gc --apply`,
    ...(restored > 0 ? [`${plural(restored, 'mark')} taken away: they are needed`] : []),
    ...(leftAlone > 0 ? [`${plural(leftAlone, 'result')} left alone: a run used them meanwhile`] : []),
  ];
  return parts.join('\n');
}

interface Amount {
  readonly count: number;
  readonly bytes: number;
}

const amount = ({ count, bytes }: Amount): string | null => (count === 0 ? null : `${count} (${sizeOf(bytes)})`);

const total = (list: readonly { readonly sizeBytes: number }[]): Amount => ({
  count: list.length,
  bytes: list.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
});

/** Swept results are not counted: they are a line of text. */
function byStage({ scan, verdicts }: PlannedCollection) {
  const stages = [...new Set(scan.results.map(({ stage }) => stage))].sort();
  return stages.flatMap((stage) => {
    const own = scan.results.filter((result) => result.stage === stage && verdicts.get(result.id) !== 'gone');
    const those = (...wanted: string[]) => total(own.filter(({ id }) => wanted.includes(verdicts.get(id) ?? '')));
    const kept = those('needed', 'young', 'restore');
    const rest = { mark: those('mark'), waiting: those('waiting'), sweep: those('sweep') };
    return own.length === 0 ? [] : [{ stage, results: own.length, kept, ...rest }];
  });
}
