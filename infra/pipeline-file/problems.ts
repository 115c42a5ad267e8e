import { GraftError } from '../../core/errors.ts';
import type { ErrorParts } from '../../core/errors.ts';

/** How many problems are spelt out; a file with more has one cause. */
const SHOWN = 20;

/** Everything that is wrong with a pipeline file at once: one line each. Code and parts are those of the first. */
export class PipelineFileError extends GraftError {
  readonly problems: readonly GraftError[];

  constructor(problems: readonly [GraftError, ...GraftError[]]) {
    super(problems[0].code, problems[0].parts);
    this.problems = problems;
    const lines = problems.slice(0, SHOWN).map((problem) => problem.message);
    if (problems.length > SHOWN) lines.push(`… and ${problems.length - SHOWN} more`);
    this.message = lines.join('\n');
  }
}

/** A problem, or all of them in one. */
export function asOne(problems: readonly GraftError[]): GraftError | null {
  const [first, ...rest] = problems;
  if (first === undefined) return null;
  return rest.length === 0 ? first : new PipelineFileError([first, ...rest]);
}

/** An error of kind `input` from named parts. */
export function problem(code: string, parts: Omit<ErrorParts, 'kind'>): GraftError {
  return new GraftError(code, { kind: 'input', ...parts });
}

/** C0 and C1 controls, and what turns the direction of a line: a foreign text must not steer a terminal. */
const STEERING = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A foreign text made safe to print: controls escaped, at most `max` characters. */
export function inert(text: string, max = 80): string {
  const escaped = text.replace(STEERING, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return escaped.length > max ? `${escaped.slice(0, max)}…` : escaped;
}

/** A value as JSON, safe to print. */
export function shown(value: unknown): string {
  return inert(JSON.stringify(value) ?? String(value));
}
