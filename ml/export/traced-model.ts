import type { ModelDescription } from '../../contracts/manifests.ts';
import { detectorCandidatesProgram } from '../detectors/detector-programs.ts';
import type { Program } from '../engine/index.ts';
import type { ParamSpec } from '../nn/module.ts';
import { buildDetector } from '../trainer/detector-model.ts';
import { buildModel } from '../trainer/model.ts';
import { inferProgram } from '../trainer/programs.ts';
import type { GraphOutputs, GraphRef } from './inference-graph.ts';

/** A recording that is being taken apart. */
export interface Traces {
  /** An output of the program, and its shape with −1 for a batch of any size. */
  output(name: string): { readonly ref: GraphRef; readonly shape: readonly number[] };
  softmax(of: GraphRef): GraphRef;
}

/** How a model is recorded, and what is wanted of the recording. */
export interface TracedModel {
  readonly specs: readonly ParamSpec[];
  /** Two sizes: where recordings differ by these, the batch stands. The same twice where it must not change. */
  readonly batches: readonly [number, number];
  programOf(batch: number): Program;
  outputsOf(tracer: Traces): GraphOutputs;
}

/** Two batch sizes that a recording could not take one for the other. */
const BATCHES = [2, 3] as const;

/** The model that is described, with what it gives before suppression where it is a detector. */
export function tracedModel(description: ModelDescription): TracedModel {
  const { heightPx, widthPx, channels } = description.image;
  const shape = [heightPx, widthPx, channels];
  if (!description.detector) {
    const model = buildModel({ ...description, strategy: 'full' }, 1);
    return {
      ...{ specs: model.all, batches: BATCHES },
      programOf: (batch) => inferProgram(model, { kind: 'pixels', shape }, batch, false),
      outputsOf: (tracer) => ({ kind: 'classes', probabilities: tracer.softmax(tracer.output('logits').ref) }),
    };
  }
  const learning = buildDetector({ ...description, strategy: 'full' }, 1);
  const { kind, params, suppression } = learning.detector;
  return {
    specs: params,
    // Proposals are picked and cut out picture by picture.
    batches: kind === 'faster-rcnn' ? [1, 1] : BATCHES,
    programOf: (batch) => detectorCandidatesProgram(learning, shape, batch),
    outputsOf: (tracer) => {
      const [boxes, scores] = [tracer.output('boxes'), tracer.output('scores')];
      const shapes = { boxesShape: boxes.shape, scoresShape: scores.shape };
      const proposals = learning.detector.proposals === null ? null : tracer.output('proposals');
      return { kind: 'objects', boxes: boxes.ref, scores: scores.ref, ...shapes, proposals, suppression };
    },
  };
}
