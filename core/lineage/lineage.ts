import type { Json } from '../canonical-json.ts';

/** A stage's result in the history of a model. */
export interface LineageStep {
  readonly stage: string;
  readonly key: string;
  /** Null where its manifest is gone. */
  readonly createdAt: string | null;
  readonly codeVersion: number | null;
  readonly addressedBy: Readonly<Record<string, Json>> | null;
}

/** Where a model version comes from. */
export interface ModelLineage {
  readonly model: string;
  readonly version: number;
  readonly createdAt: string;
  readonly runId: string;
  readonly requestedBy: string | null;
  readonly graftVersion: string;
  readonly weightsSha256: string;
  /** What it was initialised with. */
  readonly backbone: { readonly name: string; readonly weights: string | null; readonly sha256: string | null };
  readonly dataset: { readonly name: string; readonly version: string; readonly source: string | null };
  /** Images by side; null where the manifest is gone. */
  readonly images: Readonly<Record<string, number>> | null;
  readonly configSha256: string | null;
  readonly steps: readonly LineageStep[];
  /** Moves of aliases to this version. */
  readonly moves: readonly {
    readonly alias: string;
    readonly time: string;
    readonly actor: string;
    readonly seq: number;
  }[];
}

/** What each stage reads of the others; the names of stages. */
export const STEP_INPUTS: Readonly<Record<string, readonly string[]>> = {
  split: [],
  prepare: ['split'],
  train: ['prepare'],
  evaluate: ['train', 'prepare'],
  gate: ['train', 'evaluate'],
};

/** The history as a flow chart of Mermaid. Pure. */
export function lineageChart(lineage: ModelLineage): string {
  const { model, version, dataset, images, backbone, steps, weightsSha256, moves } = lineage;
  const counts = Object.entries(images ?? {}).map(([side, count]) => `${side} ${count}`);
  const lines = [
    'flowchart LR',
    node('source', [dataset.source ?? 'source']),
    node('data', [`data set ${dataset.name}`, short(dataset.version), ...counts]),
    node('pretrained', [
      backbone.name,
      backbone.weights ?? 'random',
      ...(backbone.sha256 ? [short(backbone.sha256)] : []),
    ]),
    ...steps.map(({ stage, key, codeVersion }) => node(stage, [stage, short(key), `code ${codeVersion ?? 'gone'}`])),
    node('model', [`${model} version ${version}`, short(weightsSha256)]),
    '  source --> data',
    '  pretrained --> train',
  ];
  for (const { stage } of steps) {
    const inputs = STEP_INPUTS[stage] ?? [];
    if (inputs.length === 0) lines.push(`  data --> ${stage}`);
    for (const input of inputs) lines.push(`  ${input} --> ${stage}`);
  }
  lines.push('  train --> model', '  gate --> model');
  for (const { alias, seq, actor } of moves) {
    lines.push(node(`move${seq}`, [alias, `ledger ${seq}`, actor]), `  model --> move${seq}`);
  }
  return `${lines.join('\n')}\n`;
}

const node = (id: string, lines: readonly string[]): string => `  ${id}["${lines.map(inert).join('<br/>')}"]`;
/** Nothing of a name can end the label or be markup. */
const inert = (text: string): string => text.replaceAll(/[^\p{L}\p{N} .,:@/_+-]/gu, ' ').slice(0, 80);
const short = (hash: string): string => hash.slice(0, 12);
