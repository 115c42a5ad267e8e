import { z } from 'zod';
import type { Role } from '../../contracts/web.ts';
import { inputError } from '../../core/errors.ts';
import type { User } from './auth.ts';

export interface Asked<Q, B> {
  /** Of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  readonly body: B;
  readonly user: User;
}

/** A request and its answer, as the contract has them. */
export interface RouteSpec<Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType> {
  readonly method: 'GET' | 'POST';
  /** With `:name` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly query: Q;
  readonly body: B;
  readonly answer: A;
  handle(asked: Asked<z.output<Q>, z.output<B>>): Promise<z.output<A>>;
}

/** A route without its types, for the server and the OpenAPI document. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  readonly needs: Role;
  readonly query: z.ZodType | null;
  readonly body: z.ZodType | null;
  readonly answer: z.ZodType;
  /** Rejects with REQUEST_QUERY and REQUEST_BODY (400) where the request is not as the contract has it. */
  run(raw: { params: unknown; query: unknown; body: unknown; user: User }): Promise<unknown>;
}

const Params = z.record(z.string(), z.string());
const Nothing = z.unknown();

/** For requests without a query or a body. */
export const noInput = { query: Nothing, body: Nothing } as const;

/** Reading is for viewers, changing for approvers. */
export function route<Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType>(spec: RouteSpec<Q, B, A>): Route {
  const { method, path, summary, query, body, answer } = spec;
  return {
    ...{ method, path, summary, answer },
    needs: method === 'GET' ? 'viewer' : 'approver',
    query: query.def.type === 'unknown' ? null : query,
    body: body.def.type === 'unknown' ? null : body,
    run: async (raw) =>
      spec.handle({
        params: Params.parse(raw.params),
        query: parsed(query, raw.query, 'REQUEST_QUERY', path),
        body: parsed(body, raw.body, 'REQUEST_BODY', path),
        user: raw.user,
      }),
  };
}

function parsed<T extends z.ZodType>(schema: T, value: unknown, code: string, path: string): z.output<T> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = `${path} ${issue?.path.join('.') ?? ''}`.trim();
  throw inputError(code, where, issue?.message ?? 'not what is taken', 'see /api/openapi.json', 'correct the request');
}
