import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { GraftError } from '../../core/errors.ts';
import { errnoOf, messageOf } from '../../core/errors.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { CHAMPION } from '../../core/training/warm-start.ts';
import { problem, shown } from './problems.ts';
import { nearest } from './suggest.ts';
import type { Path } from './yaml-source.ts';

interface Context {
  readonly config: PipelineConfig;
  /** The pipeline file. */
  readonly file: string;
  place(path: Path): string;
}

/** The configuration with absolute local paths; what is not there is said at once (DATASET_MISSING, WEIGHTS_MISSING). */
export async function resolvePaths(context: Context): Promise<{ config: PipelineConfig; problems: GraftError[] }> {
  const { config } = context;
  const source = await datasetSource(context);
  const weights = await weightsFile(context);
  return {
    config: {
      ...config,
      dataset: { ...config.dataset, source: source.path },
      model: { ...config.model, weights: weights.path },
    },
    problems: [...source.problems, ...weights.problems],
  };
}

interface Resolved {
  readonly path: string;
  readonly problems: GraftError[];
}

async function datasetSource({ config, file, place }: Context): Promise<Resolved> {
  const { source, format } = config.dataset;
  const where = place(['dataset', 'source']);
  if (source.startsWith('s3://')) {
    const bucket = /^s3:\/\/([^/]+)/.exec(source)?.[1];
    const expected = 's3://bucket/prefix';
    if (bucket !== undefined) return { path: source, problems: [] };
    return refused(
      source,
      problem('CONFIG_VALUE', { where, seen: shown(source), expected, remedy: 'name the bucket' }),
    );
  }
  if (/^https:\/\//i.test(source)) return { path: source, problems: [] };
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source)) {
    const expected = 'a path, s3://bucket/prefix or https://…';
    const remedy = 'download it first, or put it into a bucket';
    return refused(source, problem('CONFIG_VALUE', { where, seen: shown(source), expected, remedy }));
  }
  const path = resolve(dirname(file), source);
  const kind = await kindOf(path);
  if (kind === 'folder' && format !== 'csv' && format !== 'jsonl') return { path, problems: [] };
  if (kind === 'file' && format !== 'folder') return { path, problems: [] };
  if (kind === 'folder' || kind === 'file') {
    const parts = {
      where,
      seen: `${path} is a ${kind}`,
      expected: `what format ${format} needs`,
      remedy: 'write format: auto',
    };
    return refused(path, problem('CONFIG_VALUE', parts));
  }
  const expected = 'a folder with one folder a class, or a CSV file';
  const remedy = (await hint(source, file)) ?? 'correct the path, which is relative to the pipeline file';
  return refused(path, problem('DATASET_MISSING', { where, seen: `${path}: ${kind.absent}`, expected, remedy }));
}

async function weightsFile({ config, file, place }: Context): Promise<Resolved> {
  const given = config.model.weights;
  if (given === 'imagenet' || given === 'random' || given === CHAMPION) return { path: given, problems: [] };
  const where = place(['model', 'weights']);
  const expected = 'imagenet, random, champion, or a file of weights (docs/bring-your-own-weights.md)';
  // A path has a folder or an ending; whatever has neither was meant as a name.
  if (!/[/.]/.test(given)) {
    const meant = nearest(given, ['imagenet', 'random', CHAMPION]);
    const remedy = meant === null ? 'correct it' : `did you mean ${meant}?`;
    return refused(given, problem('CONFIG_VALUE', { where, seen: shown(given), expected, remedy }));
  }
  const path = resolve(dirname(file), given);
  const kind = await kindOf(path);
  if (kind === 'file') return { path, problems: [] };
  const isSavedModel = kind === 'folder' && (await kindOf(join(path, 'variables'))) === 'folder';
  // A checkpoint is named by the prefix of its files.
  if (isSavedModel || (await kindOf(`${path}.index`)) === 'file') return { path, problems: [] };
  const seen = kind === 'folder' ? `${path} is a folder, and no SavedModel` : `${path}: ${kind.absent}`;
  const remedy = (await hint(given, file)) ?? 'correct the path, which is relative to the pipeline file';
  return refused(path, problem('WEIGHTS_MISSING', { where, seen, expected, remedy }));
}

const refused = (path: string, found: GraftError): Resolved => ({ path, problems: [found] });

/** A path that would be right from the current folder was meant from there. */
async function hint(given: string, file: string): Promise<string | null> {
  if (isAbsolute(given) || typeof (await kindOf(resolve(given))) !== 'string') return null;
  return `paths are relative to the pipeline file: write ${relative(dirname(resolve(file)), resolve(given))}`;
}

async function kindOf(path: string): Promise<'folder' | 'file' | { absent: string }> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) return 'folder';
    return info.isFile() ? 'file' : { absent: 'neither a file nor a folder' };
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { absent: 'not there' };
    return { absent: code === 'EACCES' ? 'may not be read' : messageOf(error) };
  }
}
