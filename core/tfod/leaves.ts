import type { TextField, TextValue } from './text-format.ts';

/** A field that holds no other: by its path without indexes, `model.ssd.matcher.argmax_matcher.matched_threshold`. */
export interface Leaf {
  readonly path: string;
  readonly line: number;
  /** All values of the field at this place; a message without fields is `{}`. */
  readonly values: readonly (number | string | boolean)[];
}

/** All leaves in the order of the file; a repeated field of one message is one leaf, repeated messages are not put together. */
export function leavesOf(fields: readonly TextField[], prefix = ''): Leaf[] {
  const leaves: Leaf[] = [];
  const repeated = new Map<string, (number | string | boolean)[]>();
  for (const { name, value, line } of fields) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    if (value.kind === 'message' && value.fields.length > 0) {
      leaves.push(...leavesOf(value.fields, path));
      continue;
    }
    const scalar = scalarOf(value);
    const known = repeated.get(name);
    if (known && value.kind !== 'message') {
      known.push(scalar);
      continue;
    }
    const values = [scalar];
    repeated.set(name, values);
    leaves.push({ path, line, values });
  }
  return leaves;
}

function scalarOf(value: TextValue): number | string | boolean {
  if (value.kind === 'message') return '{}';
  if (value.kind === 'word' && value.value === 'true') return true;
  return value.kind === 'word' && value.value === 'false' ? false : value.value;
}
