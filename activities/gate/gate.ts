import { EvaluateOutput, GateOutput, PrepareOutput, TrainOutput } from '../../contracts/manifests.ts';
import { GateConfig } from '../../contracts/gate-config.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import type { GateInput, GateResult } from '../../contracts/stages.ts';
import { judge } from '../../core/promotion/gate.ts';
import { sameClasses } from '../../core/promotion/same-classes.ts';
import type { ChampionState, Scores } from '../../core/promotion/gate.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { readAliases } from '../lib/registry.ts';
import { cachedStage, readStage, requireStage, stageManifestKey } from '../lib/stage.ts';
import type { StageAnswer } from '../lib/stage.ts';
import type { TrainPorts } from '../ports.ts';
import { asSha256, asStageKey } from '../../core/ids.ts';
import { pairedAnswers, testPaths } from './answers.ts';
import { findChampion, scoreChampion } from './champion.ts';
import type { FoundChampion } from './champion.ts';
import { pairedDetections } from './detections.ts';
import { imageLatencyMs } from './latency.ts';

const CODE_VERSION = 2;

/** Decides whether the challenger may take the alias: floors, and the champion re-scored on the challenger's own test set. */
export function createGateActivities(ports: TrainPorts) {
  return {
    decidePromotion: atActivityEdge(async (input: GateInput): Promise<GateResult> => {
      const answer = await decide(ports, input);
      return { stage: 'gate', ...answer, summary: summaryOf(answer.output) };
    }),
  };
}

/** A run that began under an older graft has rules without the newer keys: their defaults hold. */
async function decide(
  ports: TrainPorts,
  { model, promote, evidence, fresh }: GateInput,
): Promise<StageAnswer<GateOutput>> {
  const { store, clock } = ports;
  const rules = GateConfig.parse(promote.gate);
  const trained = await requireStage(store, evidence.trainManifestKey, TrainOutput);
  const evaluated = await requireStage(store, evidence.evaluateManifestKey, EvaluateOutput);
  const { aliases } = (await readAliases(store, model)).value;
  const found = await findChampion(ports, model, aliases[promote.alias]);
  if (found.kind === 'found' && isItself(found.champion, trained)) {
    const standing = await standingDecision(ports, found.champion, rules);
    if (standing && fresh === undefined) return standing;
  }
  const met = await meet(ports, found, trained, evidence);
  return cachedStage({
    store,
    clock,
    signal: currentActivity().signal,
    stage: 'gate',
    codeVersion: CODE_VERSION,
    addressedBy: {
      challenger: trained.weights.sha256,
      classes: trained.model.classes,
      evaluation: evidence.evaluateManifestKey,
      rules,
      champion: addressOf(met),
      // Another machine may be slower.
      ...(rules.limits.latencyMs === null ? {} : { host: ports.host }),
    },
    output: GateOutput,
    fresh,
    async compute() {
      const state = await stateOf(ports, met, evaluated, trained, rules, evidence);
      const cost = await costOf(ports, trained, rules, evidence);
      const challenger = { scores: scoresOf(evaluated), classes: trained.model.classes, cost };
      return { output: { ...judge(challenger, state, rules), champion: championRecord(met) }, parts: [] };
    },
  });
}

/** The champion as the challenger meets it. */
type Met =
  | Exclude<FoundChampion, { kind: 'found' }>
  | { readonly kind: 'itself'; readonly champion: ModelVersion }
  | { readonly kind: 'other-classes'; readonly champion: ModelVersion }
  | { readonly kind: 'scored'; readonly champion: ModelVersion; readonly scored: StageAnswer<EvaluateOutput> };

async function meet(
  ports: TrainPorts,
  found: FoundChampion,
  trained: TrainOutput,
  evidence: GateInput['evidence'],
): Promise<Met> {
  if (found.kind !== 'found') return found;
  const { champion } = found;
  if (isItself(champion, trained)) return { kind: 'itself', champion };
  if (!sameClasses(champion.model.classes, trained.model.classes)) return { kind: 'other-classes', champion };
  const scored = await scoreChampion(ports, champion, evidence);
  return 'why' in scored
    ? { kind: 'unreadable', version: champion.version, why: scored.why }
    : { kind: 'scored', champion, scored };
}

