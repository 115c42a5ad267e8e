import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { ExportFormat } from '../../contracts/export.ts';
import { failedError, messageOf } from '../../core/errors.ts';
import { TAG } from '../engine/saved-model.ts';
import { nativeBackend } from '../native/backend.ts';
import { savedModelNodes } from './saved-model.ts';

/** Outputs by name, row-major. */
export type ExportedOutputs = ReadonlyMap<string, Float32Array>;

/** An export as somebody else would load it. */
export interface ExportedModel {
  /** uint8 rows [rows, height, width, channels] → what it says of them. */
  ofPixels(pixels: Uint8Array, shape: readonly number[]): Promise<ExportedOutputs>;
  /** Files of pictures → the same; null where it takes pixels alone. */
  readonly ofFiles: ((files: readonly Uint8Array[]) => ExportedOutputs) | null;
  dispose(): void;
}

/** `folder` holds saved_model.pb. `outputs`: those that are looked at. */
export function loadSavedModel(folder: string, outputs: readonly string[]): ExportedModel {
  const { binding } = nativeBackend();
  const session = binding.loadSavedModel(folder, TAG);
  const run = (id: number, input: string, prefix: string): ExportedOutputs => {
    const names = outputs.map((name) => `${prefix}/${name}:0`).join();
    const results = binding.runSavedModel(session, [id], `${input}:0`, names);
    binding.deleteTensor(id);
    const values = results.map(({ id: result }) => binding.tensorDataSync(result));
    for (const { id: result } of results) binding.deleteTensor(result);
    return new Map(outputs.map((name, index) => [name, numbersIn(values[index], name)]));
  };
  const { bytes, pixels, ofBytes, ofPixels } = savedModelNodes;
  return {
    ofPixels: (values, shape) =>
      Promise.resolve(run(binding.createTensor(shape, binding.TF_UINT8, values), pixels, ofPixels)),
    ofFiles: (files) => run(binding.createTensor([files.length], binding.TF_STRING, files), bytes, ofBytes),
    dispose: () => {
      binding.deleteSavedModel(session);
    },
  };
}

/** Of any runtime's numbers. */
function numbersIn(values: unknown, name: string): Float32Array {
  if (values instanceof Float32Array) return values;
  if (values instanceof Int32Array) return Float32Array.from(values);
  if (values instanceof BigInt64Array) return Float32Array.from(values, Number);
  throw new Error(`the export gave no numbers as ${name}`);
}

/**
 * `folder` holds model.json: read by tfjs' own loader, from its files. `waits`: operations of it, such as suppression, give
 * what only tfjs' asynchronous execution takes.
 */
export async function loadTfjs(
  folder: string,
  outputs: readonly string[],
  { waits }: { readonly waits: boolean },
): Promise<ExportedModel> {
  const model = await tf.loadGraphModel({ load: () => readTfjs(folder) });
  return {
    ofPixels: async (values, shape) => {
      const given = tf.tensor(Int32Array.from(values), [...shape], 'int32');
      const names = [...outputs];
      const results = waits ? await model.executeAsync(given, names) : model.execute(given, names);
      const tensors = Array.isArray(results) ? results : [results];
      const read = await Promise.all(tensors.map((tensor) => tensor.data()));
      tf.dispose([given, ...tensors]);
      return new Map(outputs.map((name, index) => [name, numbersIn(read[index], name)]));
    },
    ofFiles: null,
    dispose: () => {
      model.dispose();
    },
  };
}

interface ModelJson extends tf.io.ModelJSON {
  readonly modelTopology: object;
}

async function readTfjs(folder: string): Promise<tf.io.ModelArtifacts> {
  const json = parseModelJson(await readFile(join(folder, 'model.json'), 'utf8'));
  const files = json.weightsManifest.flatMap(({ paths }) => paths).map((path) => readFile(join(folder, path)));
  const bytes = new Uint8Array(Buffer.concat(await Promise.all(files)));
  return {
    modelTopology: json.modelTopology,
    format: 'graph-model',
    ...(json.signature ? { signature: json.signature } : {}),
    weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
    weightData: bytes.buffer,
  };
}

function parseModelJson(text: string): ModelJson {
  const value: unknown = JSON.parse(text);
  if (isModelJson(value)) return value;
  throw new Error('model.json has no topology or weights');
}

function isModelJson(value: unknown): value is ModelJson {
  return typeof value === 'object' && value !== null && 'modelTopology' in value && 'weightsManifest' in value;
}

/** By onnxruntime. EXPORT_RUNTIME (failed) where it is not installed. */
export async function loadOnnx(path: string, outputs: readonly string[]): Promise<ExportedModel> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node').catch((error: unknown) => {
    throw failedError(
      'EXPORT_RUNTIME',
      'onnxruntime-node',
      messageOf(error).slice(0, 200),
      'onnxruntime, which checks what is exported',
      'npm install onnxruntime-node',
    );
  });
  const session = await InferenceSession.create(path, { logSeverityLevel: 3 });
  return {
    ofPixels: async (values, shape) => {
      const results = await session.run({ pixels: new Tensor('uint8', values, shape) }, [...outputs]);
      return new Map(outputs.map((name) => [name, numbersIn(results[name]?.data, name)]));
    },
    ofFiles: null,
    dispose: () => {
      void session.release();
    },
  };
}

export type LoadedFormat = Exclude<ExportFormat, 'safetensors'>;
