import { inputError } from '../errors.ts';
import type { GraftError } from '../errors.ts';

/** A value of protobuf’s text format. Without its schema an identifier may be true, false or a name of an enum. */
export type TextValue =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string' | 'word'; readonly value: string }
  | { readonly kind: 'message'; readonly fields: readonly TextField[] };

export interface TextField {
  readonly name: string;
  readonly value: TextValue;
  /** From 1. */
  readonly line: number;
}

type Token =
  | { readonly kind: 'punctuation' | 'word' | 'string'; readonly text: string; readonly line: number }
  | { readonly kind: 'number'; readonly text: string; readonly value: number; readonly line: number };

/** Deeper than any configuration, and far from the depth of the stack. */
const MAX_DEPTH = 100;

/**
 * Protobuf’s text format (protobuf.dev/reference/protobuf/textformat-spec) without a schema: messages in `{}` or `<>`,
 * lists, comments, strings that follow each other. Extensions and Any are refused. Throws PIPELINE_CONFIG_SYNTAX.
 */
export function parseTextFormat(text: string, where: string): readonly TextField[] {
  return new Parser(tokensOf(text, where), where).message(null, 0);
}

class Parser {
  private at = 0;
  private readonly tokens: readonly Token[];
  private readonly where: string;

  constructor(tokens: readonly Token[], where: string) {
    this.tokens = tokens;
    this.where = where;
  }

  /** Fields up to `end`, or to the end of the text. */
  message(end: '}' | '>' | null, depth: number): TextField[] {
    if (depth > MAX_DEPTH) throw this.wrong('messages nested deeper than 100', 'a configuration');
    const fields: TextField[] = [];
    for (;;) {
      const token = this.tokens[this.at];
      if (!token) {
        if (end === null) return fields;
        throw this.wrong('the end of the file', `${end} at the end of a message`);
      }
      if (end !== null && token.kind === 'punctuation' && token.text === end) {
        this.at++;
        return fields;
      }
      fields.push(...this.field(depth));
    }
  }

  private field(depth: number): TextField[] {
    const token = this.tokens[this.at];
    if (token?.kind !== 'word') throw this.wrong(describe(token), 'the name of a field');
    this.at++;
    const colon = this.take(':');
    const values = this.take('[') ? this.list(depth) : [this.value(colon, depth)];
    if (!this.take(',')) this.take(';');
    return values.map((value) => ({ name: token.text, value, line: token.line }));
  }

  private list(depth: number): TextValue[] {
    const values: TextValue[] = [];
    if (this.take(']')) return values;
    do values.push(this.value(true, depth));
    while (this.take(','));
    if (!this.take(']')) throw this.wrong(describe(this.tokens[this.at]), ', or ] in a list');
    return values;
  }

  private value(colon: boolean, depth: number): TextValue {
    if (this.take('{')) return { kind: 'message', fields: this.message('}', depth + 1) };
    if (this.take('<')) return { kind: 'message', fields: this.message('>', depth + 1) };
    const token = this.tokens[this.at];
    if (!colon || !token || token.kind === 'punctuation')
      throw this.wrong(describe(token), 'a colon and a value, or {');
    this.at++;
    switch (token.kind) {
      case 'number':
        return { kind: 'number', value: token.value };
      case 'word':
        return { kind: 'word', value: token.text };
      case 'string': {
        let value = token.text;
        for (let next = this.tokens[this.at]; next?.kind === 'string'; next = this.tokens[++this.at])
          value += next.text;
        return { kind: 'string', value };
      }
    }
  }

  private take(text: string): boolean {
    const token = this.tokens[this.at];
    if (token?.kind !== 'punctuation' || token.text !== text) return false;
    this.at++;
    return true;
  }

  private wrong(seen: string, expected: string): GraftError {
    const line = this.tokens[this.at]?.line ?? this.tokens.at(-1)?.line ?? 1;
    return syntax(this.where, line, seen, expected);
  }
}

function syntax(where: string, line: number, seen: string, expected: string): GraftError {
  const remedy = 'correct the file: it is read as protobuf’s text format';
  return inputError('PIPELINE_CONFIG_SYNTAX', `${where}: line ${line}`, seen, expected, remedy);
}

function describe(token: Token | undefined): string {
  if (!token) return 'the end of the file';
  return token.kind === 'string' ? JSON.stringify(token.text.slice(0, 40)) : token.text.slice(0, 40);
}

const SPACE = /[ \t\r\n\f\v]+|#[^\n]*/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /-?\s*(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?)(?![A-Za-z0-9_.])/y;
const INFINITE = /-?\s*(?:inf(?:inity)?|nan)(?![A-Za-z0-9_])/iy;
const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y;
const PUNCTUATION = /[{}<>[\]:,;]/y;

function tokensOf(text: string, where: string): Token[] {
  const tokens: Token[] = [];
  let [at, line] = [0, 1];
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined) return null;
    at += found.length;
    return found;
  };
  while (at < text.length) {
    const space = match(SPACE);
    if (space !== null) {
      line += space.split('\n').length - 1;
      continue;
    }
    const begin = line;
    const number = match(NUMBER) ?? match(INFINITE);
    if (number !== null) {
      tokens.push({ kind: 'number', text: number, value: numberOf(number), line: begin });
      continue;
    }
    const word = match(WORD);
    const quoted = word === null ? match(STRING) : null;
    const found = word ?? quoted ?? match(PUNCTUATION);
    if (found === null)
      throw syntax(where, line, JSON.stringify(text.slice(at, at + 12)), 'a field, a value or a bracket');
    if (quoted !== null) tokens.push({ kind: 'string', text: unescaped(quoted.slice(1, -1)), line: begin });
    else tokens.push({ kind: word === null ? 'punctuation' : 'word', text: found, line: begin });
  }
  return tokens;
}

function numberOf(text: string): number {
  const plain = text.replaceAll(/\s/g, '');
  if (/nan/i.test(plain)) return Number.NaN;
  if (/inf/i.test(plain)) return plain.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^-?0x/i.test(plain)) return plain.startsWith('-') ? -Number(plain.slice(1)) : Number(plain);
  return Number(plain.replace(/f$/i, ''));
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b', f: '\f', v: '\v' };

function unescaped(text: string): string {
  return text.replaceAll(/\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)/g, (_, code: string) => {
    if (code.startsWith('x') && code.length > 1) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8) & 0xff);
    return ESCAPES[code] ?? code;
  });
}