function addressOf(met: Met) {
  if (met.kind === 'none') return null;
  if (met.kind === 'unreadable') return { version: met.version, unreadable: met.why };
  return { version: met.champion.version, weights: met.champion.weights.sha256 };
}

/** The same bits under other names for their classes are another model. */
function isItself({ weights, model }: ModelVersion, trained: TrainOutput): boolean {
  return weights.sha256 === trained.weights.sha256 && sameClasses(model.classes, trained.model.classes);
}

/** The decision that made this very model champion, if it was taken under the same rules: a rerun changes nothing. */
async function standingDecision(
  { store }: TrainPorts,
  champion: ModelVersion,
  rules: GateConfig,
): Promise<StageAnswer<GateOutput> | null> {
  const key = asStageKey(asSha256(champion.lineage.gateKey));
  const manifestKey = stageManifestKey('gate', key);
  const found = await readStage(store, manifestKey, GateOutput);
  if (!found || JSON.stringify(found.addressedBy['rules']) !== JSON.stringify(rules)) return null;
  return { key, manifestKey, cached: true, output: found.output };
}

async function stateOf(
  ports: TrainPorts,
  met: Met,
  evaluated: EvaluateOutput,
  trained: TrainOutput,
  rules: GateConfig,
  evidence: GateInput['evidence'],
): Promise<ChampionState> {
  if (met.kind === 'none' || met.kind === 'unreadable') return met;
  const { version, model } = met.champion;
  if (met.kind === 'itself') return { kind: 'itself', version };
  if (met.kind === 'other-classes') return { kind: 'other-classes', version, classes: model.classes };
  const activity = currentActivity();
  const { output } = met.scored;
  if (evaluated.detection && output.detection) {
    const test = await pairedDetections(ports, evaluated.detection, output.detection, rules);
    return { kind: 'scored', version, scores: scoresOf(output), test };
  }
  const answers = await pairedAnswers(ports, trained.model.classes.length, evaluated, output, activity);
  const paths = rules.noSliceWorse
    ? await testPaths(ports, await requireStage(ports.store, evidence.prepareManifestKey, PrepareOutput), activity)
    : [];
  return { kind: 'scored', version, scores: scoresOf(output), test: { answers, paths } };
}

async function costOf(ports: TrainPorts, trained: TrainOutput, rules: GateConfig, evidence: GateInput['evidence']) {
  const { sizeBytes } = trained.weights;
  if (rules.limits.latencyMs === null) return { sizeBytes, latencyMs: null };
  const prepared = await requireStage(ports.store, evidence.prepareManifestKey, PrepareOutput);
  return { sizeBytes, latencyMs: await imageLatencyMs(ports, trained, prepared, currentActivity()) };
}

function scoresOf({ metrics, detection }: EvaluateOutput): Scores {
  const { accuracy, top5, macroF1, macroPrecision, macroRecall } = metrics;
  const maps = detection ? { mAP: detection.metrics.coco.AP, mAP50: detection.metrics.coco.AP50 } : {};
  return { accuracy, top5, macroF1, macroPrecision, macroRecall, ...maps };
}

function championRecord(met: Met): GateOutput['champion'] {
  if (met.kind === 'none') return null;
  if (met.kind === 'unreadable') return { version: met.version, weightsSha256: null, metrics: null };
  const { version, weights } = met.champion;
  const record = { version, weightsSha256: weights.sha256 };
  if (met.kind !== 'scored') return { ...record, metrics: null };
  const { output, key } = met.scored;
  return { ...record, metrics: { ...scoresOf(output) }, evaluateKey: key };
}

function summaryOf({ decision, rules }: GateOutput): string {
  const telling = rules.filter((rule) => rule.passed === (decision === 'promote'));
  return `${decision}: ${telling.map((rule) => rule.explanation).join('; ')}`;
}
