import { describe, expect, it } from 'vitest';
import { difference } from './difference.ts';
import { buildGraph } from './graph.ts';
import type { RecordedWrite, Recording, Ref } from './recorder.ts';

const FLOAT = 1;
const types = {
  ...{ TF_ATTR_STRING: 101, TF_ATTR_INT: 102, TF_ATTR_FLOAT: 103, TF_ATTR_BOOL: 104, TF_ATTR_TYPE: 105 },
  ...{ TF_ATTR_SHAPE: 106, TF_FLOAT: FLOAT, TF_INT32: 3, TF_UINT8: 4 },
};
const state = new Map(['a', 'b', 'slot', 'average'].map((name) => [name, [2]]));
const ofState = (name: string): Ref => ({ kind: 'state', name });
const x: Ref = { kind: 'input', name: 'x' };
const T = { name: 'T', type: types.TF_ATTR_TYPE, value: FLOAT };

/** A graph is built without them. */
const unknownShapes = { inputShapes: [], outputShapes: [] };

function recording(change: Partial<Recording> = {}): Recording {
  const inputs = { x: { shape: [2], dtype: 'float32' } } as const;
  return { inputs, operations: [], constants: [], outputs: new Map(), writes: [], guards: [], ...change };
}

function nodesOf(change: Partial<Recording>) {
  return new Map(buildGraph(state, { p: recording(change) }, types).map((node) => [node.name, node]));
}

/** Everything that has run when a node of the graph runs. */
function before(nodes: ReturnType<typeof nodesOf>, name: string): Set<string> {
  const found = new Set<string>();
  const stack = [...(nodes.get(name)?.input ?? [])];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const plain = next.replace(/^\^/, '').replace(/:\d+$/, '');
    if (found.has(plain)) continue;
    found.add(plain);
    stack.push(...nodes.get(plain)!.input);
  }
  return found;
}

const update: RecordedWrite = {
  kind: 'apply',
  rule: { kind: 'momentum', momentum: 0.9, nesterov: false },
  ...{ variable: 'a', slots: { velocity: 'slot' } },
  ...{ gradient: x, rate: x, shrink: null },
};
const out = (ref: Ref): Recording['outputs'] => new Map([['y', { ref, shape: [2], dtype: FLOAT }]]);

describe('a graph', () => {
  it.each([
    ['an output reads', 'a', [update], out(ofState('a'))],
    ['an output reads as the slot', 'slot', [update], out(ofState('slot'))],
    ['a later write reads', 'a', [update, { kind: 'assign', variable: 'b', value: ofState('a') }], out(x)],
  ] as const)('writes what %s only after that', (_, name, writes, outputs) => {
    const nodes = nodesOf({ writes, outputs });
    const reader = `p/read/${[...state.keys()].indexOf(name)}`;
    expect(nodes.has(reader)).toBe(true);
    expect(before(nodes, 'p/write/0')).toContain(reader);
  });

  it('writes nothing before what is guarded, and gives out nothing before all is written', () => {
    const writes: RecordedWrite[] = [
      update,
      { kind: 'assign', variable: 'b', value: x },
      { kind: 'average', average: 'average', of: 'a', decay: x },
    ];
    const nodes = nodesOf({ writes, guards: [x], outputs: out(x) });
    for (const index of writes.keys()) expect(before(nodes, `p/write/${index}`)).toContain('p/guard/0');
    const done = before(nodes, 'p/out/y');
    for (const index of writes.keys()) expect(done).toContain(`p/write/${index}`);
    // The new value, not the old.
    expect(before(nodes, 'p/write/2/now')).toContain('p/write/0');
  });

  it('assigns copies alone', () => {
    const nodes = nodesOf({ writes: [{ kind: 'assign', variable: 'b', value: x }] });
    const assigned = [...nodes.values()].filter(({ op }) => op === 'AssignVariableOp');
    expect(assigned.length).toBe(state.size + 1);
    for (const { input } of assigned) expect(nodes.get(input[1]!)?.op).toBe('DeepCopy');
  });

  it('has sums of pairs in the order of their terms, which TensorFlow is asked to leave alone', () => {
    const terms = (count: number) => ({
      name: 'AddN',
      attributes: [T],
      inputs: Array.from({ length: count }, () => x),
      ...unknownShapes,
    });
    const operations = [
      terms(1),
      terms(2),
      terms(4),
      { name: 'Add', attributes: [T], inputs: [x, x], ...unknownShapes },
    ];
    const nodes = nodesOf({
      operations,
      outputs: new Map(
        operations.map((_, index) => [
          `y${index}`,
          { ref: { kind: 'operation', index, output: 0 }, shape: [2], dtype: FLOAT },
        ]),
      ),
    });
    const ops = [...nodes.values()].filter(({ name }) => name.startsWith('p/op/'));
    expect(ops.map(({ op }) => op).sort()).toEqual(['Add', 'AddV2', 'AddV2', 'AddV2', 'AddV2', 'Identity']);
    expect(nodes.get('p/op/2')!.input).toEqual(['p/op/2/1', 'p/in/x']);
    expect(nodes.get('p/op/2/1')!.input).toEqual(['p/op/2/0', 'p/in/x']);
    for (const { op, attr } of ops)
      expect(op === 'Identity' || '_grappler_ArithmeticOptimizer_AddOpsRewriteStage' in attr).toBe(true);
  });
});

