import { Lexer, LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Scalar, YAMLMap } from 'yaml';
import type { GraftError } from '../../core/errors.ts';
import { err, ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import { inert, problem } from './problems.ts';

/** What a YAML file can say here: JSON. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };
export type PlainMap = { [key: string]: Plain };
export type Path = readonly (string | number)[];

/** A parsed file that still knows the line of everything it says. */
export interface YamlSource {
  readonly value: Plain;
  /** The line (from 1) of the node at `path`, of its key where it has one; of its nearest ancestor; null for none. */
  lineOf(path: Path): number | null;
}

/** Caps that come before the parser: it recurses, and time must not depend on who wrote the file. */
const MAX_TOKENS = 20_000;
const MAX_NODES = 10_000;
const MAX_DEPTH = 32;
const MAX_INDENT = 128;
const FORBIDDEN = ['__proto__', 'constructor', 'prototype'];

const pathKey = (path: Path): string => path.join('\u0000');

/**
 * YAML 1.2 to plain values. Errors: CONFIG_SYNTAX, CONFIG_SIZE, CONFIG_DEPTH (also of expanded aliases), CONFIG_KEY
 * (a key twice), CONFIG_FORBIDDEN_KEY (names that reach into JavaScript's objects), CONFIG_VALUE (tags).
 */
export function parseYaml(text: string, where: string): Result<YamlSource, GraftError[]> {
  const tooMuch = refuseExcess(text, where);
  if (tooMuch) return err([tooMuch]);
  const lines = new LineCounter();
  // `uniqueKeys` compares every pair of keys; the reader below finds the same in linear time, with the path.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  if (document.errors.length > 0) {
    return err(
      document.errors.slice(0, 3).map(({ message, pos }) => {
        const { line, col } = lines.linePos(pos[0]);
        const seen = inert(message.split('\n')[0] ?? '', 160);
        return problem('CONFIG_SYNTAX', { where: `${where}:${line}:${col}`, seen, expected: 'YAML 1.2' });
      }),
    );
  }
  const reader = new Reader(document, lines, where);
  const value = document.contents === null ? null : reader.read(document.contents, []);
  if (reader.problems.length > 0) return err(reader.problems);
  return ok({ value, lineOf: (path) => reader.lineOf(path) });
}

/** The parser recurses by nesting and has died of it: depth and length are bounded on the tokens, before it runs. */
function refuseExcess(text: string, where: string): GraftError | null {
  const limit = { expected: `at most ${MAX_DEPTH} levels`, remedy: 'a graft.yaml needs five' };
  let tokens = 0;
  let flow = 0;
  let indicators = 0;
  let scalar = false;
  for (const token of new Lexer().lex(text)) {
    if (++tokens > MAX_TOKENS) {
      return problem('CONFIG_SIZE', { where, seen: 'too much YAML', expected: `at most ${MAX_TOKENS} tokens` });
    }
    if (token === '\n') indicators = 0;
    else if (scalar) scalar = false;
    else if (token === '\u001f') scalar = true;
    else if (token === '[' || token === '{') flow++;
    else if (token === ']' || token === '}') flow--;
    else if (token === '-' || token === '?') indicators++;
    const indented = /^ +$/.test(token) && token.length > MAX_INDENT;
    if (flow > MAX_DEPTH || indicators > MAX_DEPTH || indented) {
      return problem('CONFIG_DEPTH', { where, seen: 'nested too deeply', ...limit });
    }
  }
  return null;
}

