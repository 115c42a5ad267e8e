import { Command } from 'commander';
import type { ApprovalAnswer, ApprovalVerdict } from '../contracts/approval.ts';
import { inputError } from '../core/errors.ts';
import type { RunId } from '../core/ids.ts';
import { answerApproval, answerByLink } from '../infra/clients/approvals.ts';
import { APPROVAL_SECRET } from '../infra/approvals/link.ts';
import { notifyVariable } from '../infra/config.ts';
import { findRun } from '../infra/clients/find-run.ts';
import { requester } from '../infra/clients/requester.ts';
import { withServices } from './lib/services.ts';
import type { Services } from './lib/services.ts';
import { outputOf, withCommonOptions } from './output.ts';

type Decision = ApprovalAnswer['decision'];

interface AnswerFlags {
  readonly reason?: string;
  readonly link?: string;
}

const HELP = `
The run has stored what it compares (graft runs show RUN names the report). Who answers, when and why goes into the run
and into the model's ledger.
Exit codes: 0 the run has taken the answer, 2 it does not count (not waiting, answered before, too late, another person's
to give), 3 nobody takes it up.`;

/** `graft approve RUN`. */
export function approveCommand(): Command {
  return answerCommand(
    'approve',
    'Let a run that waits for approval promote its model.',
    new Command('approve').option('--reason <why>', 'why; the ledger keeps it'),
    ['graft approve latest', "graft approve digits-20261124 --reason 'looked at the night images'"],
  );
}

/** `graft reject RUN --reason WHY`. */
export function rejectCommand(): Command {
  return answerCommand(
    'reject',
    'Keep a run that waits for approval from promoting its model; the version stays in the registry.',
    new Command('reject').option('--reason <why>', 'why; the run keeps it (needed)'),
    ["graft reject latest --reason 'dogs got worse'"],
  );
}

function answerCommand(decision: Decision, description: string, base: Command, examples: readonly string[]): Command {
  const command = withCommonOptions(
    base
      .description(description)
      .argument('[run]', 'a run id, the unambiguous beginning of one, or latest')
      .option('--link <link>', 'a signed link from a notification in place of the run')
      .addHelpText('after', `${HELP}\n\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`),
  );
  return command.action(async (text: string | undefined, flags: AnswerFlags) => {
    const output = outputOf(command);
    if ((text === undefined) === (flags.link === undefined)) {
      const seen = text === undefined ? 'neither a run nor --link' : 'a run and --link';
      throw inputError('USAGE', `graft ${decision}`, seen, 'one of them', `graft ${decision} latest`);
    }
    const { runId, verdict } = await withServices((services) => answer(services, decision, text, flags));
    const { round, outcome, by, at, reason, via } = verdict;
    output.say(`${runId}: ${outcome} by ${by ?? 'nobody'}`);
    output.say(`see what comes of it: graft runs watch ${runId}`);
    output.result({ runId, decision: outcome, by, at, reason, via, round });
  });
}

async function answer(
  { runs, store, temporal }: Services,
  decision: Decision,
  text: string | undefined,
  { reason = '', link }: AnswerFlags,
): Promise<{ readonly runId: RunId; readonly verdict: ApprovalVerdict }> {
  const services = { temporal, store };
  if (link !== undefined) {
    const secret = notifyVariable(APPROVAL_SECRET) ?? '';
    const { runId, ...verdict } = await answerByLink(
      services,
      link,
      { decision, reason },
      { secret, nowMs: Date.now() },
    );
    return { runId, verdict };
  }
  const { runId } = await findRun(text ?? '', runs, store);
  const verdict = await answerApproval(services, runId, { decision, by: requester(), reason, via: 'command' });
  return { runId, verdict };
}
