import type { QuarantinedItem } from '../../contracts/manifests.ts';
import { DatasetConfig, ImageConfig, ModelConfig } from '../../contracts/pipeline-config.ts';
import type { ItemAnnotations } from '../../core/dataset/annotations.ts';
import { inputImage } from '../../core/backbone-facts.ts';
import { DatasetLook } from '../../core/dataset/dataset-look.ts';
import type { LookedAt } from '../../core/dataset/dataset-look.ts';
import { groupRule } from '../../core/dataset/items.ts';
import { LOOK_BYTES } from '../../core/dataset/look.ts';
import type { MeasuredItem } from '../../core/dataset/statistics.ts';
import { unwrap } from '../../core/result.ts';
import { sha256OfFile } from '../../infra/native/files.ts';
import { loadPipelineFile } from '../../infra/pipeline-file/load.ts';
import type { OpenSourceOptions, SourceTask } from '../../infra/ports/dataset-source.ts';
import type { Output } from '../output.ts';
import { readItems, withDataSource } from './data-source.ts';

/** What is looked at, and how a run would treat it. */
export interface DataTarget {
  readonly name: string;
  readonly dataset: DatasetConfig;
  readonly frame: ReturnType<typeof inputImage>;
  readonly model: Pick<ModelConfig, 'backbone' | 'weights'>;
  /** Absent where nobody says: what the data are made for. */
  readonly task?: SourceTask;
}

export type LocalItem = MeasuredItem & ItemAnnotations;

export interface LocalData {
  readonly target: DataTarget;
  readonly format: string;
  readonly task: SourceTask;
  readonly items: readonly LocalItem[];
  /** Rows of LOOK_BYTES bytes, in the order of the items. */
  readonly looks: Uint8Array;
  readonly quarantined: readonly QuarantinedItem[];
}

/** A pipeline file, or the data themselves with every setting at its default. */
export async function targetOf(text: string): Promise<DataTarget> {
  if (/\.ya?ml$/i.test(text)) {
    const { config } = unwrap(await loadPipelineFile(text, { set: [] }));
    const frame = inputImage(config.image, config.model.backbone);
    return {
      name: config.dataset.name ?? config.name,
      dataset: config.dataset,
      frame,
      model: config.model,
      task: config.task,
    };
  }
  const model = ModelConfig.parse({});
  const frame = inputImage(ImageConfig.parse({}), model.backbone);
  return { name: text, dataset: DatasetConfig.parse({ source: text }), frame, model };
}

/** How a run would open the data. */
export function sourceOptions({ task, dataset }: DataTarget): OpenSourceOptions {
  const { window, hierarchy } = dataset;
  return { ...(task === undefined ? {} : { task }), window, hierarchy };
}

/** Reads a data set as a run would, without a worker or a store: every picture decoded, hashed and looked at. */
export async function readLocalData(target: DataTarget, output: Output): Promise<LocalData> {
  const { dataset } = target;
  const groupOf = unwrap(groupRule(dataset.split.groupBy));
  const options = sourceOptions(target);
  return withDataSource(dataset.source, dataset.format, options, async (bench) => {
    const items: LocalItem[] = [];
    const looks: Uint8Array[] = [];
    const quarantined: QuarantinedItem[] = [];
    const bar = output.progress('read');
    try {
      for await (const read of readItems(bench, dataset.outsideBoxes, (item) => quarantined.push(item))) {
        const { entry, path, annotations } = read;
        const { look, ...picture } = read.picture;
        const group = groupOf(entry.path);
        const { label, sizeBytes } = entry;
        const sha256 = await sha256OfFile(path);
        items.push({
          path: entry.path,
          label,
          sizeBytes,
          sha256,
          ...picture,
          ...annotations,
          ...(group === undefined ? {} : { group }),
        });
        looks.push(Buffer.from(look, 'base64'));
        bar.update(items.length, null);
      }
    } finally {
      bar.stop();
    }
    const { format, task } = bench.source;
    return { target, format, task, items, looks: joined(looks), quarantined };
  });
}

function joined(looks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(looks.length * LOOK_BYTES);
  for (const [row, look] of looks.entries()) all.set(look, row * LOOK_BYTES);
  return all;
}

/** What validation would say of it. */
export function lookAtLocal({ target, items, looks, quarantined }: LocalData): LookedAt {
  const { frame, dataset } = target;
  const grouped = dataset.split.groupBy !== null;
  const context = { target: frame, resize: frame.resize, quarantined: quarantined.length, grouped };
  const look = new DatasetLook({ context, checks: dataset.checks, testShare: dataset.split.test });
  for (const item of items) look.add(item);
  let compared = 0;
  for (const rows of look.compare(looks)) compared = rows;
  if (compared !== items.length) throw new Error('a picture without a look');
  return look.finish();
}
