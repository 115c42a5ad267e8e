import { inputError } from '../errors.ts';
import type { Leaf } from './leaves.ts';
import { leavesOf } from './leaves.ts';
import { modelRules } from './model-rules.ts';
import { isFocal, valueAt } from './rules.ts';
import type { Outcome, Setting } from './rules.ts';
import { parseTextFormat } from './text-format.ts';
import { trainingRules } from './training-rules.ts';

export interface ImportedField {
  /** Its path in the file, without indexes. */
  readonly field: string;
  readonly line: number;
  readonly value: string;
  readonly outcome: Outcome['kind'];
  /** The key of graft.yaml that it became; null for none. */
  readonly key: string | null;
  readonly note: string | null;
}

export interface ImportedConfig {
  readonly detector: 'ssd' | 'faster-rcnn';
  /** Of the file; the data have their own. */
  readonly classes: number | null;
  /** `num_steps` and the images of a step. */
  readonly steps: number | null;
  readonly batchSize: number;
  /** Sections `image`, `augment`, `model` and `train` of graft.yaml. */
  readonly settings: { readonly [section: string]: Setting };
  /** Every field of the file, in its order, and what became of it. */
  readonly fields: readonly ImportedField[];
  /** Keys that the file does not name and that the API’s defaults are for. */
  readonly implied: readonly { readonly key: string; readonly value: Setting; readonly note: string }[];
}

/**
 * A pipeline.config of the TF Object Detection API as settings of graft.yaml: every field becomes a key, is what graft does
 * anyway, or is named as not supported. Throws PIPELINE_CONFIG_SYNTAX, and PIPELINE_CONFIG_MODEL for other models.
 */
export function importPipelineConfig(text: string, where: string): ImportedConfig {
  const leaves = leavesOf(parseTextFormat(text, where));
  const detector = kindOf(leaves, where);
  const settings = new Settings();
  const implied = impliedBy(leaves, detector);
  for (const { key, value } of implied) settings.set(key, value);
  const fields = leaves.map((leaf): ImportedField => {
    const outcome = outcomeOf(leaf, leaves);
    const mapped = outcome.kind === 'mapped' || outcome.kind === 'changed' ? outcome : null;
    if (mapped?.key != null) settings.set(mapped.key, mapped.value);
    const note = outcome.kind === 'mapped' ? null : outcome.note;
    const value = leaf.values.map(String).join(', ');
    return { field: leaf.path, line: leaf.line, value, outcome: outcome.kind, key: mapped?.key ?? null, note };
  });
  const number = (end: string): number | null => {
    const value = valueAt(leaves, end);
    return typeof value === 'number' ? value : null;
  };
  return {
    ...{ detector, classes: number('.num_classes'), steps: number('train_config.num_steps') },
    batchSize: number('train_config.batch_size') ?? 1,
    ...{ settings: settings.plain(), fields, implied },
  };
}

function outcomeOf(leaf: Leaf, all: readonly Leaf[]): Outcome {
  const rules = { ...modelRules, ...trainingRules };
  const rule = Object.hasOwn(rules, leaf.path) ? rules[leaf.path] : undefined;
  return rule ? rule(leaf, all) : { kind: 'unsupported', note: 'graft has nothing of this kind' };
}

function kindOf(leaves: readonly Leaf[], where: string): 'ssd' | 'faster-rcnn' {
  const has = (prefix: string): boolean => leaves.some(({ path }) => path.startsWith(prefix));
  if (has('model.ssd.')) return 'ssd';
  if (has('model.faster_rcnn.')) return 'faster-rcnn';
  const seen = leaves.find(({ path }) => path.startsWith('model.'))?.path.split('.')[1] ?? 'no model';
  const remedy = 'choose a configuration of one of these';
  throw inputError('PIPELINE_CONFIG_MODEL', where, seen, 'model { ssd { … } } or model { faster_rcnn { … } }', remedy);
}

/** What the API’s protos say where a file is silent, wherever graft’s own default is another. */
function impliedBy(leaves: readonly Leaf[], detector: 'ssd' | 'faster-rcnn'): ImportedConfig['implied'] {
  const missing = (end: string): boolean => valueAt(leaves, end) === undefined;
  const kind = ['rms_prop', 'momentum', 'adam'].find((name) =>
    leaves.some(({ path }) => path.includes(`.${name}_optimizer.`)),
  );
  const schedule = (['exponential_decay', 'cosine_decay'] as const).find((name) => leaves.some(({ path }) => path.includes(`.${name}_learning_rate.`))); // prettier-ignore
  const averages = valueAt(leaves, 'optimizer.use_moving_average') !== false;
  const all: ({ readonly key: string; readonly value: Setting; readonly note: string } | false)[] = [
    { key: 'model.detector.kind', value: detector, note: 'the model of the file' },
    { key: 'model.strategy', value: 'full', note: 'all layers are trained' },
    { key: 'image.resize', value: missing('_resizer.height') ? 'pad' : 'stretch', note: 'the resizer of the file' },
    kind !== undefined && {
      key: 'train.optimizer.kind',
      value: kind.replace('_', ''),
      note: 'the optimizer of the file',
    },
    // TensorFlow 1 starts the mean square at one.
    kind === 'rms_prop' && { key: 'train.optimizer.initialSquare', value: 1, note: 'as TensorFlow 1' },
    kind !== 'adam' && missing('momentum_optimizer_value') && { key: 'train.optimizer.momentum', value: 0.9, note: 'default of the API' }, // prettier-ignore
    schedule !== undefined && {
      key: 'train.schedule.kind',
      value: schedule.replace('_decay', ''),
      note: 'of the file',
    },
    averages &&
      missing('moving_average_decay') && { key: 'train.averageDecay', value: 0.9999, note: 'default of the API' },
    detector === 'ssd' && missing('force_match_for_each_row') && { key: 'model.detector.matcher.forceEach', value: false, note: 'default of the API' }, // prettier-ignore
    detector === 'ssd' && { key: 'model.detector.loss.classification.kind', value: isFocal(leaves) ? 'focal' : 'mined', note: 'the loss of the file' }, // prettier-ignore
  ];
  return all.filter((each) => each !== false);
}

/** Sections that are filled key by key; a key’s part that is a number is a place in a list. */
class Settings {
  private readonly root = new Map<string, unknown>();

  set(key: string, value: Setting): void {
    const parts = key.split('.');
    let at = this.root;
    for (const part of parts.slice(0, -1)) {
      const next = at.get(part);
      const inner = next instanceof Map ? next : new Map<string, unknown>();
      at.set(part, inner);
      at = inner;
    }
    const last = parts.at(-1) ?? '';
    const old = at.get(last);
    // An object joins what is there already: a schedule may be said in several fields.
    if (old instanceof Map && isRecord(value)) for (const [name, each] of Object.entries(value)) old.set(name, each);
    else at.set(last, isRecord(value) ? new Map<string, unknown>(Object.entries(value)) : value);
  }

  plain(): { readonly [section: string]: Setting } {
    const made = plainOf(this.root);
    return isRecord(made) ? made : {};
  }
}

function isRecord(value: Setting): value is { readonly [key: string]: Setting } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function plainOf(value: unknown): Setting {
  if (value instanceof Map) {
    const entries = [...value].map(([name, each]): [string, Setting] => [String(name), plainOf(each)]);
    const listed = entries.length > 0 && entries.every(([name]) => /^\d+$/.test(name));
    return listed
      ? entries.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, each]) => each)
      : Object.fromEntries(entries);
  }
  if (Array.isArray(value)) return value.map(plainOf);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
