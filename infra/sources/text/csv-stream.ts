import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { GraftError, inputError, messageOf } from '../../../core/errors.ts';
import { badEncoding, bytesOf } from './bytes.ts';

/** Longest row; a path, a label and a box need far less. */
const MAX_ROW_CHARACTERS = 65_536;

/** Told of each row with the line it ends in; the first is the header, if there is one. */
export type OnRow = (fields: readonly string[], line: number) => void;

/**
 * Streams a table through `onRow`. DATASET_CSV where a row has too many or too few fields or an open quote, INPUT_SIZE for
 * an endless row, TEXT_ENCODING; what the disk says is thrown as it is.
 */
export async function streamCsv(
  body: AsyncIterable<unknown>,
  where: string,
  onRow: OnRow,
  signal?: AbortSignal,
): Promise<void> {
  const parser = parse({
    bom: true,
    info: true,
    skip_empty_lines: true,
    trim: true,
    max_record_size: MAX_ROW_CHARACTERS,
  });
  const collect = async (records: AsyncIterable<unknown>): Promise<void> => {
    for await (const record of records) {
      if (!isRecordWithInfo(record)) throw new Error('the CSV parser gave no record');
      onRow(record.record, record.info.lines);
    }
  };
  try {
    await pipeline(body, textOf(where), parser, collect, signal ? { signal } : {});
  } catch (error) {
    if (!(error instanceof CsvError) || error instanceof GraftError) throw error;
    throw csvProblem(error, where);
  }
}

function csvProblem(error: CsvError, where: string): GraftError {
  const seen = messageOf(error).slice(0, 300);
  if (error.code === 'CSV_MAX_RECORD_SIZE') {
    const expected = `rows of at most ${MAX_ROW_CHARACTERS} characters`;
    return inputError('INPUT_SIZE', where, seen, expected, 'check its quotes');
  }
  return inputError('DATASET_CSV', where, seen, 'as many fields in each row as in the header', 'correct it');
}

/** Fails on bytes that are no UTF-8, where the parser would put a placeholder into a file name. */
function textOf(where: string) {
  return async function* (chunks: AsyncIterable<unknown>): AsyncGenerator<string> {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    try {
      for await (const chunk of chunks) yield decoder.decode(bytesOf(chunk), { stream: true });
      yield decoder.decode();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw badEncoding(where);
    }
  };
}

interface RecordWithInfo {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

function isRecordWithInfo(value: unknown): value is RecordWithInfo {
  return typeof value === 'object' && value !== null && 'record' in value && 'info' in value;
}

/** The places of columns by name, in any case; DATASET_CSV where a needed one is missing or there twice. */
export function columnsOf<Name extends string>(
  header: readonly string[],
  needed: readonly Name[],
  where: string,
): Readonly<Record<Name, number>> & { readonly all: ReadonlyMap<string, number> } {
  const all = new Map<string, number>();
  const repeated = new Set<string>();
  for (const [i, name] of header.entries()) {
    const key = name.toLowerCase();
    if (all.has(key)) repeated.add(key);
    all.set(key, i);
  }
  const wrong = needed.find((name) => !all.has(name.toLowerCase()) || repeated.has(name.toLowerCase()));
  if (wrong !== undefined) {
    const seen = `the columns ${header.slice(0, 8).join(', ').slice(0, 200)}`;
    throw inputError('DATASET_CSV', where, seen, `a header with ${needed.join(', ')}`, 'correct it');
  }
  const places = Object.fromEntries(needed.map((name) => [name, all.get(name.toLowerCase()) ?? -1]));
  return { ...(places as Record<Name, number>), all };
}

/** A number as tables write it; NaN for anything else, which no box survives. */
export const amount = (text: string | undefined): number =>
  text !== undefined && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i.test(text) ? Number(text) : Number.NaN;
