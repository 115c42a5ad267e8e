import { EvaluateOutput, GateOutput, PrepareOutput, TrainOutput } from '../../contracts/manifests.ts';
import type { ClassificationMetrics } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import type { GateInput, GateResult } from '../../contracts/stages.ts';
import { judge } from '../../core/promotion/gate.ts';
import type { ChampionState, Scores } from '../../core/promotion/gate.ts';
import { evaluateOnTest } from '../evaluate/evaluate.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { readAliases, readVersion } from '../lib/registry.ts';
import { cachedStage, readStage, requireStage, stageManifestKey } from '../lib/stage.ts';
import type { StageAnswer } from '../lib/stage.ts';
import { createPrepareActivities } from '../prepare/prepare.ts';
import type { TrainPorts } from '../ports.ts';
import { asSha256, asStageKey } from '../../core/ids.ts';

const CODE_VERSION = 1;

/** Decides whether the challenger may take the alias: floors, and the champion re-scored on the challenger's own test set. */
export function createGateActivities(ports: TrainPorts) {
  return {
    decidePromotion: atActivityEdge(async (input: GateInput): Promise<GateResult> => {
      const answer = await decide(ports, input);
      return { stage: 'gate', ...answer, summary: summaryOf(answer.output) };
    }),
  };
}

async function decide(ports: TrainPorts, { model, promote, evidence }: GateInput): Promise<StageAnswer<GateOutput>> {
  const { store, clock } = ports;
  const trained = await requireStage(store, evidence.trainManifestKey, TrainOutput);
  const { metrics } = await requireStage(store, evidence.evaluateManifestKey, EvaluateOutput);
  const { aliases } = (await readAliases(store, model)).value;
  const champion = await championVersion(store, model, aliases[promote.alias]);
  const itself = champion !== null && isItself(champion, trained) ? champion : null;
  const standing = itself && (await standingDecision(ports, itself, promote.gate));
  if (standing) return standing;
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
      rules: promote.gate,
      champion: champion === null ? null : { version: champion.version, weights: champion.weights.sha256 },
    },
    output: GateOutput,
    async compute() {
      const state = await stateOf(ports, champion, itself !== null, trained, evidence);
      const challenger = { scores: scoresOf(metrics), classes: trained.model.classes };
      const verdict = judge(challenger, state, promote.gate);
      return { output: { ...verdict, champion: championRecord(champion, state) }, parts: [] };
    },
  });
}

/** The same bits under other names for their classes are another model. */
function isItself({ weights, model }: ModelVersion, trained: TrainOutput): boolean {
  return weights.sha256 === trained.weights.sha256 && sameClasses(model.classes, trained.model.classes);
}

const sameClasses = (a: readonly string[], b: readonly string[]): boolean => a.join('\n') === b.join('\n');

/** The decision that made this very model champion, if it was taken under the same rules: a rerun changes nothing. */
async function standingDecision(
  { store }: TrainPorts,
  champion: ModelVersion,
  rules: GateInput['promote']['gate'],
): Promise<StageAnswer<GateOutput> | null> {
  const key = asStageKey(asSha256(champion.lineage.gateKey));
  const manifestKey = stageManifestKey('gate', key);
  const found = await readStage(store, manifestKey, GateOutput);
  if (!found || JSON.stringify(found.addressedBy['rules']) !== JSON.stringify(rules)) return null;
  return { key, manifestKey, cached: true, output: found.output };
}

async function championVersion(
  store: TrainPorts['store'],
  model: string,
  version: number | undefined,
): Promise<ModelVersion | null> {
  return version === undefined ? null : readVersion(store, model, version);
}

async function stateOf(
  ports: TrainPorts,
  champion: ModelVersion | null,
  itself: boolean,
  trained: TrainOutput,
  evidence: GateInput['evidence'],
): Promise<ChampionState> {
  if (champion === null) return { kind: 'none' };
  const { version, model, weights } = champion;
  if (itself) return { kind: 'itself', version };
  if (!sameClasses(model.classes, trained.model.classes)) {
    return { kind: 'other-classes', version, classes: model.classes };
  }
  const prepared = await testSideFor(ports, champion, evidence);
  const { output } = await evaluateOnTest(ports, { model, weights }, prepared);
  return { kind: 'scored', version, scores: scoresOf(output.metrics) };
}

/** The challenger's test pictures, rendered as the champion wants them. */
async function testSideFor(
  ports: TrainPorts,
  { model: { image } }: ModelVersion,
  { datasetManifestKey, splitManifestKey, prepareManifestKey }: GateInput['evidence'],
): Promise<PrepareOutput> {
  const own = await requireStage(ports.store, prepareManifestKey, PrepareOutput);
  if (JSON.stringify(own.image) === JSON.stringify(image)) return own;
  const { prepareImages } = createPrepareActivities(ports);
  const { manifestKey } = await prepareImages({ datasetManifestKey, splitManifestKey, image, sides: ['test'] });
  return requireStage(ports.store, manifestKey, PrepareOutput);
}

function scoresOf({ accuracy, top5, macroF1, macroPrecision, macroRecall }: ClassificationMetrics): Scores {
  return { accuracy, top5, macroF1, macroPrecision, macroRecall };
}

function championRecord(champion: ModelVersion | null, state: ChampionState): GateOutput['champion'] {
  if (champion === null) return null;
  const metrics = state.kind === 'scored' ? { ...state.scores } : null;
  return { version: champion.version, weightsSha256: champion.weights.sha256, metrics };
}

function summaryOf({ decision, rules }: GateOutput): string {
  const telling = rules.filter((rule) => rule.passed === (decision === 'promote'));
  return `${decision}: ${telling.map((rule) => rule.explanation).join('; ') || 'no rule is set'}`;
}
