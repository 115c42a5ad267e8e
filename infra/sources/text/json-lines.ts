import { inputError, messageOf } from '../../../core/errors.ts';
import { badEncoding, bytesOf } from './bytes.ts';

/** Longest line; a path and a label need far less. */
const MAX_LINE_BYTES = 65_536;
/** Rows are flat; what else they say may nest a little. */
const MAX_DEPTH = 100;
const NEWLINE = 0x0a;

/**
 * Streams a file of one JSON value a line through `onValue`, with the number of the line; empty lines are passed over.
 * JSON_SYNTAX, JSON_DEPTH, INPUT_SIZE and TEXT_ENCODING (input) with the line; what the disk says is thrown as it is.
 */
export async function streamJsonLines(
  body: AsyncIterable<unknown>,
  file: string,
  onValue: (value: unknown, line: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  let line = 1;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const hold = (bytes: Uint8Array): void => {
    held.push(bytes);
    heldBytes += bytes.length;
    if (heldBytes <= MAX_LINE_BYTES) return;
    const where = `${file} line ${line}`;
    throw inputError('INPUT_SIZE', where, 'an endless line', `at most ${MAX_LINE_BYTES} bytes`, 'look at what it is');
  };
  const flush = (): void => {
    const text = lineText(Buffer.concat(held), `${file} line ${line}`, line === 1);
    if (text !== '') onValue(parseLine(text, `${file} line ${line}`), line);
    held = [];
    heldBytes = 0;
    line++;
  };
  for await (const chunk of body) {
    signal?.throwIfAborted();
    const bytes = bytesOf(chunk);
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      hold(bytes.subarray(from, end));
      flush();
      from = end + 1;
    }
    hold(bytes.subarray(from));
  }
  flush();
}

/** Without the byte-order mark that Windows writes before the first. */
function lineText(bytes: Uint8Array, where: string, isFirst: boolean): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: !isFirst }).decode(bytes).trim();
  } catch {
    throw badEncoding(where);
  }
}

function parseLine(text: string, where: string): unknown {
  let depth = 0;
  // Brackets within texts are no levels.
  for (const character of text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '')) {
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    if (depth > MAX_DEPTH) {
      throw inputError('JSON_DEPTH', where, `more than ${MAX_DEPTH} levels`, 'a flat object', 'look at what it is');
    }
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw inputError('JSON_SYNTAX', where, messageOf(error).slice(0, 200), 'one JSON object a line', 'correct it');
  }
}
