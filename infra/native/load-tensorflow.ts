import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import process from 'node:process';
import util from 'node:util';
import type * as Tfjs from '@tensorflow/tfjs';
import { z } from 'zod';
import { GraftError, failedError, messageOf } from '../../core/errors.ts';
import { defaultEnvironment, replaceEnvironment, settings as currentSettings } from '../config.ts';
import type { Settings } from '../config.ts';
import { nodePackageOf, packageFolder } from './addon.ts';
import { hushed } from './hush.ts';
import { chooseDevice, lookAtMachine } from './devices.ts';
import type { DeviceChoice } from './devices.ts';
import { findKernels, loadKernels } from './kernels.ts';
import type { OnProvision } from './progress.ts';
import { provisionTensorFlow } from './provision-tensorflow.ts';
import { findTensorFlow } from './tensorflow-cache.ts';
import { processorEnv, tensorFlowEnv, threadsEnv } from './tensorflow-env.ts';
import type { TensorFlowInstall } from './tensorflow-cache.ts';

export { tensorFlowEnv } from './tensorflow-env.ts';

/** What this process computes with. */
export interface LoadedTensorFlow {
  readonly backend: 'tensorflow' | 'tensorflow-gpu' | 'cpu-js';
  /** Of libtensorflow (`2.21.0`), or of tfjs (`4.22.0`) for the JavaScript backend. */
  readonly tensorflowVersion: string;
  readonly device: 'cpu' | 'gpu';
  /** Why this one, in words for a person. */
  readonly why: string;
  readonly threads: number;
  /** The folder of the native libraries; null for the JavaScript backend. */
  readonly dir: string | null;
  /** For which processors graft's own kernels were compiled; null where TensorFlow's compute alone. */
  readonly kernels: string | null;
  /** In how many parts a batch goes through a program; 1 where threads are within operations. */
  readonly parts: number;
}

export interface LoadOptions {
  readonly settings?: Settings;
  readonly onProgress?: OnProvision;
  /** False: take only what is ready; the default fetches and compiles what is missing. */
  readonly provision?: boolean;
  readonly threads?: number;
  /** In how many parts a batch is to go through a program, where graft's own kernels can be had; 1 by default. */
  readonly parts?: number;
  /** Where the one loud line about the JavaScript backend goes: stderr by default. */
  readonly warn?: (line: string) => void;
}

let loading: Promise<LoadedTensorFlow> | undefined;

/**
 * Loads TensorFlow into this process, once: GPU where there is one, else CPU, else tfjs's own JavaScript backend with one
 * loud line. `@tensorflow/tfjs` then computes with it, for every importer in the process.
 *
 * With GRAFT_DEVICE=cpu or gpu there is no fallback. Throws as `provisionTensorFlow` does, and TENSORFLOW_LOAD (failed).
 */
export function loadTensorFlow(options: LoadOptions = {}): Promise<LoadedTensorFlow> {
  loading ??= load(options);
  return loading;
}

async function load(options: LoadOptions): Promise<LoadedTensorFlow> {
  const known = options.settings ?? currentSettings();
  const threads = options.threads ?? known.threads;
  const choice = chooseDevice(known.device, await lookAtMachine(known));
  if (choice.kind === 'js') return useJavaScript(choice.why, options);
  try {
    return await loadNative(choice, known, threads, options);
  } catch (error) {
    if (known.device !== 'auto') throw error;
    return useJavaScript(messageOf(error), options);
  }
}

async function loadNative(
  choice: DeviceChoice & { kind: 'native' },
  known: Settings,
  threads: number,
  options: LoadOptions,
): Promise<LoadedTensorFlow> {
  const { variant } = choice;
  const install =
    options.provision === false
      ? await findTensorFlow(variant, known)
      : await provisionTensorFlow({ variant, settings: known, ...progressOf(options) });
  if (install === null) {
    throw failedError('TENSORFLOW_MISSING', variant, 'not in the cache', 'native TensorFlow', 'run graft doctor --fix');
  }
  const wanted = options.parts ?? 1;
  const wantsKernels = known.kernels === 'own' || (known.kernels === 'auto' && wanted > 1);
  const found =
    variant === 'cpu' && wantsKernels ? await findKernels(install, known, options.provision !== false) : null;
  const addon = found?.kind === 'ready' ? found : null;
  const parts = addon === null ? 1 : wanted;
  // For a process that was started without them; the memory settings come too late here.
  defaultEnvironment({ ...tensorFlowEnv({ threads, parts }), ...processorEnv(known.processor) });
  if (wanted > 1) replaceEnvironment(threadsEnv({ threads, parts }));
  // Loaded here and not above, so that a process which only asks for the environment stays light.
  const tf = await import('@tensorflow/tfjs');
  const facts = requireBinding(tf, install, known.verboseNative ? unhushed : hushed);
  const device = facts.usesGpu ? 'gpu' : 'cpu';
  const kernels = device === 'cpu' && addon !== null && addKernels(tf, addon.path, parts) ? addon.processor : null;
  const unused =
    variant === 'gpu' && device === 'cpu' ? ', but TensorFlow can’t use it (CUDA 12 libraries missing?)' : '';
  return {
    backend: variant === 'gpu' ? 'tensorflow-gpu' : 'tensorflow',
    tensorflowVersion: facts.version,
    device,
    why: `${choice.why}${unused}`,
    threads,
    dir: install.dir,
    kernels,
    parts: kernels === null ? 1 : parts,
  };
}

