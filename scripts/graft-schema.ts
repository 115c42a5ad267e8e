import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { pipelineJsonSchema } from '../infra/pipeline-file/json-schema.ts';
import { pipelineReference } from '../infra/pipeline-file/reference.ts';

/** Writes what is generated from the contracts: `npm run schema`. A test fails when it was forgotten. */
const START = '<!-- generated: keys (npm run schema) -->';
const END = '<!-- end of generated keys -->';

const schemaPath = new URL('../docs/graft.schema.json', import.meta.url);
const docPath = new URL('../docs/graft-yaml.md', import.meta.url);

/** The two files as they should be. */
export async function generated(): Promise<{ path: URL; text: string }[]> {
  const style = await resolveConfig(schemaPath);
  const schema = await format(JSON.stringify(pipelineJsonSchema()), { ...style, parser: 'json' });
  const doc = readFileSync(docPath, 'utf8');
  const head = doc.slice(0, doc.indexOf(START) + START.length);
  const tail = doc.slice(doc.indexOf(END));
  return [
    { path: schemaPath, text: schema },
    { path: docPath, text: `${head}\n\n${pipelineReference()}\n\n${tail}` },
  ];
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const { path, text } of await generated()) writeFileSync(path, text);
}
