import type { ModelDescription } from '../../contracts/manifests.ts';
import { unwrap } from '../../core/result.ts';
import { detectorInferProgram, detectorLossProgram } from '../detectors/detector-programs.ts';
import type { LearningDetector } from '../detectors/detector-programs.ts';
import type { Detection } from '../detectors/detector.ts';
import { createEngine } from '../engine/index.ts';
import type { Engine, Output, Program } from '../engine/index.ts';
import { checkPreprocessing } from '../nn/preprocessing.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { buildDetector } from './detector-model.ts';
import { padded } from './learner.ts';
import { parameterValues } from './parameters.ts';
import { variable } from './programs.ts';

/** A trained detector in memory. */
export interface LoadedDetector {
  readonly engine: Engine;
  readonly learning: LearningDetector;
  /** The parameters by their names. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** What the network gives for such rows before graft's suppression, where that is not inside: the detector's own outputs. */
  outputs(x: Uint8Array, rows: number): ReadonlyMap<string, Output>;
  /**
   * uint8 rows of the detector's image shape, no more than the largest batch → what is found in each, surest first, in
   * shares of the frame. The rows are padded to the next batch size.
   */
  detections(x: Uint8Array, rows: number): Detection[][];
}

export interface DetectorLoading {
  /** Sizes that a graph is made for, ascending. */
  readonly batchSizes: readonly number[];
  /** [height, width, channels] of a row. */
  readonly shape: readonly number[];
  readonly scratchDir: string;
  /** Sizes of the batches whose losses are wanted: programs `loss-<size>`. */
  readonly lossSizes: readonly number[];
  /** Further programs over the same weights. */
  readonly more?: (learning: LearningDetector) => Readonly<Record<string, Program>>;
}

/** Loads a detector's weights. NORMALIZATION_MISMATCH, MODEL_WEIGHTS, MODEL_FORMAT. */
export async function loadDetector(
  model: ModelDescription,
  weightsPath: string,
  { batchSizes, shape, scratchDir, lossSizes, more }: DetectorLoading,
): Promise<LoadedDetector> {
  const learning = buildDetector({ ...model, strategy: 'full' }, 1);
  const { detector } = learning;
  unwrap(checkPreprocessing(detector.backbone, model.normalization, weightsPath));
  const { tensors } = await readSafetensorsFile(weightsPath);
  const values = parameterValues(detector.params, tensors, weightsPath);
  const state = new Map(detector.params.map((spec) => [variable.parameter(spec.name), spec.shape]));
  const infers = batchSizes.map((size): [string, Program] => [
    `infer-${size}`,
    detectorInferProgram(learning, shape, size, false),
  ]);
  const losses = lossSizes.map((size): [string, Program] => [
    `loss-${size}`,
    detectorLossProgram(learning, shape, size, false),
  ]);
  const programs = { ...Object.fromEntries([...infers, ...losses]), ...more?.(learning) };
  const engine = await createEngine({ state, programs }, scratchDir);
  engine.write(new Map([...values].map(([name, each]) => [variable.parameter(name), each])));
  const outputs = (x: Uint8Array, rows: number): ReadonlyMap<string, Output> => {
    const size = batchSizes.find((each) => each >= rows);
    if (size === undefined) throw new Error(`${rows} rows in batches of ${batchSizes.join(', ')}`);
    return engine.run(`infer-${size}`, { x: padded(x, rows, size) });
  };
  return {
    ...{ engine, learning, values, outputs },
    detections: (x, rows) => detector.detections(outputs(x, rows), rows),
  };
}

/** Detections as they go from process to process. */
export function sentDetections(found: readonly (readonly Detection[])[]): SentDetection[][] {
  return found.map((own) => own.map(({ label, score, box: [...sides] }) => ({ label, score, box: sides })));
}

interface SentDetection {
  label: number;
  score: number;
  box: [number, number, number, number];
}
