import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelVersion } from '../../contracts/registry.ts';
import type { Prediction } from '../../contracts/web.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { objectsOf } from '../../core/detection/found-objects.ts';
import { failedError, transientError } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import type { ImageDecoder } from '../../infra/ports/image-decoder.ts';
import type { MlRunner } from '../../infra/ports/ml-runner.ts';

export interface DetectTools {
  readonly dir: string;
  readonly decoder: ImageDecoder;
  readonly ml: MlRunner;
}

/** Less sure objects are shown to nobody. */
const LEAST_SCORE = 0.3;
const STOP_DEADLINE_MS = 5_000;

/** What a detector finds in a picture. It is loaded for this picture alone: `serve` keeps classifiers only. */
export async function detectOnce(
  { dir, decoder, ml }: DetectTools,
  { model }: ModelVersion,
  { weightsPath, picturePath, top }: { weightsPath: string; picturePath: string; top: number },
): Promise<Prediction['predictions']> {
  const { heightPx, widthPx, channels } = model.image;
  const pixels = new Uint8Array(heightPx * widthPx * channels);
  const [rendered] = await decoder.render([picturePath], model.image, pixels);
  if (rendered?.ok === false) throw rendered.error;
  const [size] = await decoder.inspect([picturePath]);
  if (size === undefined) throw failedError('IMAGE_SIZE', 'the picture', 'no size', 'a picture');
  const imagesPath = join(dir, `${randomUUID()}.safetensors`);
  const images = { dtype: 'U8' as const, shape: [1, heightPx, widthPx, channels], data: pixels };
  await writeFile(imagesPath, encodeSafetensors(new Map([['images', images]])));
  const job = { kind: 'predict' as const, model, weightsPath, imagesPath, batchSize: 1 };
  const session = ml.start(job, { threads: ml.defaultThreads });
  try {
    for await (const event of session.events) {
      if (event.kind === 'failed') throw failedError(event.code, event.where, event.seen, event.expected ?? 'boxes');
      if (event.kind !== 'predicted') continue;
      const found = objectsOf(event.detections?.[0] ?? [], model, unwrap(size), { top, minScore: LEAST_SCORE });
      return found.map(({ label, score, box: [x, y, width, height] }) => ({
        ...{ label, score, box: { xMin: x, yMin: y, xMax: x + width, yMax: y + height } },
      }));
    }
    throw transientError('ML_CRASHED', 'ML process', 'it ended without a result', 'boxes', 'graft doctor');
  } finally {
    await session.stop(STOP_DEADLINE_MS);
    await rm(imagesPath, { force: true });
  }
}
