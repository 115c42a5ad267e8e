import { readFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { inputError, messageOf } from '../../core/errors.ts';
import { importPipelineConfig } from '../../core/tfod/pipeline-config.ts';
import type { ImportedConfig, ImportedField } from '../../core/tfod/pipeline-config.ts';
import type { Output } from '../output.ts';

/** Far more than any configuration. */
const MAX_BYTES = 4 * 1024 * 1024;

export async function readPipelineConfig(path: string): Promise<ImportedConfig> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const remedy = 'name the pipeline.config of the model';
    throw inputError('PIPELINE_CONFIG_FILE', path, messageOf(error), 'a readable file', remedy);
  }
  if (bytes.length > MAX_BYTES || bytes.includes(0)) {
    const seen = bytes.length > MAX_BYTES ? `${bytes.length} bytes` : 'bytes that are no text';
    throw inputError(
      'PIPELINE_CONFIG_FILE',
      path,
      seen,
      'a text of at most 4 MiB',
      'name a pipeline.config, not a model',
    );
  }
  return importPipelineConfig(bytes.toString('utf8'), path);
}

/** What is known of the data, where they were looked at. */
export interface SeenData {
  readonly images: number;
  readonly classes: number;
}

/** graft.yaml with what was changed or left out as comments at its head. */
export function yamlOf(
  { name, source, from }: { readonly name: string; readonly source: string; readonly from: string },
  imported: ImportedConfig,
  seen: SeenData | null,
): string {
  const notes = imported.fields.filter(({ outcome }) => outcome === 'changed' || outcome === 'unsupported');
  const epochs = epochsOf(imported, seen);
  const { image, augment, model, train } = imported.settings;
  const settings = {
    ...{ name, task: 'detection', dataset: { source }, image, ...(augment === undefined ? {} : { augment }), model },
    train: { ...(typeof train === 'object' ? train : {}), ...(epochs === null ? {} : { epochs }) },
  };
  const head = [
    `# From ${from}. A key that is left out has its default.`,
    ...notes.map((field) => comment(`${field.field}: ${field.value} — ${wordsOf(field)}`)),
    ...(epochs === null
      ? [comment('train.epochs is the default: set it to steps · batch size / training images')]
      : []),
  ];
  return `${head.join('\n')}\n${stringify(settings, { flowCollectionPadding: true })}`;
}

/** As many passes as the file's steps are; seven tenths of the images are trained on, where nothing else is said. */
export function epochsOf({ steps, batchSize }: ImportedConfig, seen: SeenData | null): number | null {
  if (steps === null || seen === null || seen.images === 0) return null;
  return Math.max(1, Math.round((steps * batchSize) / (0.7 * seen.images)));
}

const comment = (text: string): string => `# ${text.replaceAll(/\s+/g, ' ')}`;

function wordsOf({ outcome, key, note }: ImportedField): string {
  if (outcome === 'unsupported') return `not supported: ${note ?? ''}`;
  return key === null ? (note ?? '') : `${key}: ${note ?? ''}`;
}

/** What a person is told: how many fields there are, and each that is not as it was. */
export function sayImported(imported: ImportedConfig, seen: SeenData | null, output: Output): void {
  const { fields, classes } = imported;
  const count = (kind: ImportedField['outcome']): number => fields.filter(({ outcome }) => outcome === kind).length;
  for (const field of fields) {
    if (field.outcome === 'changed' || field.outcome === 'unsupported') {
      output.say(`line ${field.line}: ${field.field}: ${field.value} — ${wordsOf(field)}`);
    }
  }
  output.say(
    `${fields.length} fields: ${count('mapped')} are keys, ${count('same')} are as graft has them, ${count('changed')} changed, ${count('unsupported')} not supported`,
  );
  if (seen !== null && classes !== null && seen.classes !== classes) {
    output.say(`IMPORT_CLASSES: the file says ${classes} classes, the data have ${seen.classes}; the data decide`);
  }
}
