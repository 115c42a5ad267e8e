/**
 * A linear probe on real digits reaches what scikit-learn reaches on the same codes: `graft codes` makes them, both learn
 * from the same rows. Needs GRAFT_BENCH_PYTHON, a Python that has scikit-learn and safetensors.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { asPicture, readDigits } from '../../bench/lib/digits.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { learnLinear, linearScores } from '../../core/linear/classifiers.ts';
import type { LinearKind } from '../../core/linear/classifiers.ts';
import type { LabelledCodes } from '../../core/linear/objectives.ts';
import { argMax } from '../../core/metrics/classification.ts';
import { unwrap } from '../../core/result.ts';
import { graftCli } from '../lib/graft-cli.ts';
import { temporaryDir } from '../servers.ts';

const python = process.env['GRAFT_BENCH_PYTHON'];
const script = fileURLToPath(new URL('probe_sklearn.py', import.meta.url));
const dir = temporaryDir('probe');
afterAll(() => rm(dir, { recursive: true, force: true }));

const PER_DIGIT = 60;
const TRAIN_ROWS = 400;

function accuracyOf(kind: LinearKind, train: LabelledCodes, test: LabelledCodes): number {
  const steps = learnLinear(kind, train, { c: 1, tolerance: 1e-5, maxIterations: 1000 });
  let step = steps.next();
  while (!step.done) step = steps.next();
  const scores = linearScores(step.value, test.codes);
  const right = [...test.labels].filter((label, row) => argMax(scores.subarray(row * 10, (row + 1) * 10)) === label);
  return right.length / test.labels.length;
}

describe.skipIf(python === undefined)('linear classifiers on CNN codes of digits', () => {
  it('are as good as scikit-learn’s on the same codes, to two points', { timeout: 600_000 }, async () => {
    const digits = await readDigits(0, PER_DIGIT);
    // Digit after digit in turns, so that the first rows have all of them.
    const mixed = [...digits].sort(
      (a, b) => ((a.index * 7919) % 6007) - ((b.index * 7919) % 6007) || a.index - b.index,
    );
    const paths: string[] = [];
    await mkdir(join(dir, 'digits'), { recursive: true });
    for (const [row, digit] of mixed.entries()) {
      const path = join(dir, 'digits', `${String(row).padStart(4, '0')}.png`);
      await asPicture(digit).png().toFile(path);
      paths.push(path);
    }
    const out = join(dir, 'codes.safetensors');
    const cli = graftCli(join(dir, 'state'), dir);
    await cli.json('codes', '--backbone', 'efficientnet-lite0', '--size', '96', '--out', out, join(dir, 'digits'));
    const { tensors } = unwrap(decodeSafetensors(new Uint8Array(await readFile(out)), out));
    const codes = tensors.get('codes')!;
    const width = codes.shape[1]!;
    const labels = Int32Array.from(mixed, ({ label }) => label);
    await writeFile(join(dir, 'labels.json'), JSON.stringify([...labels]));
    const said = execFileSync(python!, [script, out, join(dir, 'labels.json'), String(TRAIN_ROWS)], {
      encoding: 'utf8',
    });
    const theirs = z.object({ 'linear-probe': z.number(), svm: z.number() }).parse(JSON.parse(said));
    const part = (from: number, to: number): LabelledCodes => ({
      ...{ codes: asFloat32(codes).slice(from * width, to * width), labels: labels.slice(from, to) },
      ...{ width, classes: 10 },
    });
    const [train, test] = [part(0, TRAIN_ROWS), part(TRAIN_ROWS, labels.length)];
    for (const kind of ['linear-probe', 'svm'] as const) {
      const ours = accuracyOf(kind, train, test);
      process.stderr.write(`${kind}: graft ${ours.toFixed(4)}, scikit-learn ${theirs[kind].toFixed(4)}\n`);
      expect(Math.abs(ours - theirs[kind]), kind).toBeLessThanOrEqual(0.02);
    }
  });
});
