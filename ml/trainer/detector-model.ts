import type { ModelDescription } from '../../contracts/manifests.ts';
import { inputError } from '../../core/errors.ts';
import { createBackbone } from '../backbones/index.ts';
import { learningDetector } from '../detectors/detector-programs.ts';
import type { LearningDetector } from '../detectors/detector-programs.ts';
import { createDetector } from '../detectors/index.ts';
import { initialize } from '../nn/initialize.ts';
import { normalizedBy } from '../nn/preprocessing.ts';
import { loadBackboneWeights } from '../weights/load.ts';
import { areOfDetector, detectorWeightsOf } from '../weights/load-detector.ts';
import { readWeights } from '../weights/read-weights.ts';
import { cutOf } from './model.ts';

/** Where the values of a detector's parameters come from, by name. */
export interface DetectorStart {
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly restored: readonly string[];
  readonly fresh: readonly string[];
}

/** The detector that a model describes, and which part of it learns. */
export function buildDetector(description: ModelDescription, lastN: number): LearningDetector {
  const { detector, classes, image, backbone, normalization } = description;
  if (!detector) throw inputError('CONFIG_VALUE', 'model.detector', 'null', 'a detector', 'write task: classification');
  const { heightPx, widthPx } = image;
  const shape = { classes: classes.length, heightPx, widthPx };
  const trunk = normalizedBy(createBackbone(backbone), normalization);
  return learningDetector(createDetector(trunk, detector, shape), cutOf(description, lastN, trunk));
}

/**
 * What a detector starts with: a file of a backbone gives the backbone's values; one of a detector also those of the
 * detector's own layers that have the same name and shape. All else is drawn at its own address.
 */
export async function detectorStart(
  { detector }: LearningDetector,
  { weightsPath, seed }: { readonly weightsPath: string | null; readonly seed: number },
): Promise<DetectorStart> {
  const values = initialize(detector.params, seed);
  const given = weightsPath === null ? new Map<string, Float32Array>() : await valuesIn(weightsPath, detector);
  for (const [name, value] of given) values.set(name, value);
  const names = detector.params.map(({ name }) => name);
  return { values, restored: names.filter((name) => given.has(name)), fresh: names.filter((name) => !given.has(name)) };
}

async function valuesIn(
  path: string,
  detector: LearningDetector['detector'],
): Promise<ReadonlyMap<string, Float32Array>> {
  const read = await readWeights(path, {});
  if (!areOfDetector(read.keys())) return loadBackboneWeights(detector.backbone, path);
  return detectorWeightsOf(detector, read, path).values;
}
