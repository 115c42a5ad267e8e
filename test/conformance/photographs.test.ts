/**
 * EfficientNet-Lite0 with its published weights says what is in everyday photographs that Python packages ship: scikit-learn's
 * two, and scikit-image's where it is installed. Needs GRAFT_BENCH_PYTHON, a Python that has scikit-learn.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { childEnvironment, settings } from '../../infra/config.ts';
import { createImageDecoder } from '../../infra/images/image-decoder.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { fetchWeights } from '../../infra/native/weights-fetch.ts';
import { createBackbone } from '../../ml/backbones/index.ts';
import { applyBlocks, paramsOf } from '../../ml/nn/apply-blocks.ts';
import { inferenceContext, paramTensors, paramsIn } from '../../ml/nn/contexts.ts';
import { classificationHead } from '../../ml/nn/head.ts';
import { preprocess } from '../../ml/nn/preprocessing.ts';
import { loadBackboneWeights } from '../../ml/weights/load.ts';

/** What a photograph shows, as indexes of the 1,000 classes of ImageNet: any of them among the five best will do. */
const shown: Readonly<Record<string, readonly number[]>> = {
  // Palace, and monastery, bell cote, stupa.
  china: [698, 663, 442, 832],
  // Daisy; a dahlia is none of the thousand.
  flower: [985],
  // Egyptian cat, tabby, tiger cat, lynx.
  chelsea: [285, 281, 282, 287],
  // Espresso, coffee mug, cup.
  coffee: [967, 504, 968],
  // Missile, projectile, space shuttle.
  rocket: [657, 744, 812],
};

const python = process.env['GRAFT_BENCH_PYTHON'];
const here = fileURLToPath(new URL('.', import.meta.url));
let dir = '';
beforeAll(() => loadTensorFlow());
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-photographs-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

describe.skipIf(python === undefined)('EfficientNet-Lite0 with its ImageNet weights', () => {
  it('has what is in the picture among its five best', async () => {
    execFileSync(python!, [join(here, 'photographs.py'), dir], { stdio: 'pipe' });
    const files = readdirSync(dir).sort();
    expect(files.length).toBeGreaterThanOrEqual(2);
    const decoder = createImageDecoder({ env: childEnvironment({}, { secrets: false }) });
    const image = { heightPx: 224, widthPx: 224, channels: 3, resize: 'crop' } as const;
    const pixels = new Uint8Array(files.length * 224 * 224 * 3);
    try {
      for (const result of await decoder.render(
        files.map((file) => join(dir, file)),
        image,
        pixels,
      ))
        expect(result.ok).toBe(true);
    } finally {
      await decoder.close();
    }
    const backbone = createBackbone('efficientnet-lite0');
    const weights = await fetchWeights('efficientnet-lite0', 'imagenet', settings());
    const values = await loadBackboneWeights(backbone, weights!.path, { classes: 1000 });
    const head = classificationHead({ channels: backbone.featureChannels, classes: 1000, dropout: 0 });
    const blocks = [...backbone.blocks, ...head];
    const probabilities = tf.tidy(() => {
      const context = inferenceContext(paramsIn(paramTensors(paramsOf(blocks), values)));
      const x = preprocess(backbone.preprocessing, tf.tensor(pixels, [files.length, 224, 224, 3], 'float32'));
      return tf.softmax(applyBlocks(blocks, 0, blocks.length, x, context)).arraySync() as number[][];
    });
    for (const [row, file] of files.entries()) {
      const five = probabilities[row]!.map((share, index) => ({ share, index }))
        .sort((a, b) => b.share - a.share)
        .slice(0, 5);
      const name = basename(file, extname(file));
      process.stderr.write(`${name}: ${five.map(({ share, index }) => `${index} ${share.toFixed(2)}`).join(', ')}\n`);
      const wanted = shown[name] ?? [];
      expect(five.filter(({ index }) => wanted.includes(index)).length, name).toBeGreaterThan(0);
    }
  });
});
