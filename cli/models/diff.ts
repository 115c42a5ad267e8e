import { Command } from 'commander';
import type { Json } from '../../core/canonical-json.ts';
import { changedFields } from '../../core/promotion/differences.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { resolveModel } from '../../infra/clients/registry.ts';
import { withStore } from '../lib/services.ts';
import { outputOf, withCommonOptions } from '../output.ts';

/** `graft models diff NAME A B`. */
export function diffCommand(): Command {
  const command = withCommonOptions(
    new Command('diff')
      .description('Show what two versions of a model do not have in common: figures, network, data, code.')
      .argument('<name>', 'a model')
      .argument('<a>', 'a version or an alias')
      .argument('<b>', 'another')
      .addHelpText(
        'after',
        '\nExamples:\n  graft models diff digits 2 3\n  graft models diff digits champion 5 --json',
      ),
  );
  return command.action(async (name: string, a: string, b: string) => {
    const output = outputOf(command);
    const [left, right] = await withStore((store) =>
      Promise.all([resolveModel(store, `${name}@${a}`), resolveModel(store, `${name}@${b}`)]),
    );
    const changes = changedFields(compared(left), compared(right));
    if (changes.length === 0) output.say(`versions ${left.version} and ${right.version} are the same`);
    else {
      output.table(
        ['', `version ${left.version}`, `version ${right.version}`],
        changes.map(({ field, before, after }) => [field, shown(before), shown(after)]),
      );
    }
    output.result({ name, a: left.version, b: right.version, changes: changes.map((change) => ({ ...change })) });
  });
}

/** What tells two versions apart; not their names, and not the large parts. */
function compared({ weights, model, metrics, lineage, runId, createdAt }: ModelVersion): Json {
  const { perClass, confusion: _, ...figures } = metrics;
  const recall = Object.fromEntries(perClass.map(({ label, recall: value }) => [label, value]));
  return { createdAt, runId, weights: weights.sha256, model, metrics: { ...figures, recall }, lineage };
}

function shown(value: Json): string {
  if (typeof value === 'number') return String(Number(value.toFixed(6)));
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '–');
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text.slice(0, 60);
}
