import type { AliasChangeInput, AliasChangePlan, AliasChangeResult } from '../../contracts/alias-change.ts';
import { GateOutput } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { failedError, inputError } from '../../core/errors.ts';
import { sameClasses } from '../../core/promotion/same-classes.ts';
import { asSha256, asStageKey } from '../../core/ids.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { readAliases, readLedgerEntry, readRetired, readVersion } from '../lib/registry.ts';
import { readStage, stageManifestKey } from '../lib/stage.ts';
import type { TrainPorts } from '../ports.ts';
import { checkVersion } from './check-version.ts';
import { moveAlias } from './move-alias.ts';

export type AliasChangeApplication = AliasChangeInput & AliasChangePlan & { readonly check: string };

/** Promotion by hand and rollback, in steps that can each be tried again. The check needs TensorFlow. */
export function createAliasActivities(ports: TrainPorts) {
  return {
    planAliasChange: atActivityEdge((input: AliasChangeInput): Promise<AliasChangePlan> => plan(ports, input)),

    checkModelVersion: atActivityEdge(
      ({ model, version }: { readonly model: string; readonly version: number }): Promise<string> =>
        checkVersion(ports, model, version),
    ),

    applyAliasChange: atActivityEdge((application: AliasChangeApplication): Promise<AliasChangeResult> =>
      apply(ports, application),
    ),
  };
}

/** Where the alias stands and where it goes; refuses what can't be. */
async function plan({ store }: TrainPorts, input: AliasChangeInput): Promise<AliasChangePlan> {
  const { model, alias, allowClassMapChange } = input;
  const { value } = await readAliases(store, model);
  const from = value.aliases[alias] ?? null;
  if (input.expected !== undefined && input.expected !== from) {
    const seen = `${alias} stands at version ${from ?? 'none'}`;
    const expected = `version ${input.expected ?? 'none'}, as whoever asked had seen`;
    throw inputError('ALIAS_MOVED', model, seen, expected, 'look again, and decide again');
  }
  const to = input.to ?? (await standingBefore(store, model, alias, value.ledgerSeq)) ?? nothingBefore(model, alias);
  const wanted = await readVersion(store, model, to);
  if (!wanted) {
    const where = `${model} version ${to}`;
    throw inputError('VERSION_UNKNOWN', where, 'no such version', 'a registered one', `graft models show ${model}`);
  }
  const retired = await readRetired(store, model, to);
  if (retired) {
    const seen = `it was retired on ${retired.time} by ${retired.actor}: ${retired.reason}`;
    const remedy = `graft models prune ${model} --undo ${to}, as long as its weights are there`;
    throw inputError('VERSION_RETIRED', `${model} version ${to}`, seen, 'a version whose weights are kept', remedy);
  }
  const holder = from === null || from === to ? null : await readVersion(store, model, from).catch(() => null);
  if (holder && !allowClassMapChange && !sameClasses(holder.model.classes, wanted.model.classes)) {
    const seen = `${wanted.model.classes.slice(0, 8).join(', ')} instead of ${holder.model.classes.slice(0, 8).join(', ')}`;
    const remedy = 'say --allow-class-map-change if whoever asks the model knows the other classes';
    throw inputError('CLASS_MAP', `${model} version ${to}`, `it knows other classes: ${seen}`, 'the same ones', remedy);
  }
  return { from, to };
}

/** The version that the last move of the alias left; null where it never stood at another. */
export async function standingBefore(
  store: TrainPorts['store'],
  model: string,
  alias: string,
  ledgerSeq: number,
): Promise<number | null> {
  for (let seq = ledgerSeq; seq > 0; seq--) {
    const entry = await readLedgerEntry(store, model, seq);
    if (entry?.alias === alias) return entry.from;
  }
  return null;
}

function nothingBefore(model: string, alias: string): never {
  const remedy = `name one: graft models rollback ${model} --to VERSION (graft models show ${model} lists them)`;
  const seen = 'it never stood at another version';
  throw inputError('ROLLBACK_NOTHING', `${alias} of ${model}`, seen, 'one before', remedy);
}

async function apply(ports: TrainPorts, application: AliasChangeApplication): Promise<AliasChangeResult> {
  const { model, alias, action, actor, reason, requestId, from, to, check } = application;
  const version = await readVersion(ports.store, model, to);
  if (!version) throw failedError('VERSION_UNKNOWN', `${model} version ${to}`, 'gone since it was looked for', 'it');
  const evidence = {
    runId: version.runId,
    rules: await gateRules(ports, version),
    weightsSha256: version.weights.sha256,
  };
  const by = actor === 'graft' ? ('check' as const) : ('hand' as const);
  const outcome = await moveAlias(ports, {
    ...{ model, alias, action, to, from, actor, reason },
    evidence: { ...evidence, by, requestId, check },
  });
  if (outcome.kind === 'overtaken') {
    const seen = `${alias} was moved to version ${outcome.holder ?? 'none'} meanwhile`;
    const expected = `version ${from ?? 'none'}, where it stood when this began`;
    throw failedError('ALIAS_OVERTAKEN', model, seen, expected, `graft models history ${model}, then try again`);
  }
  return { model, alias, from, to, moved: outcome.kind === 'moved', check };
}

/** What the gate had said of the version: who overrides it finds it in the ledger. */
async function gateRules({ store }: TrainPorts, { lineage }: ModelVersion) {
  const key = stageManifestKey('gate', asStageKey(asSha256(lineage.gateKey)));
  return (await readStage(store, key, GateOutput))?.output.rules ?? [];
}
