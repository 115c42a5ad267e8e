import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { GraftError, errnoOf, messageOf } from '../../core/errors.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import { err, ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import type { Finding } from '../../contracts/manifests.ts';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { withAutos } from './autos.ts';
import { crossChecks } from './cross-checks.ts';
import { withDetector } from './detector-defaults.ts';
import { explainIssue } from './issues.ts';
import { isPlainMap, pipelineJsonSchema, valueAt } from './json-schema.ts';
import { applyOverride, parseOverride } from './overrides.ts';
import type { Override } from './overrides.ts';
import { resolvePaths } from './paths.ts';
import { asOne, problem } from './problems.ts';
import { dotted, parseYaml, placeOf } from './yaml-source.ts';
import type { Path, Plain, YamlSource } from './yaml-source.ts';

/** A graft.yaml is a few kilobytes. */
const MAX_BYTES = 64 * 1024;

export interface LoadedPipeline {
  /** Complete, with every default; local paths are absolute. */
  readonly config: PipelineConfig;
  /** What works but is probably not meant. */
  readonly warnings: readonly Finding[];
}

/**
 * Reads a pipeline file with its overrides (`a.b=value`, the value in YAML). Everything that is wrong is said at once,
 * each with its line. Codes, all of kind `input`: CONFIG_FILE, CONFIG_SIZE, TEXT_ENCODING, CONFIG_SYNTAX, CONFIG_DEPTH,
 * CONFIG_KEY, CONFIG_FORBIDDEN_KEY, CONFIG_VALUE, NORMALIZATION_MISMATCH, DATASET_MISSING, WEIGHTS_MISSING.
 */
export async function loadPipelineFile(
  path: string,
  { set = [] }: { readonly set?: readonly string[] } = {},
): Promise<Result<LoadedPipeline, GraftError>> {
  const bytes = await readCapped(path);
  if (!bytes.ok) return bytes;
  const parsed = parsePipeline(bytes.value, path, set);
  if (!parsed.ok) return parsed;
  const { config, warnings, place } = parsed.value;
  const resolved = await resolvePaths({ config, file: resolve(path), place });
  const wrong = asOne(resolved.problems);
  return wrong ? err(wrong) : ok({ config: resolved.config, warnings });
}

interface ParsedPipeline extends LoadedPipeline {
  place(path: Path): string;
}

/** The part without the disk: bytes to a checked configuration whose paths are still as written. */
export function parsePipeline(
  bytes: Uint8Array,
  file: string,
  set: readonly string[],
): Result<ParsedPipeline, GraftError> {
  const text = decode(bytes, file);
  if (!text.ok) return text;
  const source = parseYaml(text.value, file);
  if (!source.ok) return failWith(source.error);
  const merged = withOverrides(source.value.value, file, set);
  if (!merged.ok) return failWith(merged.error);
  const { value, overrides } = merged.value;
  const place = placer(file, source.value, overrides);
  const parsed = PipelineConfig.safeParse(withWeights(withDetector(withAutos(value))));
  if (!parsed.success) {
    const context = { value, schema: pipelineJsonSchema(), place };
    return failWith(inOrder(parsed.error.issues.flatMap((issue) => explainIssue(issue, context))));
  }
  const { problems, warnings } = crossChecks({ config: parsed.data, place });
  return problems.length > 0 ? failWith(problems) : ok({ config: parsed.data, warnings, place });
}

/** Where nothing is said of weights they follow from the rest: random for scratch and where graft can fetch none. */
function withWeights(value: Plain): Plain {
  const model = valueAt(value, ['model']);
  if (!isPlainMap(value) || !isPlainMap(model) || model['weights'] !== undefined) return value;
  const facts = Object.entries(backboneFacts).find(([name]) => name === model['backbone'])?.[1];
  const random = model['strategy'] === 'scratch' || facts?.hasImagenet === false;
  return random ? { ...value, model: { ...model, weights: 'random' } } : value;
}

function withOverrides(
  base: Plain,
  file: string,
  set: readonly string[],
): Result<{ value: Plain; overrides: readonly Override[] }, GraftError[]> {
  if (!isPlainMap(base)) {
    const seen = base === null ? 'nothing in it' : 'no mapping at the top';
    const remedy = 'see docs/graft-yaml.md for a complete example';
    return err([problem('CONFIG_VALUE', { where: file, seen, expected: 'keys such as name and dataset', remedy })]);
  }
  const read = set.map((text) => parseOverride(text));
  const problems = read.flatMap((result) => (result.ok ? [] : result.error));
  if (problems.length > 0) return err(problems);
  const overrides = read.flatMap((result) => (result.ok ? [result.value] : []));
  let value: Plain = base;
  for (const override of overrides) {
    const applied = applyOverride(value, override);
    if (!applied.ok) return applied;
    value = applied.value;
  }
  return ok({ value, overrides });
}

/** Where a value comes from: the last `--set` that wrote it, else its line in the file. */
function placer(file: string, source: YamlSource, overrides: readonly Override[]): (path: Path) => string {
  return (path) => {
    const names = path.map(String);
    const setBy = overrides.findLast((o) => o.path.every((part, index) => names[index] === part));
    return setBy ? `${setBy.text}: ${dotted(path)}` : placeOf(file, source.lineOf(path), path);
  };
}

async function readCapped(path: string): Promise<Result<Uint8Array, GraftError>> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(path, { end: MAX_BYTES })) chunks.push(Buffer.from(chunk));
    const bytes = Buffer.concat(chunks);
    if (bytes.length <= MAX_BYTES) return ok(bytes);
    const expected = `at most ${MAX_BYTES / 1024} KiB`;
    return err(problem('CONFIG_SIZE', { where: path, seen: 'too large', expected, remedy: 'is it the right file?' }));
  } catch (error) {
    const code = errnoOf(error);
    const seen =
      code === 'ENOENT'
        ? 'not there'
        : code === 'EISDIR'
          ? 'a folder'
          : code === 'EACCES'
            ? 'may not be read'
            : messageOf(error);
    const remedy =
      code === 'EISDIR' ? `name the file in it: ${path.replace(/\/+$/, '')}/graft.yaml` : 'correct the path';
    return err(problem('CONFIG_FILE', { where: path, seen, expected: 'a pipeline file (graft.yaml)', remedy }));
  }
}

function decode(bytes: Uint8Array, file: string): Result<string, GraftError> {
  try {
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    const remedy = 'save it as UTF-8';
    return err(problem('TEXT_ENCODING', { where: file, seen: 'bytes that are not UTF-8', expected: 'UTF-8', remedy }));
  }
}

/** By their place in the file, as a person reads it. */
function inOrder(problems: readonly GraftError[]): GraftError[] {
  const line = ({ parts }: GraftError): number => Number(/:(\d+)(?: |$)/.exec(parts.where)?.[1] ?? 0);
  return [...problems].sort((a, b) => line(a) - line(b));
}

function failWith(problems: readonly GraftError[]): Result<never, GraftError> {
  return err(
    asOne(problems) ?? new GraftError('CONFIG_VALUE', { kind: 'input', where: 'graft.yaml', seen: 'unusable' }),
  );
}
