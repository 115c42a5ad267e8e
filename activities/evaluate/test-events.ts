import { readFile } from 'node:fs/promises';
import type { EvaluateOutput, PrepareOutput } from '../../contracts/manifests.ts';
import { asFloat32, asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import type { RunId } from '../../core/ids.ts';
import { unwrap } from '../../core/result.ts';
import type { Picture } from '../../core/summaries/summary.ts';
import { testSummaries, worstAnswers } from '../../core/summaries/test-events.ts';
import type { Scored, WrongAnswer } from '../../core/summaries/test-events.ts';
import { putEvents } from '../lib/run-events.ts';
import type { TrainPorts } from '../ports.ts';

/** What TensorBoard shows of a run's test side. `step` is the one whose weights were scored. */
export async function putTestEvents(
  ports: TrainPorts,
  runId: RunId,
  step: number,
  prepared: PrepareOutput,
  { metrics, logits: blob }: EvaluateOutput,
): Promise<void> {
  const path = await ports.files.fetch(blob);
  const { tensors } = unwrap(decodeSafetensors(await readFile(path), path));
  const [logits, labels] = [tensors.get('logits'), tensors.get('labels')];
  if (!logits || !labels) return;
  const scored: Scored = { classes: prepared.classes, logits: asFloat32(logits), labels: asInt32(labels), metrics };
  const errors = await picturesOf(ports, prepared, worstAnswers(scored));
  const summaries = testSummaries(scored, errors);
  await putEvents(ports, runId, { side: 'test', part: 1 }, [{ step, timeMs: ports.clock.nowMs(), summaries }]);
}

/** The pixels of these rows as the network sees them, shard by shard. */
async function picturesOf(
  { files }: TrainPorts,
  { sides, image }: PrepareOutput,
  answers: readonly WrongAnswer[],
): Promise<{ answer: WrongAnswer; picture: Picture }[]> {
  const { widthPx, heightPx, channels } = image;
  const sizeBytes = widthPx * heightPx * channels;
  const found = new Map<WrongAnswer, Picture>();
  let first = 0;
  for (const shard of sides.test?.shards ?? []) {
    const wanted = answers.filter(({ row }) => row >= first && row < first + shard.rows);
    if (wanted.length > 0) {
      const path = await files.fetch(shard);
      const images = unwrap(decodeSafetensors(await readFile(path), path)).tensors.get('images');
      for (const answer of images ? wanted : []) {
        const from = (answer.row - first) * sizeBytes;
        // A copy: the shard's memory is to go.
        const pixels = images?.data.slice(from, from + sizeBytes) ?? new Uint8Array(sizeBytes);
        found.set(answer, { widthPx, heightPx, channels, pixels });
      }
    }
    first += shard.rows;
  }
  return answers.flatMap((answer) => {
    const picture = found.get(answer);
    return picture ? [{ answer, picture }] : [];
  });
}
