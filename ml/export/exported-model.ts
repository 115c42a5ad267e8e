import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { ExportFormat } from '../../contracts/export.ts';
import { failedError, messageOf } from '../../core/errors.ts';
import { TAG } from '../engine/saved-model.ts';
import { nativeBackend } from '../native/backend.ts';
import { savedModelNodes } from './saved-model.ts';

/** An export as somebody else would load it. */
export interface ExportedModel {
  /** uint8 rows [rows, height, width, channels] → probabilities [rows × classes]. */
  ofPixels(pixels: Uint8Array, shape: readonly number[]): Promise<Float32Array>;
  /** Files of pictures → the same; null where it takes pixels alone. */
  readonly ofFiles: ((files: readonly Uint8Array[]) => Float32Array) | null;
  dispose(): void;
}

/** `folder` holds saved_model.pb. */
export function loadSavedModel(folder: string): ExportedModel {
  const { binding } = nativeBackend();
  const session = binding.loadSavedModel(folder, TAG);
  const run = (id: number, input: string, output: string): Float32Array => {
    const [result] = binding.runSavedModel(session, [id], `${input}:0`, `${output}:0`);
    binding.deleteTensor(id);
    if (!result) throw new Error(`${output} gave nothing`);
    const values = binding.tensorDataSync(result.id);
    binding.deleteTensor(result.id);
    if (!(values instanceof Float32Array)) throw new Error(`${output} is no float32`);
    return values;
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

/** `folder` holds model.json: read by tfjs' own loader, from its files. */
export async function loadTfjs(folder: string): Promise<ExportedModel> {
  const model = await tf.loadGraphModel({ load: () => readTfjs(folder) });
  return {
    ofPixels: async (values, shape) => {
      const probabilities = tf.tidy(() => {
        const given = tf.tensor(Int32Array.from(values), [...shape], 'int32');
        const result = model.predict(given);
        if (!(result instanceof tf.Tensor)) throw new Error('the graph model gave several outputs');
        return result;
      });
      const data = await probabilities.data();
      probabilities.dispose();
      return Float32Array.from(data);
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
export async function loadOnnx(path: string): Promise<ExportedModel> {
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
      const { probabilities } = await session.run({ pixels: new Tensor('uint8', values, shape) });
      if (!(probabilities?.data instanceof Float32Array)) throw new Error('the ONNX model gave no probabilities');
      return probabilities.data;
    },
    ofFiles: null,
    dispose: () => {
      void session.release();
    },
  };
}

export type LoadedFormat = Exclude<ExportFormat, 'safetensors'>;
