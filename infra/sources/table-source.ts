import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { isContainedPath, labelProblem, someOf } from '../../core/dataset/names.ts';
import { compareText } from '../../core/dataset/order.ts';
import { GraftError, inputError } from '../../core/errors.ts';
import type { DatasetSource, SourceEntry } from '../ports/dataset-source.ts';
import { sourceFileProblem } from './faults.ts';
import { columnsOf, streamCsv } from './text/csv-stream.ts';
import { streamJsonLines } from './text/json-lines.ts';
import { localPath, localPlace, tagOf } from './tree/local-tree.ts';

interface Row {
  readonly line: number;
  readonly rawPath: string;
  readonly path: string;
  readonly label: string;
}

const STATS_AT_ONCE = 64;

export type TableFormat = 'csv' | 'jsonl';

/**
 * A CSV file with a header that names the columns `path` and `label`, in any order and among others; or JSON lines with
 * the keys `path` (or `file_name`, as Hugging Face's metadata.jsonl has it) and `label`. Paths are relative to the file's
 * folder and stay in it. All rows are read before the first entry comes, because entries come in order of path.
 * DATASET_CSV, JSON_SYNTAX, JSON_DEPTH, DATASET_JSONL, INPUT_SIZE, TEXT_ENCODING, LABEL_SIZE, LABEL_TEXT, ANNOTATION_PATH, ANNOTATION_DUPLICATE,
 * ANNOTATION_ORPHAN and DATASET_CLASSES, all of kind `input`, with the line.
 */
export function tableSource(file: string, format: TableFormat): DatasetSource {
  const root = dirname(file);
  return {
    format,
    task: 'classification',
    where: file,
    list: (signal) => listRows(file, format, root, signal),
    fetch: (entry) => localPath(root, entry),
    placeOf: (entry) => localPlace(root, entry),
  };
}

async function* listRows(
  file: string,
  format: TableFormat,
  root: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceEntry> {
  const rows = await (format === 'csv' ? readCsv : readJsonLines)(file, signal);
  const classes = new Set(rows.map(({ label }) => label));
  if (classes.size < 2) {
    const seen = rows.length === 0 ? 'no rows' : `one class only: ${someOf([...classes])}`;
    throw inputError('DATASET_CLASSES', file, seen, 'rows of two classes or more', 'add another class');
  }
  rows.sort((a, b) => compareText(a.path, b.path) || a.line - b.line);
  refuseRepeats(file, rows);
  const orphans: string[] = [];
  for (let start = 0; start < rows.length; start += STATS_AT_ONCE) {
    signal?.throwIfAborted();
    const slice = rows.slice(start, start + STATS_AT_ONCE);
    const entries = await Promise.all(slice.map((row) => entryOf(root, row)));
    for (const [i, row] of slice.entries()) {
      const entry = entries[i];
      if (!entry) orphans.push(`${row.path} (line ${row.line})`);
      // After the first that is missing, the others are only counted.
      else if (orphans.length === 0) yield entry;
    }
  }
  if (orphans.length === 0) return;
  const seen = `${orphans.length} of ${rows.length} files are missing: ${someOf(orphans)}`;
  throw inputError('ANNOTATION_ORPHAN', file, seen, `files below ${root}`, 'add them or remove their rows');
}

/** Also tries the two Unicode forms of the name: the table and the disk may differ in them. */
async function entryOf(root: string, row: Row): Promise<SourceEntry | null> {
  for (const rawPath of new Set([row.rawPath, row.path, row.path.normalize('NFD')])) {
    const found = await stat(join(root, rawPath)).catch(() => null);
    if (!found?.isFile()) continue;
    const entry = { path: row.path, label: row.label, sizeBytes: found.size, tag: tagOf(found) };
    return rawPath === row.path ? entry : Object.assign(entry, { rawPath });
  }
  return null;
}

function refuseRepeats(file: string, rows: readonly Row[]): void {
  for (let i = 1; i < rows.length; i++) {
    const [a, b] = [rows[i - 1], rows[i]];
    if (a === undefined || b === undefined || a.path !== b.path) continue;
    const labels = a.label === b.label ? `the label ${a.label}` : `the labels ${a.label} and ${b.label}`;
    const seen = `${a.path} twice, in lines ${a.line} and ${b.line}, with ${labels}`;
    throw inputError('ANNOTATION_DUPLICATE', file, seen, 'every file once', 'keep one of the rows');
  }
}

async function readCsv(file: string, signal: AbortSignal | undefined): Promise<Row[]> {
  const rows: Row[] = [];
  const labels = new Map<string, string>();
  let columns: Columns | null = null;
  const onRow = (fields: readonly string[], line: number): void => {
    if (columns === null) columns = columnsOf(fields, ['path', 'label'], file);
    else rows.push(rowOf(file, fields[columns.path] ?? '', fields[columns.label] ?? '', line, labels));
  };
  try {
    await streamCsv(createReadStream(file), file, onRow, signal);
  } catch (error) {
    throw error instanceof GraftError || signal?.aborted ? error : sourceFileProblem(error, file);
  }
  if (columns !== null) return rows;
  throw inputError('DATASET_CSV', file, 'an empty file', 'a header with path and label', 'correct it');
}

interface Columns {
  readonly path: number;
  readonly label: number;
}

/** What a line has to say; other keys count for nothing. */
const Line = z
  .union([z.object({ path: z.string(), label: z.string() }), z.object({ file_name: z.string(), label: z.string() })])
  .transform((line) => ({ path: 'path' in line ? line.path : line.file_name, label: line.label }));

async function readJsonLines(file: string, signal: AbortSignal | undefined): Promise<Row[]> {
  const rows: Row[] = [];
  const labels = new Map<string, string>();
  const onValue = (value: unknown, line: number): void => {
    const parsed = Line.safeParse(value);
    if (!parsed.success) {
      const seen = JSON.stringify(value).slice(0, 120);
      const expected = 'an object with the texts path and label';
      throw inputError('DATASET_JSONL', `${file} line ${line}`, seen, expected, 'correct it');
    }
    rows.push(rowOf(file, parsed.data.path, parsed.data.label, line, labels));
  };
  try {
    await streamJsonLines(createReadStream(file), file, onValue, signal);
  } catch (error) {
    throw error instanceof GraftError || signal?.aborted ? error : sourceFileProblem(error, file);
  }
  return rows;
}

function rowOf(file: string, givenPath: string, givenLabel: string, line: number, labels: Map<string, string>): Row {
  const where = `${file} line ${line}`;
  const rawPath = givenPath.replace(/^(?:\.\/)+/, '');
  const text = givenLabel.normalize('NFC');
  if (!isContainedPath(rawPath)) {
    const seen = `path ${JSON.stringify(rawPath.slice(0, 120))}`;
    const remedy = 'use / between names, and put the pictures below the table';
    throw inputError('ANNOTATION_PATH', where, seen, 'a path below the folder of the table', remedy);
  }
  const wrong = labelProblem(text, where);
  if (wrong !== null) throw wrong;
  // One string a class, not one a row.
  const label = labels.get(text) ?? text;
  labels.set(label, label);
  return { line, rawPath, path: rawPath.normalize('NFC'), label };
}
