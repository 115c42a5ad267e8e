import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportFormat } from '../../contracts/export.ts';
import type { ModelDescription } from '../../contracts/manifests.ts';
import type { ExportJob } from '../../contracts/ml-protocol.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { unreachable } from '../../core/errors.ts';
import { nativeBackend } from '../native/backend.ts';
import { readSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';
import type { ParamSpec } from '../nn/module.ts';
import { loadOnnx, loadSavedModel, loadTfjs } from './exported-model.ts';
import type { ExportedModel } from './exported-model.ts';
import type { GraphWeight, InferenceGraph } from './inference-graph.ts';
import { onnxModel } from './onnx.ts';
import { savedModel } from './saved-model.ts';
import { dequantized, storeGraph, storeWeights } from './stored-weight.ts';
import type { StoredWeight } from './stored-weight.ts';
import { tfjsGraphModel } from './tfjs.ts';
import { traceInference } from './trace.ts';

export interface ExportSource {
  readonly job: ExportJob;
  readonly specs: readonly ParamSpec[];
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Of a detector: [anchors × 4], which its parameters say nothing of. */
  readonly anchors: Float32Array | null;
  /** For graphs that are only run here. */
  readonly scratchDir: string;
}

/** Writes the files of an export and loads them again, as others would. */
export async function writeExport(source: ExportSource): Promise<ExportedModel> {
  const { job, values } = source;
  const { model, outputDir, precision } = job;
  const outputs = checkedOutputs(model, job.format);
  const { binding } = nativeBackend();
  switch (job.format) {
    case 'saved-model': {
      const graph = traceInference(model, values);
      const folder = join(outputDir, String(job.version));
      return asSavedModel(folder, graph, storeGraph(graph, precision, 'per-channel'), job);
    }
    case 'tfjs': {
      const graph = traceInference(model, values);
      const { json, shards } = tfjsGraphModel(graph, storeGraph(graph, precision, 'affine'), model, binding);
      for (const { name, bytes } of shards) await writeFile(join(outputDir, name), bytes);
      await writeFile(join(outputDir, 'model.json'), JSON.stringify(json));
      return loadTfjs(outputDir, outputs, { waits: model.detector?.kind === 'faster-rcnn' });
    }
    case 'onnx': {
      const graph = traceInference(model, values);
      const path = join(outputDir, 'model.onnx');
      await writeFile(path, onnxModel(graph, storeGraph(graph, precision, 'per-channel'), model));
      return loadOnnx(path, outputs);
    }
    case 'safetensors':
      return asSafetensors(source);
    default:
      return unreachable(job.format);
  }
}

/** What an export is compared by; of a tfjs model what stands before suppression, which is no operation of tfjs'. */
export function checkedOutputs({ detector }: ModelDescription, format: ExportFormat): readonly string[] {
  if (!detector) return ['probabilities'];
  const proposals = detector.kind === 'faster-rcnn' ? ['raw_proposals'] : [];
  const candidates = ['raw_boxes', 'raw_scores', ...proposals];
  return format === 'tfjs' ? candidates : [...candidates, 'boxes', 'scores', 'indexes'];
}

async function asSavedModel(
  folder: string,
  graph: InferenceGraph,
  stored: readonly StoredWeight[],
  { model }: ExportJob,
): Promise<ExportedModel> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'saved_model.pb'), savedModel(graph, stored, model, nativeBackend().binding));
  return loadSavedModel(folder, checkedOutputs(model, 'saved-model'));
}

/**
 * The model's own parameters by their names; whole numbers beside `<name>.scale`, one scale for each output channel. A
 * detector's `anchors` [anchors, 4] lie beside them.
 */
async function asSafetensors({ job, specs, values, anchors, scratchDir }: ExportSource): Promise<ExportedModel> {
  const weights = specs.map(({ name, shape }): GraphWeight => ({ name, shape, values: valueOf(values, name) }));
  const axes = new Map(specs.flatMap(({ name, shape }) => (shape.length > 1 ? [[name, channelAxis(shape)]] : [])));
  const stored = storeWeights(weights, axes, job.precision, 'per-channel');
  const path = join(job.outputDir, 'model.safetensors');
  const more: [string, TensorData][] = anchors ? [['anchors', float32Tensor(anchors, [anchors.length / 4, 4])]] : [];
  await writeSafetensorsFile(path, new Map([...stored.flatMap(tensorsOf), ...more]));
  const { tensors } = await readSafetensorsFile(path);
  const read = stored.map((each) => readBack(each, tensors));
  const graph = traceInference(job.model, new Map(read.map((each) => [each.name, dequantized(each)])));
  return asSavedModel(join(scratchDir, 'check'), graph, storeGraph(graph, 'float32', 'per-channel'), job);
}

/** Of a depthwise kernel [h, w, in, 1], a convolution [h, w, in, out] or a dense layer [in, out]. */
function channelAxis(shape: readonly number[]): number {
  return shape.length === 4 && shape[3] === 1 ? 2 : shape.length - 1;
}

function tensorsOf(stored: StoredWeight): (readonly [string, TensorData])[] {
  const { name, shape } = stored;
  switch (stored.kind) {
    case 'float32':
      return [[name, float32Tensor(stored.values, shape)]];
    case 'float16':
      return [[name, { dtype: 'F16', shape, data: bytesOf(stored.bits) }]];
    case 'int8': {
      const scales = float32Tensor(stored.scales, [stored.scales.length]);
      return [
        [name, { dtype: 'I8', shape, data: bytesOf(stored.values) }],
        [`${name}.scale`, scales],
      ];
    }
    case 'affine':
      throw new Error(`${name}: safetensors are given scales of channels`);
  }
}

/** The same weight with what the file holds: the check is of the file, not of what was meant. */
function readBack(stored: StoredWeight, tensors: ReadonlyMap<string, TensorData>): StoredWeight {
  const data = tensors.get(stored.name)?.data.slice();
  if (!data) throw new Error(`the file has no ${stored.name}`);
  switch (stored.kind) {
    case 'float32':
      return { ...stored, values: new Float32Array(data.buffer) };
    case 'float16':
      return { ...stored, bits: new Uint16Array(data.buffer) };
    case 'int8':
      return { ...stored, values: new Int8Array(data.buffer) };
    case 'affine':
      return stored;
  }
}

function valueOf(values: ReadonlyMap<string, Float32Array>, name: string): Float32Array {
  const value = values.get(name);
  if (!value) throw new Error(`no value for ${name}`);
  return value;
}

const bytesOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