/** graft's own kernels (kernels/), for ml/native/kernels.ts to find; without them training is slower and else the same. */
function addKernels(tf: typeof Tfjs, path: string, parts: number): boolean {
  if (!loadKernels(path)) return false;
  for (const [flag, value] of Object.entries({ GRAFT_KERNELS: true, GRAFT_PARTS: parts })) {
    tf.env().registerFlag(flag, () => value);
    tf.env().set(flag, value);
  }
  return true;
}

const Binding = z.object({ TF_Version: z.string() });
const Backend = z.object({ isUsingGpuDevice: z.boolean() });
const PreGyp = z.object({ find: z.custom<(packageJson: string) => string>((value) => typeof value === 'function') });

/** Loads tfjs-node with the addon of `install`, without a file in node_modules. */
function requireBinding(
  tf: typeof Tfjs,
  install: TensorFlowInstall,
  around: typeof hushed,
): { version: string; usesGpu: boolean } {
  replaceRemovedUtilities();
  const folder = packageFolder(nodePackageOf(install.variant)) ?? '';
  const require = createRequire(`${folder}/package.json`);
  // tfjs-node asks the instance of node-pre-gyp that it resolves itself; that one's `find` is a getter of this module's.
  const preGyp: unknown = require('@mapbox/node-pre-gyp/lib/pre-binding');
  const { find } = PreGyp.parse(preGyp);
  const answer = (packageJson: string): string =>
    dirname(packageJson) === folder ? install.addonPath : find(packageJson);
  try {
    Object.assign(Object(preGyp), { find: answer });
    around(install, () => {
      require(folder);
    });
  } catch (error) {
    throw loadFailed(install, messageOf(error), error);
  } finally {
    Object.assign(Object(preGyp), { find });
  }
  if (tf.getBackend() !== 'tensorflow') {
    throw loadFailed(install, `@tensorflow/tfjs computes with ${tf.getBackend()}: npm installed it twice`);
  }
  return {
    version: Binding.parse(require(install.addonPath)).TF_Version,
    usesGpu: Backend.parse(tf.backend()).isUsingGpuDevice,
  };
}

function unhushed(_: { readonly dir: string }, work: () => void): void {
  work();
}

function loadFailed(install: TensorFlowInstall, seen: string, cause?: unknown): GraftError {
  const remedy = 'run graft doctor --fix';
  return new GraftError('TENSORFLOW_LOAD', { kind: 'failed', where: install.dir, seen, remedy }, { cause });
}

/** tfjs-node 4.22 calls `util.isNullOrUndefined`, which Node 22 warns of and Node 23 removed. */
function replaceRemovedUtilities(): void {
  Object.assign(util, { isNullOrUndefined: (value: unknown) => value === null || value === undefined });
}

async function useJavaScript(why: string, options: LoadOptions): Promise<LoadedTensorFlow> {
  const warn = options.warn ?? ((line: string) => process.stderr.write(`${line}\n`));
  warn(`WARNING: computing in plain JavaScript, 10 to 100 times slower than native TensorFlow — ${why}`);
  const tf = await import('@tensorflow/tfjs');
  await tf.setBackend('cpu');
  await tf.ready();
  quietFirstUse(tf);
  return {
    backend: 'cpu-js',
    tensorflowVersion: tf.version.tfjs,
    device: 'cpu',
    why,
    threads: 1,
    dir: null,
    kernels: null,
    parts: 1,
  };
}

/** The first operation of the JavaScript backend prints an advertisement for tfjs-node; our own line has said it. */
function quietFirstUse(tf: typeof Tfjs): void {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    tf.tidy(() => tf.square(tf.scalar(1)).dataSync());
  } finally {
    console.warn = warn;
  }
}

function progressOf({ onProgress }: LoadOptions): { onProgress?: OnProvision } {
  return onProgress === undefined ? {} : { onProgress };
}
