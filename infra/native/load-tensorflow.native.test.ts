import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tensorFlowEnv } from './tensorflow-env.ts';

const require = createRequire(import.meta.url);

interface Loaded {
  readonly facts: { backend: string; tensorflowVersion: string; device: string; why: string; threads: number };
  readonly backend: string;
  readonly product: number[];
  readonly again: boolean;
}

/** Loads TensorFlow in a process of its own and multiplies two matrices with what `@tensorflow/tfjs` then is. */
function load(env: Record<string, string>): { loaded: Loaded; stderr: string } {
  const modulePath = fileURLToPath(new URL('load-tensorflow.ts', import.meta.url));
  const program = `
    import * as tf from '@tensorflow/tfjs';
    import { loadTensorFlow } from ${JSON.stringify(modulePath)};
    const facts = await loadTensorFlow();
    const product = await tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5, 6], [7, 8]])).data();
    const again = (await loadTensorFlow()) === facts;
    console.log(JSON.stringify({ facts, backend: tf.getBackend(), product: [...product], again }));`;
  const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  expect(child.status, child.stderr).toBe(0);
  return { loaded: JSON.parse(child.stdout) as Loaded, stderr: child.stderr };
}

/** Every file of the installed package, with its time: to see that nothing is written there. */
function snapshot(): string {
  const root = dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => `${name} ${String(statSync(join(root, name)).mtimeMs)}`).join('\n');
}

describe('loadTensorFlow', () => {
  it('makes @tensorflow/tfjs compute natively, in silence and without a file in node_modules', () => {
    const before = snapshot();
    const { loaded, stderr } = load({ GRAFT_DEVICE: 'cpu', GRAFT_THREADS: '1', ...tensorFlowEnv({ threads: 1 }) });
    expect(loaded.facts).toMatchObject({ backend: 'tensorflow', device: 'cpu', threads: 1, why: 'GRAFT_DEVICE=cpu' });
    expect(loaded.facts.tensorflowVersion).toMatch(/^2\.\d+\.\d+$/);
    expect(loaded.backend).toBe('tensorflow');
    expect(loaded.product).toEqual([19, 22, 43, 50]);
    expect(loaded.again).toBe(true);
    expect(stderr).toBe('');
    expect(snapshot()).toBe(before);
  });

  it.runIf(process.arch === 'x64' && process.platform === 'linux')('keeps to the instructions that are named', () => {
    const { loaded } = load({ GRAFT_DEVICE: 'cpu', GRAFT_KERNELS: 'own', GRAFT_PROCESSOR: 'x86-64-v3' });
    expect(loaded.facts).toMatchObject({ kernels: 'x86-64-v3' });
    expect(loaded.product).toEqual([19, 22, 43, 50]);
  });

  it('falls back to JavaScript with one loud line where native TensorFlow is not to be had', () => {
    const { loaded, stderr } = load({ GRAFT_TENSORFLOW_DIR: '/nowhere', GRAFT_DEVICE: 'auto' });
    expect(loaded.facts).toMatchObject({ backend: 'cpu-js', threads: 1 });
    expect(loaded.product).toEqual([19, 22, 43, 50]);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^WARNING: .*plain JavaScript.*TENSORFLOW_DIR: \/nowhere/);
  });

  it('does not fall back where a person asked for the CPU', () => {
    expect(() => load({ GRAFT_TENSORFLOW_DIR: '/nowhere', GRAFT_DEVICE: 'cpu' })).toThrowError(/TENSORFLOW_DIR/);
  });
});
