/**
 * The one shape of an error a person sees: `CODE: where — what was seen — what was expected — what to do`.
 * `kind` decides the exit code and whether a retry can help.
 */
export type ErrorKind =
  /** The user's configuration, data or command is wrong: exit 2, never retried. */
  | 'input'
  /** Something outside that may come back (network, disk, a killed child): retried, exit 3 when retries end. */
  | 'transient'
  /** The run can't succeed as it is (non-finite loss, stale attempt): not retried, exit 3. */
  | 'failed'
  /** Somebody asked for it to stop: exit 130. */
  | 'cancelled';

export interface ErrorParts {
  readonly kind: ErrorKind;
  /** Where it was seen: a file, a key of graft.yaml, a bucket and key, a stage. */
  readonly where: string;
  readonly seen: string;
  /** The limit, or what was expected. */
  readonly expected?: string;
  /** What to do about it, as an instruction. */
  readonly remedy?: string;
}

export class GraftError extends Error {
  readonly code: string;
  readonly parts: ErrorParts;

  constructor(code: string, parts: ErrorParts, options?: { cause?: unknown }) {
    super(formatError(code, parts), options);
    this.name = 'GraftError';
    this.code = code;
    this.parts = parts;
  }

  get kind(): ErrorKind {
    return this.parts.kind;
  }
}

/** `CODE: where — seen — expected — remedy`; empty parts are left out. */
export function formatError(code: string, parts: ErrorParts): string {
  const said = [parts.where, parts.seen, parts.expected, parts.remedy].filter(
    (part) => part !== undefined && part !== '',
  );
  return `${code}: ${said.join(' — ')}`;
}

/** A wrong input: `inputError('IMAGE_EMPTY', 'cats/1.jpg', '0 bytes', 'an image', 'remove or replace it')`. */
export function inputError(code: string, where: string, seen: string, expected?: string, remedy?: string): GraftError {
  return new GraftError(code, partsOf('input', where, seen, expected, remedy));
}

/** Something that a retry may mend. */
export function transientError(
  code: string,
  where: string,
  seen: string,
  expected?: string,
  remedy?: string,
  cause?: unknown,
): GraftError {
  return new GraftError(code, partsOf('transient', where, seen, expected, remedy), { cause });
}

/** A run that can't go on. */
export function failedError(code: string, where: string, seen: string, expected?: string, remedy?: string): GraftError {
  return new GraftError(code, partsOf('failed', where, seen, expected, remedy));
}

function partsOf(kind: ErrorKind, where: string, seen: string, expected?: string, remedy?: string): ErrorParts {
  return {
    kind,
    where,
    seen,
    ...(expected === undefined ? {} : { expected }),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Node's errno code (`ENOENT`, `ECONNREFUSED` …) of anything thrown, if it has one. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** For `switch` statements over a discriminated union: a forgotten case is a type error. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