describe('two recordings', () => {
  const base = (): Recording =>
    recording({
      operations: [{ name: 'Mul', attributes: [T], inputs: [x, { kind: 'constant', index: 0 }], ...unknownShapes }],
      constants: [{ shape: [2], dtype: FLOAT, values: Float32Array.of(0, 1) }],
      ...{ writes: [update], guards: [x], outputs: out(x) },
    });
  const constant = (shape: readonly number[], ...values: number[]) => ({
    constants: [{ shape, dtype: FLOAT, values: Float32Array.from(values) }],
  });
  const withAttribute = (value: number) => ({
    operations: [{ ...base().operations[0]!, attributes: [{ name: 'f', type: types.TF_ATTR_FLOAT, value }] }],
  });

  it('of the same are the same', () => {
    expect(difference(base(), base())).toBeNull();
    expect(
      difference({ ...base(), ...withAttribute(Number.NaN) }, { ...base(), ...withAttribute(Number.NaN) }),
    ).toBeNull();
  });

  it.each([
    [{ operations: [] }, '1 operations the first time, 0 the second'],
    [constant([2], 0, 2), 'a constant that Mul takes is not the same'],
    [constant([2], -0, 1), 'a constant that Mul takes is not the same'],
    [constant([1, 2], 0, 1), 'a constant that Mul takes is not the same'],
    [
      { constants: [...base().constants, ...base().constants] },
      'a constant that an output or a variable takes is not the same',
    ],
    [{ writes: [] }, 'what a becomes is not the same'],
    [{ writes: [{ ...update, variable: 'b' }] }, 'what a becomes is not the same'],
    [{ guards: [] }, 'what is guarded is not the same'],
    [{ outputs: out(ofState('a')) }, 'output y is not the same'],
    [{ outputs: new Map([...out(x), ['z', out(x).get('y')!]]) }, 'output z is not the same'],
  ] as [Partial<Recording>, string][])('that differ in %o differ', (change, message) => {
    expect(difference(base(), { ...base(), ...change })).toBe(message);
  });

  it('tell numbers apart that JSON does not', () => {
    const [nan, infinite] = [Number.NaN, Number.POSITIVE_INFINITY].map(withAttribute);
    expect(difference({ ...base(), ...nan }, { ...base(), ...infinite })).toBe('operation 0 (Mul) is not the same');
    expect(difference({ ...base(), ...withAttribute(0) }, { ...base(), ...withAttribute(-0) })).not.toBeNull();
  });
});
