import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generated } from '../../scripts/graft-schema.ts';
import { allKeys, pipelineJsonSchema, shapesOf } from './json-schema.ts';

describe('what is generated from the contracts', () => {
  it('is up to date: npm run schema', async () => {
    for (const { path, text } of await generated()) expect(readFileSync(path, 'utf8')).toBe(text);
  });
});

describe('every key', () => {
  it('has a description', () => {
    const bare = allKeys(pipelineJsonSchema()).filter(({ schema }) => schema.description === undefined);
    const leaves = bare.filter(({ schema }) => shapesOf(schema).every((shape) => shape.properties === undefined));
    expect(leaves.map(({ path }) => path.join('.'))).toEqual([]);
  });
});