/** The tags of JSON's own types; any other would make something that is none. */
const TAGS = ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`);

class Reader {
  readonly problems: GraftError[] = [];
  private readonly document: Document.Parsed;
  private readonly lines: LineCounter;
  private readonly where: string;
  private readonly lineByPath = new Map<string, number>();
  private nodes = 0;
  private exhausted = false;

  constructor(document: Document.Parsed, lines: LineCounter, where: string) {
    this.document = document;
    this.lines = lines;
    this.where = where;
  }

  lineOf(path: Path): number | null {
    for (let length = path.length; length >= 0; length--) {
      const line = this.lineByPath.get(pathKey(path.slice(0, length)));
      if (line !== undefined && length > 0) return line;
    }
    return null;
  }

  /** Aliases are expanded here, so that their product counts against the caps. */
  read(node: unknown, path: Path): Plain {
    if (this.exhausted) return null;
    if (++this.nodes > MAX_NODES || path.length > MAX_DEPTH) return this.exhaust(path);
    if (isAlias(node)) {
      const target = node.resolve(this.document);
      return target === undefined
        ? this.refuse(node, path, `alias ${node.source} of nothing`)
        : this.read(target, path);
    }
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return null;
    if (node.tag !== undefined && !TAGS.includes(node.tag)) return this.refuse(node, path, `the tag ${node.tag}`);
    if (isMap(node)) return this.readMap(node, path);
    if (isSeq(node)) return node.items.map((item, index) => this.readItem(item, [...path, index]));
    return isPlainScalar(node.value) ? node.value : this.refuse(node, path, `a value of type ${typeof node.value}`);
  }

  private readItem(item: unknown, path: Path): Plain {
    this.note(item, path);
    return this.read(item, path);
  }

  private readMap(map: YAMLMap, path: Path): Plain {
    const result: PlainMap = {};
    for (const entry of map.items) {
      if (!isKey(entry.key)) {
        this.refuse(entry.key, path, 'a key that is not a plain name');
        continue;
      }
      const key = String(entry.key.value);
      const at = [...path, key];
      const line = this.lineAt(entry.key);
      if (FORBIDDEN.includes(key)) this.complain('CONFIG_FORBIDDEN_KEY', at, line, 'a key that is never allowed');
      else if (Object.hasOwn(result, key)) {
        const first = this.lineByPath.get(pathKey(at));
        this.complain('CONFIG_KEY', at, line, `the key is there twice (first on line ${first ?? '?'})`);
      } else {
        this.lineByPath.set(pathKey(at), line ?? 1);
        result[key] = this.read(entry.value, at);
      }
    }
    return result;
  }

  private note(node: unknown, path: Path): void {
    const line = this.lineAt(node);
    if (line !== null) this.lineByPath.set(pathKey(path), line);
  }

  private lineAt(node: unknown): number | null {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : null;
    return range ? this.lines.linePos(range[0]).line : null;
  }

  private refuse(node: unknown, path: Path, seen: string): null {
    this.complain('CONFIG_VALUE', path, this.lineAt(node), inert(seen), 'plain YAML');
    return null;
  }

  private exhaust(path: Path): null {
    this.exhausted = true;
    const expected = `at most ${MAX_NODES} values and ${MAX_DEPTH} levels, aliases expanded`;
    this.complain('CONFIG_DEPTH', path.slice(0, 4), this.lineOf(path), 'too much', expected);
    return null;
  }

  private complain(code: string, path: Path, line: number | null, seen: string, expected?: string): void {
    const where = placeOf(this.where, line, path);
    this.problems.push(
      problem(code, { where, seen, ...(expected === undefined ? {} : { expected }), remedy: 'correct or remove it' }),
    );
  }
}

function isPlainScalar(value: unknown): value is null | boolean | number | string {
  return value === null || ['boolean', 'number', 'string'].includes(typeof value);
}

function isKey(node: unknown): node is Scalar<null | boolean | number | string> {
  return isScalar(node) && isPlainScalar(node.value) && (node.tag === undefined || TAGS.includes(node.tag));
}

/** `graft.yaml:7 train.epochs`; without a line or a path these are left out. */
export function placeOf(file: string, line: number | null, path: Path): string {
  const at = line === null ? file : `${file}:${line}`;
  return path.length === 0 ? at : `${at} ${dotted(path)}`;
}

/** `train.epochs`, `image.size[0]`. */
export function dotted(path: Path): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
  return inert(text.replace(/^\./, ''), 200);
}
