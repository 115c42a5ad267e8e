import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { Command } from 'commander';
import { inputError } from '../../core/errors.ts';
import { isSha256 } from '../../core/ids.ts';
import { openLineageEvents } from '../../core/lineage/open-lineage.ts';
import { lineageChart } from '../../core/lineage/lineage.ts';
import { imagesOf, modelLineage, uuidOf, whoSaw } from '../../infra/clients/lineage.ts';
import { resolveModel } from '../../infra/clients/registry.ts';
import { sha256OfFile } from '../../infra/native/files.ts';
import { withStore } from '../lib/services.ts';
import { moment } from '../lib/units.ts';
import { outputOf, withCommonOptions } from '../output.ts';

interface LineageFlags {
  readonly mermaid?: boolean;
  readonly images?: string;
}

/** `graft models lineage NAME[@VERSION]`: what a model came from. */
export function lineageCommand(): Command {
  const command = withCommonOptions(
    new Command('lineage')
      .description(
        'Show where a version comes from: images, settings, code, weights, runs; --json as OpenLineage’s events.',
      )
      .argument('<model>', 'NAME, NAME@VERSION or NAME@ALIAS')
      .option('--mermaid', 'print a flow chart of Mermaid on stdout')
      .option('--images <file>', 'write the very images with their sides there, as JSON lines')
      .addHelpText(
        'after',
        '\nExamples:\n  graft models lineage digits\n  graft models lineage digits@3 --mermaid > digits.mmd\n  graft models lineage digits --images seen.jsonl --json',
      ),
  );
  return command.action(async (reference: string, { mermaid, images }: LineageFlags) => {
    const output = outputOf(command);
    await withStore(async (store) => {
      const version = await resolveModel(store, reference);
      const lineage = await modelLineage(store, version);
      if (images !== undefined) await writeLines(images, imagesOf(store, version));
      if (mermaid && !output.json) process.stdout.write(lineageChart(lineage));
      const { dataset, backbone, steps, moves } = lineage;
      const sides = Object.entries(lineage.images ?? {}).map(([side, count]) => `${count} ${side}`);
      output.say(`${lineage.model} version ${lineage.version}, made ${moment(new Date(lineage.createdAt))}`);
      output.table(
        ['from', 'what'],
        [
          ['run', `${lineage.runId}, asked for by ${lineage.requestedBy ?? 'unknown'}`],
          [
            'data',
            `${dataset.name} ${dataset.version.slice(0, 12)} of ${dataset.source ?? 'unknown'}: ${sides.join(', ')}`,
          ],
          [
            'start',
            `${backbone.name}, ${backbone.weights ?? 'unknown'}${backbone.sha256 ? ` ${backbone.sha256.slice(0, 12)}` : ''}`,
          ],
          ['settings', lineage.configSha256?.slice(0, 12) ?? 'gone'],
          ['code', `graft ${lineage.graftVersion}`],
          ...steps.map(({ stage, key, codeVersion }) => [stage, `${key.slice(0, 12)}, code ${codeVersion ?? 'gone'}`]),
          ...moves.map(({ alias, time, actor, seq }) => [alias, `ledger ${seq}: ${actor}, ${moment(new Date(time))}`]),
        ],
      );
      output.result({
        model: lineage.model,
        version: lineage.version,
        lineage: {
          ...lineage,
          steps: lineage.steps.map((step) => ({ ...step })),
          moves: moves.map((move) => ({ ...move })),
        },
        events: openLineageEvents(lineage, store.bucket, uuidOf),
      });
    });
  });
}

async function writeLines(path: string, rows: AsyncIterable<object>): Promise<void> {
  const file = createWriteStream(path);
  for await (const row of rows) if (!file.write(`${JSON.stringify(row)}\n`)) await once(file, 'drain');
  file.end();
  await finished(file);
}

/** `graft data who-saw PICTURE`: which models have seen a picture. */
export function whoSawCommand(): Command {
  const command = withCommonOptions(
    new Command('who-saw')
      .description('Say which model versions were trained, validated or tested with a picture.')
      .argument('<picture>', 'a file, its SHA-256, or its path in the data set')
      .addHelpText(
        'after',
        '\nA file is looked for by its bytes, so it may have been renamed since.\n\nExamples:\n  graft data who-saw ./pets/cat/17.jpg\n  graft data who-saw cat/17.jpg --json',
      ),
  );
  return command.action(async (picture: string) => {
    const output = outputOf(command);
    const isFile = await stat(picture).then(
      (found) => found.isFile(),
      () => false,
    );
    const hash = isFile ? await sha256OfFile(picture) : picture.toLowerCase();
    const wanted = isSha256(hash) ? hash : picture;
    const { seen, unknown } = await withStore((store) => whoSaw(store, wanted));
    // Where some can't be read any more, nobody knows whether the path is wrong: the warning below says which.
    if (seen.length === 0 && unknown.length === 0 && !isSha256(wanted)) throw nowhere(picture);
    if (seen.length === 0) output.say(`no model has seen ${picture}${isFile ? ` (${wanted.slice(0, 12)})` : ''}`);
    else {
      output.table(
        ['model', 'alias', 'side', 'path', 'run'],
        seen.map(({ model, version, aliases, side, path, runId }) => [
          ...[`${model}@${version}`, aliases.join(', '), side, path, runId],
        ]),
      );
    }
    if (unknown.length > 0) output.warn(`WARNING: what these saw is no longer in storage: ${unknown.join(', ')}`);
    output.result({ picture: wanted, seen: seen.map((each) => ({ ...each })), unknown });
  });
}

/** “No model has seen it” would be said of any name that is mistyped. */
function nowhere(picture: string): Error {
  return inputError(
    'PICTURE_UNKNOWN',
    picture,
    'no file here, and nothing of that path among the pictures of any model',
    'a file, its SHA-256, or the end of its path in the data set',
    'correct the path, or give the file itself: it is looked for by its bytes',
  );
}
