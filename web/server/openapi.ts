import { z } from 'zod';
import { ApiError } from '../../contracts/web.ts';
import { graftVersion } from '../../infra/version.ts';
import type { Route } from './route.ts';

type Schema = Readonly<Record<string, unknown>>;

/** The OpenAPI 3.1 document of these routes, from the schemas that the server itself checks requests with. */
export function openApi(routes: readonly Route[]): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'graft dashboard', version: graftVersion },
    security: [{ cookie: [] }, { token: [] }],
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'graft' },
      },
    },
    paths,
  };
}

function operation({ summary, path, query, body, answer, needs }: Route): Schema {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) =>
    parameter(name ?? '', 'path', true, { type: 'string' }),
  );
  return {
    summary: needs === 'approver' ? `${summary} Needs the role approver.` : summary,
    parameters: [...inPath, ...(query ? queryParameters(query) : [])],
    ...(body ? { requestBody: { required: true, content: json(jsonSchema(body, 'input')) } } : {}),
    responses: {
      200: { description: 'The answer.', content: json(jsonSchema(answer, 'output')) },
      default: { description: 'What is wrong.', content: json(jsonSchema(ApiError, 'output')) },
    },
  };
}

function queryParameters(query: z.ZodType): Schema[] {
  const { properties, required } = Fields.parse(jsonSchema(query, 'input'));
  return Object.entries(properties).map(([name, schema]) => parameter(name, 'query', required.includes(name), schema));
}

const Fields = z.object({
  properties: z.record(z.string(), z.unknown()).default({}),
  required: z.array(z.string()).default([]),
});

const parameter = (name: string, where: string, required: boolean, schema: unknown): Schema => ({
  ...{ name, in: where, required, schema },
});

const json = (schema: unknown): Schema => ({ 'application/json': { schema } });

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): unknown {
  // Ids with a check of their own, and shapes that core defines, are told by name in the contract alone.
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', cycles: 'ref' });
  return rest;
}
