import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DetectionMetrics } from '../../contracts/detection-metrics.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { inputError } from '../../core/errors.ts';
import { scoreDetections } from '../../core/metrics/detection/score-pictures.ts';
import type { NamedPicture } from '../../core/metrics/detection/score-pictures.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { settings } from '../../infra/config.ts';
import { openDatasetSource, sourcesSetup } from '../../infra/sources/open-source.ts';
import type { Output } from '../output.ts';
import { joined, renderBoxed } from './boxed-pictures.ts';
import { predictJob, runJob } from './scoring.ts';
import type { Scoring } from './scoring.ts';
import { count, plural } from './units.ts';

interface Options {
  readonly skipBad: boolean;
  readonly output: Output;
}

/** Pictures of which one child process says what is in them. */
const PART = 512;
const COLUMNS = 6;

/** A detector on other pictures with boxes, of any format that graft reads: figures in the pictures' own pixels. */
export async function evaluateDetector(
  store: ObjectStore,
  scoring: Scoring,
  version: ModelVersion,
  path: string,
  { skipBad, output }: Options,
): Promise<{ metrics: DetectionMetrics; skipped: number }> {
  const source = await openDatasetSource({ store, ...sourcesSetup(settings()) })(path, 'auto', { task: 'detection' });
  const { pictures, pixels, bad } = await renderBoxed(source, scoring, version.model.image, output);
  for (const { path: name, code, reason } of bad) output.warn(`${code}: ${name} — ${reason}`);
  if (bad.length > 0 && (!skipBad || pictures.length === 0)) {
    const seen = `${plural(bad.length, 'picture')} of ${pictures.length + bad.length} not usable`;
    throw inputError('INPUT_BAD', path, seen, 'pictures with boxes', 'mend them, or go on without them: --skip-bad');
  }
  checkClasses(pictures, version, path);
  const { detector, classes, image } = version.model;
  const most = detector?.postprocess.total ?? 1;
  const logits = new Float32Array(pictures.length * most * COLUMNS);
  const weightsPath = await scoring.weights(version);
  const bar = output.progress('evaluate');
  for (let start = 0; start < pictures.length; start += PART) {
    const imagesPath = join(scoring.dir, `part-${start}.safetensors`);
    const part = pixels.slice(start, start + PART);
    const shape = [part.length, image.heightPx, image.widthPx, image.channels];
    await writeFile(imagesPath, encodeSafetensors(new Map([['images', { dtype: 'U8', shape, data: joined(part) }]])));
    const event = await runJob(scoring.ml, predictJob(version.model, weightsPath, imagesPath));
    const found = event.kind === 'predicted' ? (event.detections ?? []) : [];
    for (const [row, own] of found.entries()) {
      const values = own.flatMap(({ label, score, box }) => [label + 1, score, ...box]);
      logits.set(values, (start + row) * most * COLUMNS);
    }
    bar.update(start + part.length, pictures.length);
  }
  bar.stop();
  const { detection } = scoreDetections(pictures, { logits, loss: 0 }, { image, classes });
  return { metrics: detection, skipped: bad.length };
}

function checkClasses(pictures: readonly NamedPicture[], { model, name }: ModelVersion, path: string): void {
  const known = new Set(model.classes);
  const foreign = new Set(pictures.flatMap(({ boxes }) => boxes.map(({ label }) => label)));
  for (const label of known) foreign.delete(label);
  if (foreign.size === 0) return;
  const seen = `classes that ${name} does not know: ${[...foreign].slice(0, 10).join(', ')}`;
  const expected = `some of its ${count(known.size)} classes: ${[...known].slice(0, 20).join(', ')}`;
  throw inputError('EVAL_CLASSES', path, seen, expected, 'rename or remove these boxes');
}
