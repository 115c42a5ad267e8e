import { randomUUID } from 'node:crypto';
import type { ModelVersion } from '../../../contracts/registry.ts';
import {
  Model,
  ModelDiff,
  ModelDiffQuery,
  ModelExports,
  Models,
  Moved,
  PromoteBody,
  RollbackBody,
} from '../../../contracts/web.ts';
import type { ModelVersionView } from '../../../contracts/web.ts';
import type { AliasChangeInput } from '../../../contracts/alias-change.ts';
import type { Json } from '../../../core/canonical-json.ts';
import { inputError } from '../../../core/errors.ts';
import { checkLedger } from '../../../core/promotion/ledger.ts';
import { changedFields } from '../../../core/promotion/differences.ts';
import { changeAlias } from '../../../infra/clients/alias-client.ts';
import { entriesOf, readLedger } from '../../../infra/clients/ledger.ts';
import { listModels, readModel } from '../../../infra/clients/registry.ts';
import type { RegisteredModel } from '../../../infra/clients/registry.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import { ModelAliases } from '../../../contracts/registry.ts';
import type { Context } from '../context.ts';
import { headlineOf } from '../read/evaluation.ts';
import { modelExports } from '../read/model-exports.ts';
import { requireVersion } from '../read/require-version.ts';
import { noInput, route } from '../route.ts';
import type { Route } from '../route.ts';

export function modelRoutes(context: Context): Route[] {
  const { store } = context.backend;
  return [
    route({
      ...noInput,
      method: 'GET',
      path: '/api/models',
      summary: 'Registered models.',
      answer: Models,
      handle: async () => {
        const names = await listModels(store);
        const models = await Promise.all(names.map((name) => readModel(store, name)));
        return { models: models.map(modelRow) };
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/models/:name',
      summary: 'Versions, aliases and the ledger of a model.',
      answer: Model,
      handle: async ({ params: { name = '' } }) => {
        const model = await readModel(store, name);
        const ledger = await readLedger(store, name);
        const pointer = await readJson(store, `models/${name}/aliases.json`, ModelAliases);
        const seen = ledger.map(({ seq, sha256, entry }) => ({ seq, sha256, move: entry }));
        return {
          ...{ name, aliases: { ...model.aliases } },
          versions: [...model.versions].reverse().map((version) => versionView(model, version)),
          ledger: entriesOf(ledger).reverse(),
          // Weights are hashed by `graft models verify` alone: that reads them all.
          problems: checkLedger(seen, pointer, []).problems,
        };
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/models/:name/diff',
      summary: 'What two versions do not have in common.',
      query: ModelDiffQuery,
      answer: ModelDiff,
      handle: async ({ params: { name = '' }, query }) => {
        const model = await readModel(store, name);
        return diff(versionOf(model, query.from), versionOf(model, query.to));
      },
    }),
    route({
      ...noInput,
      method: 'GET',
      path: '/api/models/:name/versions/:version/exports',
      summary: 'What was exported of a version, and what that cost.',
      answer: ModelExports,
      handle: async ({ params }) => {
        const { name, version } = await requireVersion(store, params);
        return modelExports(store, name, version);
      },
    }),
    ...moves(context),
  ];
}

function moves(context: Context): Route[] {
  return [
    route({
      ...noInput,
      method: 'POST',
      path: '/api/models/:name/promote',
      summary: 'Puts a version where an alias points, past the gate.',
      body: PromoteBody,
      answer: Moved,
      handle: ({ params: { name = '' }, body, user }) =>
        move(context, name, { ...body, to: body.version, action: 'promote', actor: user.name }),
    }),
    route({
      ...noInput,
      method: 'POST',
      path: '/api/models/:name/rollback',
      summary: 'Points an alias back at the version before, or at another.',
      body: RollbackBody,
      answer: Moved,
      handle: ({ params: { name = '' }, body, user }) =>
        move(context, name, { ...body, to: body.version, action: 'rollback', actor: user.name }),
    }),
  ];
}

type Asked = Pick<AliasChangeInput, 'alias' | 'to' | 'action' | 'actor' | 'reason'> & {
  readonly expected: number | null;
};

/** Two who look at the same page and both move the alias: the second is told that it has moved. */
async function move({ backend }: Context, name: string, asked: Asked): Promise<Moved> {
  const { alias, to, action, actor, reason, expected } = asked;
  const model = await readModel(backend.store, name);
  const stands = model.aliases[alias] ?? null;
  if (stands !== expected) {
    const seen = `${alias} stands at version ${stands ?? 'none'}`;
    throw inputError(
      'ALIAS_MOVED',
      name,
      seen,
      `version ${expected ?? 'none'}, as the page showed`,
      'reload the page and decide again',
    );
  }
  if (to !== null) versionOf(model, to);
  const { temporal } = await backend.clients();
  const result = await changeAlias(temporal, {
    ...{ requestId: randomUUID(), model: name, alias, action, to, actor, reason, expected },
    ...{ allowClassMapChange: false, skipCheck: false },
  });
  return { from: result.from, to: result.to, moved: result.moved, check: result.check };
}

function versionOf({ name, versions }: RegisteredModel, wanted: number): ModelVersion {
  const found = versions.find(({ version }) => version === wanted);
  if (found) return found;
  throw inputError(
    'VERSION_UNKNOWN',
    `${name} version ${wanted}`,
    'no such version',
    'a registered one',
    'reload the page',
  );
}

function modelRow({ name, aliases, versions }: RegisteredModel) {
  const newest = versions.at(-1);
  return {
    ...{ name, aliases: { ...aliases }, versions: versions.length },
    newest: newest ? { version: newest.version, createdAt: newest.createdAt, accuracy: newest.metrics.accuracy } : null,
  };
}

function versionView({ aliases }: RegisteredModel, manifest: ModelVersion): ModelVersionView {
  const { version, createdAt, runId, metrics, model, lineage, weights } = manifest;
  return {
    ...{ version, createdAt, runId, model, lineage, headline: headlineOf(metrics) },
    aliases: Object.keys(aliases).filter((alias) => aliases[alias] === version),
    weightsSha256: weights.sha256,
    weightsBytes: weights.sizeBytes,
  };
}

function diff(from: ModelVersion, to: ModelVersion): ModelDiff {
  const [before, after] = [headlineOf(from.metrics), headlineOf(to.metrics)];
  const names = ['images', 'loss', 'accuracy', 'top5', 'macroPrecision', 'macroRecall', 'macroF1'] as const;
  const recalls = (version: ModelVersion) =>
    new Map(version.metrics.perClass.map(({ label, recall }) => [label, recall]));
  const [old, young] = [recalls(from), recalls(to)];
  return {
    ...{ from: from.version, to: to.version },
    metrics: names.map((name) => ({ name, from: before[name], to: after[name] })),
    perClass: [...new Set([...old.keys(), ...young.keys()])].map((label) => ({
      ...{ label, from: old.get(label) ?? null, to: young.get(label) ?? null },
    })),
    settings: changedFields(compared(from), compared(to)).map(({ field, before: was, after: is }) => ({
      ...{ key: field, from: JSON.stringify(was) ?? '', to: JSON.stringify(is) ?? '' },
    })),
  };
}

const compared = ({ model, lineage, runId, weights }: ModelVersion): Json => ({
  ...{ model, lineage, runId, weightsSha256: weights.sha256 },
});
