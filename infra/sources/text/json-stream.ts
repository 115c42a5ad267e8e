import { JSONParser } from '@streamparser/json';
import { GraftError, inputError, messageOf } from '../../../core/errors.ts';
import { badEncoding, bytesOf } from './bytes.ts';

/** Annotations nest five deep (polygons of COCO); nobody's nest a hundred. */
const MAX_DEPTH = 100;
/** Longest text or number. COCO's run-length masks are some kilobytes. */
const MAX_TOKEN_BYTES = 4 * 2 ** 20;

/**
 * Reads JSON of any size as it streams by: `onValue` gets every value that one of `paths` selects (`$.images.*`), with the
 * topmost name on the way to it. Only one such value is in memory at a time. JSON_SYNTAX, JSON_DEPTH, INPUT_SIZE, TEXT_ENCODING.
 */
export async function streamJson(
  body: AsyncIterable<unknown>,
  where: string,
  paths: readonly string[],
  onValue: (value: unknown, under: string) => void,
): Promise<void> {
  const parser = new JSONParser({ paths: [...paths], keepStack: false });
  let failure: unknown = null;
  parser.onValue = ({ value, key, stack }) => {
    onValue(value, String(stack[1]?.key ?? key ?? ''));
  };
  parser.onError = (error) => {
    failure ??= error;
  };
  const guard = new JsonGuard(where);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of body) {
      const bytes = bytesOf(chunk);
      guard.see(bytes);
      // Decoded for its errors alone: the parser takes bytes.
      const text = decode(decoder, bytes, where);
      if (text !== '') parser.write(guard.withoutMark(bytes));
      if (failure !== null) throw failure;
    }
    decode(decoder, undefined, where);
    if (guard.isEmpty) throw new Error('an empty file');
    if (!parser.isEnded) parser.end();
    if (failure !== null) throw failure;
  } catch (error) {
    throw error instanceof GraftError ? error : syntaxProblem(error, where);
  }
}

function decode(decoder: { decode: TextDecode }, bytes: Uint8Array | undefined, where: string): string {
  try {
    return decoder.decode(bytes, { stream: bytes !== undefined });
  } catch {
    throw badEncoding(where);
  }
}

type TextDecode = (bytes?: Uint8Array, options?: { stream: boolean }) => string;

function syntaxProblem(error: unknown, where: string): unknown {
  // What the network or the disk says keeps its own words.
  if (error instanceof Error && 'code' in error) return error;
  return inputError('JSON_SYNTAX', where, messageOf(error).slice(0, 200), 'JSON', 'write the file again');
}

/** Looks at the bytes before the parser does. */
class JsonGuard {
  private readonly where: string;
  private depth = 0;
  private inText = false;
  private escaped = false;
  private tokenBytes = 0;
  private seen = 0;
  /** Nothing came but white space and a byte-order mark. */
  isEmpty = true;

  constructor(where: string) {
    this.where = where;
  }

  see(bytes: Uint8Array): void {
    for (const byte of bytes) this.step(byte);
  }

  /** The parser takes no byte-order mark; Windows writes one. */
  withoutMark(bytes: Uint8Array): Uint8Array {
    const marked = this.seen === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    this.seen += bytes.length;
    return marked ? bytes.subarray(3) : bytes;
  }

  private step(byte: number): void {
    if (byte > SPACE && byte < 0x80) this.isEmpty = false;
    if (this.inText) {
      this.tokenBytes++;
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else if (byte === QUOTE) this.inText = false;
    } else if (byte === QUOTE) {
      this.inText = true;
      this.tokenBytes = 0;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      this.depth++;
      this.tokenBytes = 0;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      this.depth--;
      this.tokenBytes = 0;
    } else this.tokenBytes = byte > SPACE && byte !== COMMA ? this.tokenBytes + 1 : 0;
    if (this.depth > MAX_DEPTH) {
      throw inputError('JSON_DEPTH', this.where, `more than ${MAX_DEPTH} levels`, 'annotations', 'look at what it is');
    }
    if (this.tokenBytes > MAX_TOKEN_BYTES) {
      throw inputError('INPUT_SIZE', this.where, 'one endless value', `at most ${MAX_TOKEN_BYTES} bytes`, 'look at it');
    }
  }
}

const [QUOTE, BACKSLASH, COMMA, SPACE] = [0x22, 0x5c, 0x2c, 0x20];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];
