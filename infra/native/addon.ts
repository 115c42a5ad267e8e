import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { chmod, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { failedError, inputError } from '../../core/errors.ts';
import type { Settings } from '../config.ts';
import { makeFolder, temporaryBeside } from './files.ts';
import type { TensorFlowVariant } from './pins.ts';
import { findOnPath, lastWords, pathVariable, runTool } from './tools.ts';

const require = createRequire(import.meta.url);

const isMac = process.platform === 'darwin';
const RPATH = isMac ? '-Wl,-rpath,@loader_path/../../deps/lib' : '-Wl,-rpath,$ORIGIN/../../deps/lib';

/** Where the addon goes in a TensorFlow folder; its rpath leads from there to `deps/lib`. */
export const ADDON_PATH = 'lib/napi-v8/tfjs_binding.node';
export const LIBRARY_FOLDER = 'deps/lib';

/** The npm package whose binding is compiled and loaded. */
export function nodePackageOf(variant: TensorFlowVariant): '@tensorflow/tfjs-node' | '@tensorflow/tfjs-node-gpu' {
  return variant === 'gpu' ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
}

/** The folder of an installed npm package, or null. */
export function packageFolder(name: string): string | null {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return null;
  }
}

/** A small addon of our own: it keeps what TensorFlow writes to stderr as it is loaded. */
export const HUSH_PATH = 'lib/napi-v8/hush.node';
const HUSH_SOURCE = fileURLToPath(new URL('hush.cc', import.meta.url));

/** Raise when the compiler's arguments change, so that cached addons are compiled anew. */
const RECIPE = 1;

/** What an addon was made from: a hash over the package's binding sources and the recipe. */
export function addonFingerprint(variant: TensorFlowVariant): string {
  const sources = bindingFolder(variant);
  const hash = createHash('sha256').update(`recipe ${String(RECIPE)}\n`);
  hash.update(readFileSync(HUSH_SOURCE));
  for (const name of readdirSync(sources).sort()) hash.update(name).update(readFileSync(join(sources, name)));
  return hash.digest('hex');
}

function bindingFolder(variant: TensorFlowVariant): string {
  const name = nodePackageOf(variant);
  const folder = packageFolder(name);
  if (folder !== null) return join(folder, 'binding');
  throw inputError('PACKAGE_MISSING', name, 'not installed', `the npm package ${name}`, 'run npm ci in the clone');
}

/** The C++ compiler, or COMPILER_MISSING (input) with what to install. */
export async function requireCompiler(settings: Pick<Settings, 'searchPath'>): Promise<string> {
  const found = await findCompiler(settings);
  if (found !== null) return found;
  throw inputError(
    'COMPILER_MISSING',
    'g++, c++ or clang++',
    'none on PATH',
    'a C++17 compiler',
    'apt install g++, dnf install gcc-c++, or xcode-select --install; or set GRAFT_DEVICE=js to go without',
  );
}

export async function findCompiler(settings: Pick<Settings, 'searchPath'>): Promise<string | null> {
  for (const name of ['g++', 'c++', 'clang++']) {
    const path = await findOnPath(name, settings);
    if (path !== null) return path;
  }
  return null;
}

export interface ToolChain {
  readonly compiler: string;
  readonly settings: Pick<Settings, 'searchPath'>;
  readonly signal?: AbortSignal;
}

export interface CompileOptions extends ToolChain {
  readonly variant: TensorFlowVariant;
  readonly includeFolder: string;
}

/**
 * Compiles the binding of tfjs-node against the libraries in `<dir>/deps/lib`, and the hush beside it, into
 * `<dir>/lib/napi-v8`; each takes its place after a child process has loaded it.
 * Throws ADDON_COMPILE and ADDON_LOAD (failed).
 */
export async function compileAddons(dir: string, options: CompileOptions): Promise<void> {
  const sources = bindingFolder(options.variant);
  const binding = [join(sources, 'tfjs_backend.cc'), join(sources, 'tfjs_binding.cc'), ...linking(dir)];
  await Promise.all([
    compile(join(dir, ADDON_PATH), [`-I${options.includeFolder}`, ...binding], options),
    compile(join(dir, HUSH_PATH), [HUSH_SOURCE, ...(isMac ? ['-undefined', 'dynamic_lookup'] : [])], options),
  ]);
}

/**
 * Compiles and links one addon into its place, which it takes after a child process has loaded it.
 * Throws ADDON_COMPILE and ADDON_LOAD (failed).
 */
export async function compile(target: string, args: readonly string[], options: ToolChain): Promise<void> {
  // In the target's own folder, so that its rpath holds for the trial too.
  const trial = temporaryBeside(target).replace(/\.tmp$/, '.tmp.node');
  await makeFolder(dirname(target));
  const env = { PATH: pathVariable(options.settings), TF_CPP_MIN_LOG_LEVEL: '2' };
  const run = { env, ...(options.signal === undefined ? {} : { signal: options.signal }) };
  try {
    const compiled = await runTool(options.compiler, [...commonArguments(), ...args, '-o', trial], run);
    if (compiled.exitCode !== 0) {
      const remedy = 'install a C++17 compiler with its standard library';
      throw failedError('ADDON_COMPILE', options.compiler, lastWords(compiled, 6), 'a compiled addon', remedy);
    }
    const loaded = await runTool(process.execPath, ['-e', 'require(process.argv[1])', trial], run);
    if (loaded.exitCode !== 0) {
      const remedy = 'this system may be older than the libraries (glibc 2.27, x86-64 with AVX)';
      throw failedError('ADDON_LOAD', target, lastWords(loaded, 8), 'libraries that load', remedy);
    }
    await chmod(trial, 0o755);
    await rename(trial, target);
  } finally {
    await rm(trial, { force: true });
  }
}

function commonArguments(): string[] {
  const headers = packageFolder('node-api-headers');
  if (headers === null) throw inputError('PACKAGE_MISSING', 'node-api-headers', 'not installed', '', 'run npm ci');
  const defines = ['-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=tfjs_binding'];
  return ['-std=c++17', '-O2', '-shared', '-fPIC', ...defines, `-I${join(headers, 'include')}`];
}

/** What an addon in `lib/napi-v8` is linked with. */
export function linking(dir: string): string[] {
  const libraries = join(dir, LIBRARY_FOLDER);
  const search = [`-L${libraries}`, '-ltensorflow'];
  return isMac
    ? [...search, join(libraries, 'libtensorflow_framework.2.dylib'), '-undefined', 'dynamic_lookup', RPATH]
    : [...search, '-l:libtensorflow_framework.so.2', RPATH];
}
