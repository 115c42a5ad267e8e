import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { SweepConfig } from '../../contracts/sweep-config.ts';
import type { SearchConfig } from '../../contracts/sweep-config.ts';
import type { SweepInput } from '../../contracts/sweep.ts';
import type { Json } from '../../core/canonical-json.ts';
import { errnoOf, GraftError, messageOf } from '../../core/errors.ts';
import { roundOf } from '../../core/search/hyperband.ts';
import { CARRIED_AT_MOST, carriedBytes } from '../../core/search/carried.ts';
import type { Sampler, SearchMethod } from '../../core/search/method.ts';
import { combinations } from '../../core/search/propose.ts';
import { openSearch } from '../../core/search/searcher.ts';
import { isOf } from '../../core/search/space.ts';
import type { Parameter, Space, Values } from '../../core/search/space.ts';
import { openSweep } from '../../core/search/sweep.ts';
import { withValues } from '../../core/search/trial-config.ts';
import { err, ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import { crossChecks } from '../pipeline-file/cross-checks.ts';
import { explainIssue } from '../pipeline-file/issues.ts';
import { loadPipelineFile } from '../pipeline-file/load.ts';
import { asOne, problem, shown } from '../pipeline-file/problems.ts';
import { parseYaml, placeOf } from '../pipeline-file/yaml-source.ts';
import type { Path } from '../pipeline-file/yaml-source.ts';
import { strategiesPreset } from './presets.ts';
import { readSpace, unsuited } from './space.ts';

const MAX_BYTES = 256 * 1024;

export interface LoadedSweep {
  readonly name: string;
  /** All but who asks for it, and under which id. */
  readonly input: Omit<SweepInput, 'sweepId' | 'requestedBy'>;
}

/**
 * Reads a sweep file and its base. Everything is checked before anything is computed: each value that a parameter may
 * take is put into the base and read as a pipeline file would be. Codes, all of kind `input`: those of a pipeline file,
 * SPACE_EMPTY, SPACE_CONDITION, SPACE_CONSTRAINT, SPACE_CONTRADICTION, SPACE_KEY, SPACE_VALUE, SEARCH_UNSUITED, SWEEP_SIZE.
 */
export async function loadSweepFile(file: string): Promise<Result<LoadedSweep, GraftError>> {
  const text = await readText(file);
  if (!text.ok) return text;
  const source = parseYaml(text.value, file);
  if (!source.ok) return failWith(source.error);
  const place = (path: Path): string => placeOf(file, source.value.lineOf(path), path);
  const parsed = SweepConfig.safeParse(source.value.value);
  if (!parsed.success) {
    const schema = z.toJSONSchema(SweepConfig, { io: 'input' });
    return failWith(
      parsed.error.issues.flatMap((issue) => explainIssue(issue, { value: source.value.value, schema, place })),
    );
  }
  const base = await loadPipelineFile(resolve(dirname(file), parsed.data.base));
  if (!base.ok) return base;
  const autos = autosRefused(base.value.config, parsed.data.base);
  if (autos) return failWith([autos]);
  return assemble(parsed.data, base.value.config, place);
}

/** A search compares settings: those that each trial would measure for itself are none. */
function autosRefused({ auto = [] }: PipelineConfig, file: string): GraftError | null {
  if (auto.length === 0) return null;
  const expected = 'values in the base of a sweep';
  return problem('CONFIG_AUTO', {
    ...{ where: `${file} ${auto.join(', ')}`, seen: 'auto', expected },
    remedy: 'write values (graft plan, graft lr-find), or let the space range over them',
  });
}

function assemble(
  config: SweepConfig,
  base: PipelineConfig,
  place: (path: Path) => string,
): Result<LoadedSweep, GraftError> {
  const preset =
    config.preset === 'strategies' ? strategiesPreset(base, config.space) : { space: {}, constraints: [], first: [] };
  const written = { ...preset.space, ...config.space };
  const { space, problems } = readSpace(written, [...preset.constraints, ...config.constraints], { place });
  if (problems.length > 0) return failWith(problems);
  const method = methodOf(config.search);
  const wrong = [...unsuited(method, space, { place }), ...checkValues(base, space, place)];
  // A space with keys of the file's own may have no place for the preset's.
  const first: Values[] = [...preset.first.filter((values) => isOf(space, values)), ...config.first];
  for (const [index, values] of config.first.entries()) {
    if (isOf(space, values)) continue;
    const seen = `${shown(values)} is not in the space`;
    wrong.push(
      problem('SPACE_VALUE', {
        where: place(['first', index]),
        seen,
        expected: 'a value for each parameter that is there, and no other',
      }),
    );
  }
  const trials = config.search.trials ?? usualTrials(method, space, base.train.epochs);
  wrong.push(...tooLarge(space, trials, place));
  if (wrong.length > 0) return failWith(wrong);
  const { search: wanted, stop } = config;
  const goal = wanted.goal ?? (wanted.metric.endsWith('accuracy') ? 'maximize' : 'minimize');
  const search = openSearch({
    method,
    seed: wanted.seed,
    objectives: [{ metric: wanted.metric, goal }, ...wanted.also],
    epochs: base.train.epochs,
    budget: trials,
    space,
  });
  const { hours, ...rules } = stop;
  const { concurrency, retries, failuresAtMost, promote } = config;
  const sweepRules = { concurrency, inOrder: config.decisions === 'in-order', stop: rules, retries, failuresAtMost };
  const state = openSweep({ ...search, wanted: first }, sweepRules);
  const advised = config.preset === 'strategies' ? { advised: true } : {};
  return ok({ name: config.name ?? base.name.slice(0, 42), input: { base, state, promote, hours, ...advised } });
}

/** SWEEP_SIZE where more would have to be carried from one execution into the next than Temporal takes. */
function tooLarge(space: Space, trials: number, place: (path: Path) => string): GraftError[] {
  const bytes = carriedBytes(space, trials);
  if (bytes <= CARRIED_AT_MOST) return [];
  const most = Math.floor((trials * CARRIED_AT_MOST) / bytes);
  const seen = `${trials} trials of ${space.parameters.length} parameters, about ${(bytes / 1e6).toFixed(1)} MB`;
  const expected = 'at most 2 MB, which Temporal carries';
  return [
    problem('SWEEP_SIZE', { where: place(['search', 'trials']), seen, expected, remedy: `at most ${most} trials` }),
  ];
}

function methodOf(search: SearchConfig): SearchMethod {
  const { kind, eta, grace, every, startup, population, quantile } = search;
  const samplerOf = (name: Sampler['kind']): Sampler =>
    name === 'tpe' ? { kind: name, startup, candidates: 24 } : { kind: name };
  const sampler = samplerOf(search.sampler);
  switch (kind) {
    case 'asha':
    case 'hyperband':
      return { kind, eta, grace, sampler };
    case 'median':
      return { kind, startup, grace, every, sampler };
    case 'pbt':
      return { kind, population, every, quantile, resample: 0.25, factors: [0.8, 1.2] };
    case 'grid':
    case 'random':
    case 'sobol':
    case 'tpe':
      return samplerOf(kind);
  }
}

function usualTrials(method: SearchMethod, space: Space, epochs: number): number {
  if (method.kind === 'hyperband') return roundOf(method, epochs);
  if (method.kind === 'pbt') return method.population;
  return method.kind === 'grid' ? Math.min(2000, combinations(space)) : 16;
}

/** Puts what each parameter may be into the base: its ends, or each of its choices (SPACE_KEY, SPACE_VALUE). */
function checkValues(base: PipelineConfig, space: Space, place: (path: Path) => string): GraftError[] {
  return space.parameters.flatMap((parameter) => {
    const { name } = parameter;
    const where = place(['space', name]);
    if (/^(name|dataset|task|promote)(\.|$)/.test(name)) {
      const expected = 'a key of image, augment, model or train: all trials are judged on the same pictures';
      return [problem('SPACE_KEY', { where, seen: name, expected, remedy: 'take it out' })];
    }
    for (const value of edges(parameter)) {
      const values = { ...parents(space, parameter), [name]: value };
      const parsed = PipelineConfig.safeParse(withValues(base as unknown as Record<string, Json>, values));
      if (!parsed.success) {
        const said = parsed.error.issues[0];
        const seen = `${shown(value)}: ${said?.message ?? 'refused'} at ${said?.path.join('.') ?? ''}`;
        return [
          problem('SPACE_VALUE', {
            where,
            seen,
            expected: 'a key and values that a pipeline file may have',
            remedy: 'see docs/graft-yaml.md',
          }),
        ];
      }
      // Two values that only together are wrong (a size below a backbone's) are a constraint's matter.
      const [wrong] =
        space.parameters.length === 1 ? crossChecks({ config: parsed.data, place: () => where }).problems : [];
      if (wrong) return [wrong];
    }
    return [];
  });
}

/** Values under which a parameter is there. */
function parents(space: Space, { when }: Parameter): Values {
  return Object.fromEntries(
    Object.entries(when ?? {}).flatMap(([name, options]) => {
      const parent = space.parameters.find((each) => each.name === name);
      return [...(parent ? Object.entries(parents(space, parent)) : []), [name, options[0] ?? null] as const];
    }),
  );
}

const edges = ({ domain }: Parameter): readonly Json[] =>
  domain.kind === 'choice' ? domain.options : [domain.low, domain.high];

async function readText(file: string): Promise<Result<string, GraftError>> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(file, { end: MAX_BYTES })) chunks.push(Buffer.from(chunk));
    const bytes = Buffer.concat(chunks);
    if (bytes.length > MAX_BYTES)
      return err(
        problem('CONFIG_SIZE', { where: file, seen: 'too large', expected: `at most ${MAX_BYTES / 1024} KiB` }),
      );
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof TypeError)
      return err(problem('TEXT_ENCODING', { where: file, seen: 'bytes that are not UTF-8', expected: 'UTF-8' }));
    const seen = errnoOf(error) === 'ENOENT' ? 'not there' : messageOf(error);
    return err(problem('CONFIG_FILE', { where: file, seen, expected: 'a sweep file', remedy: 'correct the path' }));
  }
}

function failWith(problems: readonly GraftError[]): Result<never, GraftError> {
  return err(
    asOne(problems) ?? new GraftError('CONFIG_VALUE', { kind: 'input', where: 'sweep file', seen: 'unusable' }),
  );
}
