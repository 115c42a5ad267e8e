import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportReport } from '../../contracts/export.ts';
import type { DetectorConfig } from '../../contracts/detector-config.ts';
import type { ModelDescription, PreparedImage } from '../../contracts/manifests.ts';
import type { ExportJob } from '../../contracts/ml-protocol.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import type { BackboneId } from '../../contracts/pipeline-config.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { unwrap } from '../../core/result.ts';
import { float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { childEnvironment } from '../../infra/config.ts';
import { createImageDecoder } from '../../infra/images/image-decoder.ts';
import { runExport } from '../../ml/export/run-export.ts';
import { initialize } from '../../ml/nn/initialize.ts';
import type { ParamSpec } from '../../ml/nn/module.ts';
import { buildDetector } from '../../ml/trainer/detector-model.ts';
import { buildModel } from '../../ml/trainer/model.ts';
import { writeSafetensorsFile } from '../../ml/weights/safetensors-file.ts';
import { picture } from '../fakes/image-fixtures.ts';

export interface ExportCase {
  readonly backbone?: BackboneId;
  readonly image?: PreparedImage;
  readonly format: ExportJob['format'];
  readonly precision?: ExportJob['precision'];
  /** A detector on the backbone; a classifier where absent. */
  readonly detector?: DetectorConfig;
}

/** Pictures of many shapes: JPEGs with and without subsampling, gray, and PNG. Returns their paths. */
export async function writePictures(dir: string): Promise<string[]> {
  await mkdir(dir, { recursive: true });
  const files = {
    'wide.jpg': picture(150, 91, 1).jpeg({ quality: 90 }),
    'tall.jpg': picture(64, 200, 2).jpeg({ quality: 75, chromaSubsampling: '4:4:4' }),
    'odd.jpg': picture(33, 47, 3).jpeg({ quality: 60 }),
    'small.jpg': picture(20, 17, 4).jpeg({ quality: 95 }),
    'gray.jpg': picture(120, 80, 5).grayscale().jpeg({ quality: 85 }),
    'plain.png': picture(90, 70, 6).png(),
  };
  for (const [name, each] of Object.entries(files)) await writeFile(join(dir, name), await each.toBuffer());
  return Object.keys(files).map((name) => join(dir, name));
}

/** A model whose weights are drawn, with BatchNorm that does something: as of a training that has begun. */
export async function writeModel(
  path: string,
  backbone: BackboneId,
  image: PreparedImage,
  seed = 1,
): Promise<ModelDescription> {
  const { normalization } = backboneFacts[backbone];
  const classes = ['ant', 'bee', 'cät'];
  const description: ModelDescription = { backbone, strategy: 'full', classes, image, normalization, dropout: 0.2 };
  await writeDrawn(path, buildModel(description, 1).all, seed);
  return description;
}

/** The same for a detector; what it finds in a picture is well apart from what it does not. */
export async function writeDetector(
  path: string,
  made: Pick<ModelDescription, 'backbone' | 'image' | 'detector'>,
  seed = 1,
): Promise<ModelDescription> {
  const { normalization } = backboneFacts[made.backbone];
  const classes = ['ant', 'bee', 'cät'];
  const description: ModelDescription = { ...made, strategy: 'full', classes, normalization, dropout: 0 };
  await writeDrawn(path, buildDetector(description, 1).detector.params, seed);
  return description;
}

async function writeDrawn(path: string, params: readonly ParamSpec[], seed: number): Promise<void> {
  const values = initialize(params, seed);
  for (const [name, each] of values) {
    if (/moving_mean|beta|bias/.test(name)) each.forEach((_, i) => (each[i] = Math.sin(i + name.length) * 0.1));
    if (/detector\/(map|rpn).*(classes|objectness|boxes)\/kernel/.test(name))
      each.forEach((value, i) => (each[i] = value * 8));
    if (/detector.*classes.bias/.test(name)) each.fill(-4);
    // He's rule for what goes out lets Inception's narrow branches grow without an end.
    const [last = 1, before = 1] = params.find((param) => param.name === name)?.shape.toReversed() ?? [];
    if (/backbone.(conv2|mixed).*kernel/.test(name))
      each.forEach((value, i) => (each[i] = value * Math.sqrt(last / before)));
    // Drawn residual branches add up: they and a first layer without normalization are made small.
    const factor = name.endsWith('expand/bn/gamma') ? 0.25 : name.endsWith('stem/bn/moving_variance') ? 4096 : 1;
    if (/gamma|variance/.test(name)) each.forEach((_, i) => (each[i] = factor * (1 + 0.3 * Math.cos(i))));
  }
  const tensors = params.map(({ name, shape }): [string, TensorData] => {
    return [name, float32Tensor(values.get(name)!, shape)];
  });
  await writeSafetensorsFile(path, new Map(tensors));
}

/** Renders pictures as graft does, and gives the job that exports the model and compares it on them. */
export async function makeExportJob(dir: string, paths: readonly string[], made: ExportCase): Promise<ExportJob> {
  const { backbone = 'tiny-cnn', format, precision = 'float32', detector } = made;
  const image = made.image ?? { heightPx: 32, widthPx: 40, channels: 3, resize: 'stretch' };
  await mkdir(dir, { recursive: true });
  const weightsPath = join(dir, 'weights.safetensors');
  const model = await (detector
    ? writeDetector(weightsPath, { backbone, image, detector })
    : writeModel(weightsPath, backbone, image));
  const shape = [paths.length, image.heightPx, image.widthPx, image.channels];
  const data = new Uint8Array(shape.reduce((product, side) => product * side, 1));
  const pictures: ExportJob['pictures'] = [];
  const decoder = createImageDecoder({ env: childEnvironment({}, { secrets: false }) });
  try {
    for (const result of await decoder.render(paths, image, data)) if (!result.ok) throw result.error;
    const sizes = (await decoder.inspect(paths)).map(unwrap);
    pictures.push(
      ...sizes.map(({ width, height }, row) => ({ path: paths[row] ?? '', row, widthPx: width, heightPx: height })),
    );
  } finally {
    await decoder.close();
  }
  const labels = int32Tensor(
    Int32Array.from(paths, (_, row) => row % 3),
    [paths.length],
  );
  const shard = join(dir, 'pictures.safetensors');
  const images: TensorData = { dtype: 'U8', shape, data };
  await writeFile(shard, encodeSafetensors(new Map([['images', images], ['labels', labels]]))); // prettier-ignore
  const outputDir = join(dir, format);
  await mkdir(outputDir, { recursive: true });
  return {
    ...{ kind: 'export', model, version: 1, weightsPath, format, precision, outputDir },
    side: { rows: paths.length, shards: [{ path: shard, rows: paths.length }] },
    pictures,
  };
}

/** Runs the job in this process. */
export async function runExportHere(job: ExportJob): Promise<ExportReport> {
  const reports: ExportReport[] = [];
  await runExport(job, {
    emit: (event) => {
      if (event.kind === 'exported') reports.push(event.report);
    },
    stopRequested: () => false,
    nowMs: () => 0,
    residentBytes: () => 0,
  });
  const [report] = reports;
  if (!report) throw new Error('the job said nothing');
  return report;
}
