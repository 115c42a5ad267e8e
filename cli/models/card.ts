import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { modelCard, recallInterval } from '../../core/promotion/model-card.ts';
import { cardFacts } from '../../infra/clients/model-card.ts';
import { resolveModel } from '../../infra/clients/registry.ts';
import { withStore } from '../lib/services.ts';
import { outputOf, withCommonOptions } from '../output.ts';

/** `graft models card NAME[@VERSION]`. */
export function cardCommand(): Command {
  const command = withCommonOptions(
    new Command('card')
      .description('Print a version’s model card: use, limits, figures with intervals, the gate, where it comes from.')
      .argument('<model>', 'NAME, NAME@VERSION or NAME@ALIAS')
      .option('--out <file>', 'write the Markdown there in place of stdout')
      .addHelpText(
        'after',
        '\nExamples:\n  graft models card digits\n  graft models card digits@3 --out card.md\n  graft models card digits --json',
      ),
  );
  return command.action(async (reference: string, { out }: { readonly out?: string }) => {
    const output = outputOf(command);
    const facts = await withStore(async (store) => cardFacts(store, await resolveModel(store, reference)));
    const card = modelCard(facts);
    if (out !== undefined) {
      await writeFile(out, card);
      output.say(`${facts.model} version ${facts.version}: ${out}`);
    } else if (!output.json) process.stdout.write(card);
    const { perClass, gate, ...rest } = facts;
    output.result({
      ...rest,
      perClass: perClass.map((row) => ({ ...row, recallInterval: recallInterval(row) })),
      gate: gate.map(({ rule, passed, explanation }) => ({ rule, passed, explanation })),
    });
  });
}
