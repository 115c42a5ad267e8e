import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import type { DetectionMetrics } from '../../contracts/detection-metrics.ts';
import { EvaluateOutput, PrepareOutput, TrainOutput } from '../../contracts/manifests.ts';
import type { BlobRef, Finding, ModelDescription } from '../../contracts/manifests.ts';
import type { EvaluateInput, EvaluateResult } from '../../contracts/stages.ts';
import { asFloat32, asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { transientError } from '../../core/errors.ts';
import { inferenceBatch } from '../../core/inference-batch.ts';
import { unwrap } from '../../core/result.ts';
import { overfitFindings } from '../../core/metrics/overfit.ts';
import { scoreLogits } from '../../core/metrics/classification.ts';
import type { ClassificationFigures } from '../../core/metrics/classification.ts';
import { currentActivity } from '../lib/activity-context.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { uploadFile } from '../lib/blobs.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { localSide } from '../lib/local-side.ts';
import { preparedHash } from '../lib/prepared-hash.ts';
import { shortJob } from '../lib/short-job.ts';
import { cachedStage, requireStage } from '../lib/stage.ts';
import type { StageAnswer } from '../lib/stage.ts';
import type { TrainPorts } from '../ports.ts';
import { detectionEvaluation } from './detection.ts';
import { scoreNewest } from './newest.ts';
import { putTestEvents } from './test-events.ts';

const CODE_VERSION = 3;

/** Scores the trained model on the untouched test side. */
export function createEvaluateActivities(ports: TrainPorts) {
  return {
    evaluateModel: atActivityEdge(async (input: EvaluateInput): Promise<EvaluateResult> => {
      const trained = await requireStage(ports.store, input.trainManifestKey, TrainOutput);
      const prepared = await requireStage(ports.store, input.prepareManifestKey, PrepareOutput);
      const answer = await evaluateOnTest(
        ports,
        { model: trained.model, weights: trained.weights },
        prepared,
        (figures) => overfitFindings(trained.best, figures.accuracy),
        input.fresh,
      );
      const { detection } = answer.output;
      if (detection) return { stage: 'evaluate', ...answer, summary: detectionSummary(detection.metrics) };
      if (input.runId !== undefined) {
        await putTestEvents(ports, input.runId, trained.best.step, prepared, answer.output);
      }
      const { accuracy, loss, images, macroF1 } = answer.output.metrics;
      const whole = `accuracy ${accuracy.toFixed(4)}, macro F1 ${macroF1.toFixed(4)}, loss ${loss.toFixed(4)} on ${images} test images`;
      if (input.newest === undefined) return { stage: 'evaluate', ...answer, summary: whole };
      const newest = await scoreNewest(ports, answer.output, prepared, input.newest, currentActivity());
      const summary = `${whole}; accuracy ${newest.accuracy.toFixed(4)} on the ${newest.images} newest`;
      return { stage: 'evaluate', ...answer, output: { ...answer.output, newest }, summary };
    }),
  };
}

function detectionSummary({ coco, intervals, images, objects }: DetectionMetrics): string {
  const [low, high] = [Math.max(0, intervals.AP50.low), Math.min(1, intervals.AP50.high)];
  const maps = `mAP ${coco.AP.toFixed(4)}, mAP@.5 ${coco.AP50.toFixed(4)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
  return `${maps} on ${objects} objects of ${images} test images`;
}

/** Any model on the test side of a prepared set: its own, or a challenger's. Addressed by weights, input and pixels. */
export function evaluateOnTest(
  ports: TrainPorts,
  candidate: { readonly model: ModelDescription; readonly weights: BlobRef },
  prepared: PrepareOutput,
  findings: (figures: ClassificationFigures) => Finding[] = () => [],
  fresh?: EvaluateInput['fresh'],
): Promise<StageAnswer<EvaluateOutput>> {
  const activity = currentActivity();
  return cachedStage({
    store: ports.store,
    clock: ports.clock,
    signal: activity.signal,
    stage: 'evaluate',
    codeVersion: CODE_VERSION,
    addressedBy: {
      weightsSha256: candidate.weights.sha256,
      model: candidate.model,
      test: preparedHash(prepared, ['test']),
    },
    output: EvaluateOutput,
    fresh,
    async compute(partsPrefix) {
      const path = await writeLogits(ports, candidate, prepared, activity);
      const upload = () =>
        uploadFile(ports.store, `${partsPrefix}logits.safetensors`, path, { signal: activity.signal });
      if (candidate.model.detector) {
        const scored = await detectionEvaluation(ports, prepared, { path, partsPrefix }, activity);
        const logits = await upload();
        await rm(path, { force: true });
        const { metrics, detection } = scored;
        return { output: { metrics, logits, findings: [], detection }, parts: [logits, ...scored.parts] };
      }
      const { tensors } = unwrap(decodeSafetensors(await readFile(path), path));
      const logits = tensors.get('logits');
      const labels = tensors.get('labels');
      if (!logits || !labels) throw transientError('EVALUATE_OUTPUT', path, 'no logits or labels', 'both');
      const metrics = scoreLogits(asFloat32(logits), asInt32(labels), prepared.classes);
      const part = await upload();
      await rm(path, { force: true });
      return { output: { metrics, logits: part, findings: findings(metrics) }, parts: [part] };
    },
  });
}

async function writeLogits(
  ports: TrainPorts,
  { model, weights }: { readonly model: ModelDescription; readonly weights: BlobRef },
  prepared: PrepareOutput,
  activity: RunningActivity,
): Promise<string> {
  const outputPath = join(await ports.files.scratch('evaluate'), `${randomUUID()}.safetensors`);
  const job = {
    kind: 'evaluate' as const,
    model,
    weightsPath: await ports.files.fetch(weights, activity.signal),
    side: await localSide(ports, prepared.sides.test, activity),
    batchSize: inferenceBatch(model),
    outputPath,
  };
  await shortJob(ports, activity, job, 'evaluated');
  return outputPath;
}
