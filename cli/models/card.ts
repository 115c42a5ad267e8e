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
      .option(
        '--slice-by <expression>',
        'slices of the test set by paths: its first group names them; the gate’s where absent',
      )
      .addHelpText(
        'after',
        '\nExamples:\n  graft models card digits\n  graft models card digits@3 --out card.md\n  graft models card digits --slice-by "(day|night)"\n  graft models card digits --json',
      ),
  );
  return command.action(
    async (reference: string, { out, sliceBy }: { readonly out?: string; readonly sliceBy?: string }) => {
      const output = outputOf(command);
      const facts = await withStore(async (store) => cardFacts(store, await resolveModel(store, reference), sliceBy));
      const card = modelCard(facts);
      if (out !== undefined) {
        await writeFile(out, card);
        output.say(`${facts.model} version ${facts.version}: ${out}`);
      } else if (!output.json) process.stdout.write(card);
      const { perClass, gate, slices, exports, ...rest } = facts;
      output.result({
        ...rest,
        perClass: perClass.map((row) => ({ ...row, recallInterval: recallInterval(row) })),
        slices: slices && { by: slices.by, figures: slices.figures.map((each) => ({ ...each })) },
        exports: exports.map(({ accuracy, ...cost }) => ({ ...cost, accuracy: accuracy && { ...accuracy } })),
        gate: gate.map(({ rule, passed, explanation }) => ({ rule, passed, explanation })),
      });
    },
  );
}
