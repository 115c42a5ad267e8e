import { EvaluateOutput, GateOutput, PrepareOutput, TrainOutput } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import type { PromoteOutput } from '../../contracts/manifests.ts';
import { DatasetManifest } from '../../contracts/manifests.ts';
import type { PromoteInput, PromoteResult } from '../../contracts/stages.ts';
import { failedError, transientError } from '../../core/errors.ts';
import { approvalRule } from '../../core/promotion/approval.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { listVersions, readAliases, readRetired, readVersion, registryKeys } from '../lib/registry.ts';
import { requireStage, stageKey } from '../lib/stage.ts';
import type { TrainPorts } from '../ports.ts';
import { moveAlias } from './move-alias.ts';
import type { MoveOutcome } from './move-alias.ts';

export type PromotePorts = Pick<TrainPorts, 'store' | 'clock' | 'graftVersion'>;

const CODE_VERSION = 1;

/** Enters the model into the registry and, where the gate says so, moves the alias to it. Idempotent. */
export function createPromoteActivities(ports: PromotePorts) {
  return {
    promoteModel: atActivityEdge(async (input: PromoteInput): Promise<PromoteResult> => {
      const { model, promote, gateManifestKey } = input;
      const gate = await requireStage(ports.store, gateManifestKey, GateOutput);
      const registered = await registerVersion(ports, input);
      const { version } = registered;
      const wanted = gate.decision === 'promote' && (input.approval?.promote ?? true);
      const moved = wanted ? await takeAlias(ports, input, gate, registered) : null;
      const holder = (await readAliases(ports.store, model)).value.aliases[promote.alias];
      const promoted = wanted && holder === version;
      const output: PromoteOutput = {
        model,
        version,
        promoted,
        alias: promote.alias,
        manifestKey: registryKeys.version(model, version),
        ...(moved?.kind === 'overtaken' ? { overtakenBy: moved.holder } : {}),
      };
      const key = stageKey('promote', CODE_VERSION, { gate: gateManifestKey, model, alias: promote.alias });
      const summary = promoted
        ? `${model} version ${version} is ${promote.alias}`
        : `${model} version ${version} is kept, ${promote.alias} stays ${holder === undefined ? 'empty' : `version ${holder}`}`;
      // Nothing was entered and nothing moved: all of it stood already.
      const cached = !registered.fresh && moved?.kind !== 'moved';
      return { stage: 'promote', key, manifestKey: output.manifestKey, cached, summary, output };
    }),
  };
}

/** The alias must still stand where the gate found it: the winner of many at once was not compared with the others. */
function takeAlias(
  ports: PromotePorts,
  { model, promote, requestedBy, evidence, approval }: PromoteInput,
  gate: GateOutput,
  { version, weights }: Registered,
): Promise<MoveOutcome> {
  return moveAlias(ports, {
    model,
    alias: promote.alias,
    action: 'promote',
    to: version,
    from: gate.champion?.version ?? null,
    // Who let it pass, where a person did.
    actor: approval?.by ?? requestedBy,
    reason: `gate passed in run ${evidence.runId}${approval ? `; ${approvalRule(approval).explanation}` : ''}`,
    evidence: {
      ...{ runId: evidence.runId, rules: gate.rules, weightsSha256: weights.sha256, by: 'gate' },
      ...(approval ? { approval } : {}),
    },
  });
}

type Registered = ModelVersion & { readonly fresh: boolean };

/** The version of these very weights, or a new one: the next free number, claimed by `If-None-Match: *`. */
async function registerVersion(ports: PromotePorts, input: PromoteInput): Promise<Registered> {
  const draft = await describe(ports, input);
  for (let tries = 0; tries < 100; tries++) {
    const numbers = await listVersions(ports.store, input.model);
    for (const number of [...numbers].reverse()) {
      const existing = await readVersion(ports.store, input.model, number);
      if (!existing || !sameModel(existing, draft)) continue;
      // Nothing keeps the weights of a retired one, where it says they lie.
      if (!(await readRetired(ports.store, input.model, number))) return { ...existing, fresh: false };
    }
    const version = (numbers.at(-1) ?? 0) + 1;
    const manifest: ModelVersion = { ...draft, version };
    const body = new TextEncoder().encode(JSON.stringify(manifest));
    const key = registryKeys.version(input.model, version);
    const put = await ports.store.putIfAbsent(key, body, { contentType: 'application/json' });
    if (put.kind === 'written') return { ...manifest, fresh: true };
  }
  throw transientError('REGISTRY_RACE', `models/${input.model}`, '100 version numbers were taken by others');
}

function sameModel(a: Omit<ModelVersion, 'version'>, b: Omit<ModelVersion, 'version'>): boolean {
  return a.weights.sha256 === b.weights.sha256 && JSON.stringify(a.model) === JSON.stringify(b.model);
}

async function describe(
  ports: PromotePorts,
  { model, evidence, gateManifestKey }: PromoteInput,
): Promise<Omit<ModelVersion, 'version'>> {
  const { store, clock, graftVersion } = ports;
  const trained = await requireStage(store, evidence.trainManifestKey, TrainOutput);
  const { metrics, detection } = await requireStage(store, evidence.evaluateManifestKey, EvaluateOutput);
  await requireStage(store, evidence.prepareManifestKey, PrepareOutput);
  const dataset = await readDataset(store, evidence.datasetManifestKey);
  return {
    kind: 'graft.model-version/1',
    name: model,
    createdAt: new Date(clock.nowMs()).toISOString(),
    runId: evidence.runId,
    weights: trained.weights,
    model: trained.model,
    metrics,
    ...(detection ? { detection: detection.metrics } : {}),
    lineage: {
      dataset: { name: dataset.name, version: dataset.version, manifestKey: evidence.datasetManifestKey },
      splitKey: keyOf(evidence.splitManifestKey),
      prepareKey: keyOf(evidence.prepareManifestKey),
      trainKey: keyOf(evidence.trainManifestKey),
      evaluateKey: keyOf(evidence.evaluateManifestKey),
      gateKey: keyOf(gateManifestKey),
      graftVersion,
    },
  };
}

async function readDataset(store: PromotePorts['store'], key: string): Promise<DatasetManifest> {
  const found = await store.get(key);
  if (!found) throw failedError('STAGE_MISSING', key, 'the data set’s manifest is gone', 'what this run ingested');
  return DatasetManifest.parse(JSON.parse(new TextDecoder().decode(found.body)));
}

/** The stage key in `stages/<stage>/<key>/manifest.json`. */
function keyOf(manifestKey: string): string {
  const key = manifestKey.split('/')[2];
  if (key === undefined) throw new Error(`not a stage manifest: ${manifestKey}`);
  return key;
}
