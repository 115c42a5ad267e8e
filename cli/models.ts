import { Command } from 'commander';
import type { ModelVersion } from '../contracts/registry.ts';
import { listModels, readModel } from '../infra/clients/registry.ts';
import { readNotes } from '../infra/clients/version-notes.ts';
import type { VersionNotes } from '../infra/clients/version-notes.ts';
import { withStore } from './lib/services.ts';
import { figure, moment } from './lib/units.ts';
import { promoteCommand, rollbackCommand } from './models/change.ts';
import { diffCommand } from './models/diff.ts';
import { historyCommand, whoWasLiveCommand } from './models/history.ts';
import { cardCommand } from './models/card.ts';
import { lineageCommand } from './models/lineage.ts';
import { pruneCommand } from './models/prune.ts';
import { tagCommand, tagsText } from './models/tag.ts';
import { verifyCommand } from './models/verify.ts';
import { watchCommand } from './models/watch.ts';
import { exportCommand } from './models-export.ts';
import { outputOf, withCommonOptions } from './output.ts';

/** `graft models …`: the registry. */
export function modelsCommand(): Command {
  return new Command('models')
    .description('Registered models: list, show, compare, export, who was live, verify, tag, prune, watch.')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(diffCommand())
    .addCommand(promoteCommand())
    .addCommand(rollbackCommand())
    .addCommand(historyCommand())
    .addCommand(whoWasLiveCommand())
    .addCommand(verifyCommand())
    .addCommand(lineageCommand())
    .addCommand(cardCommand())
    .addCommand(tagCommand())
    .addCommand(pruneCommand())
    .addCommand(watchCommand())
    .addCommand(exportCommand())
    .addHelpText(
      'after',
      '\nExamples:\n  graft models list\n  graft models show digits --json\n  graft models export digits --format onnx --out ./digits-onnx',
    );
}

function listCommand(): Command {
  const command = withCommonOptions(
    new Command('list')
      .description('List models with their newest and their champion version.')
      .addHelpText('after', '\nExamples:\n  graft models list\n  graft models list --json'),
  );
  return command.action(async () => {
    const output = outputOf(command);
    const models = await withStore(async (store) => {
      const names = await listModels(store);
      return Promise.all(names.map((name) => readModel(store, name)));
    });
    if (models.length === 0) output.say('no models yet: graft run FILE trains one');
    else {
      output.table(
        ['model', 'versions', 'newest', 'champion', 'accuracy'],
        models.map(({ name, versions, aliases }) => {
          const champion = versions.find(({ version }) => version === aliases['champion']);
          const newest = versions.at(-1)?.version ?? null;
          return [
            name,
            versions.length,
            newest,
            champion?.version ?? null,
            champion ? figure(champion.metrics.accuracy) : null,
          ];
        }),
      );
    }
    output.result({
      models: models.map(({ name, versions, aliases }) => ({
        name,
        aliases,
        versions: versions.map(({ version }) => version),
      })),
    });
  });
}

function showCommand(): Command {
  const command = withCommonOptions(
    new Command('show')
      .description('Show a model: its aliases and every version with its figures and where it comes from.')
      .argument('<name>', 'a model')
      .addHelpText('after', '\nExamples:\n  graft models show digits\n  graft models show digits --json'),
  );
  return command.action(async (name: string) => {
    const output = outputOf(command);
    const { aliases, versions, notes } = await withStore(async (store) => {
      const model = await readModel(store, name);
      return { ...model, notes: await readNotes(store, model) };
    });
    const holders = (version: number): string =>
      Object.keys(aliases)
        .filter((alias) => aliases[alias] === version)
        .join(', ');
    output.say(name);
    output.table(
      versions.some(({ detection }) => detection)
        ? ['version', 'alias', 'mAP@.5', 'mAP', 'macro F1', 'network', 'input', 'made', 'run', 'notes']
        : ['version', 'alias', 'accuracy', 'top-5', 'macro F1', 'network', 'input', 'made', 'run', 'notes'],
      versions.map(({ version, metrics, detection, model, createdAt, runId }) => [
        version,
        holders(version),
        figure(detection ? detection.coco.AP50 : metrics.accuracy),
        figure(detection ? detection.coco.AP : metrics.top5),
        figure(metrics.macroF1),
        `${model.detector ? `${model.detector.kind} on ` : ''}${model.backbone}, ${model.strategy}`,
        `${model.image.heightPx}×${model.image.widthPx}`,
        moment(new Date(createdAt)),
        runId,
        noted(notes.get(version)),
      ]),
    );
    output.say(`classes of the newest: ${versions.at(-1)?.model.classes.join(', ') ?? ''}`);
    output.result({
      name,
      aliases,
      versions: versions.map((version) => ({ ...shownVersion(version), ...notes.get(version.version) })),
    });
  });
}

const noted = (notes: VersionNotes | undefined): string =>
  [notes?.retired ? 'retired' : '', tagsText(notes?.tags ?? {})].filter((text) => text !== '').join('; ');

/** A version without the parts that are large: per-class figures and the confusion matrix (`graft eval` shows them). */
function shownVersion({ version, createdAt, runId, weights, model, metrics, detection, lineage }: ModelVersion) {
  const { images, loss, accuracy, top5, macroPrecision, macroRecall, macroF1 } = metrics;
  return {
    version,
    createdAt,
    runId,
    weightsSha256: weights.sha256,
    weights,
    model,
    metrics: {
      ...{ images, loss, accuracy, top5, macroPrecision, macroRecall, macroF1 },
      ...(detection ? { mAP: detection.coco.AP, mAP50: detection.coco.AP50 } : {}),
    },
    lineage,
  };
}
