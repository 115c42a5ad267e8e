import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { nativeBackend } from '../native/backend.ts';
import { compileEngine } from './compiled-engine.ts';
import { eagerEngine } from './eager-engine.ts';
import type { Engine, Program, ProgramState, StateShapes } from './spec.ts';

let scratch = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  scratch = mkdtempSync(join(tmpdir(), 'graft-state-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const SIZE = 1000;
const shapesOf = (names: readonly string[], size = SIZE): StateShapes => new Map(names.map((name) => [name, [size]]));
const filled = (value: number, size = SIZE): Float32Array => new Float32Array(size).fill(value);
const bits = (values: Float32Array | undefined): number[] => [
  ...new Uint32Array(values!.buffer, values!.byteOffset, values!.length),
];
const firsts = (engine: Engine, names: Iterable<string> = engine.shapes.keys()): (number | undefined)[] =>
  [...engine.read(names).values()].map((values) => values[0]);

function program(run: (state: ProgramState, x: tf.Tensor) => Record<string, tf.Tensor>, size = SIZE): Program {
  return { inputs: { x: { shape: [size], dtype: 'float32' } }, run: ({ x }, state) => run(state, x!) };
}

/** `use` on the compiled engine and on its oracle. */
async function onBoth(
  state: StateShapes,
  programs: Readonly<Record<string, Program>>,
  use: (engine: Engine) => void,
): Promise<void> {
  for (const engine of [await compileEngine({ state, programs }, scratch), eagerEngine({ state, programs })]) {
    use(engine);
    engine.dispose();
  }
}

describe('values of variables', () => {
  it('come back bit for bit: denormals, both zeros, infinities, the largest and the smallest', async () => {
    const { buffer } = Uint32Array.of(
      ...[
        0x00000001, 0x807fffff, 0x00800000, 0x80000000, 0, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x3f800001,
      ],
    );
    const values = new Float32Array(buffer);
    const state = new Map([
      ['a', [2, 5]],
      ['none', [0, 3]],
      ['one', []],
    ]);
    await onBoth(state, {}, (engine) => {
      engine.write(
        new Map([
          ['a', values],
          ['none', new Float32Array(0)],
          ['one', Float32Array.of(-0)],
        ]),
      );
      const read = engine.read(['one', 'a', 'none']);
      expect([...read.keys()]).toEqual(['one', 'a', 'none']);
      expect(bits(read.get('a'))).toEqual(bits(values));
      expect(bits(read.get('one'))).toEqual([0x80000000]);
      expect(read.get('none')!.length).toBe(0);
      engine.write(new Map([['one', Float32Array.of(Number.NaN)]]));
      expect(firsts(engine, ['one'])).toEqual([Number.NaN]);
    });
  });

  it('are written in part: the others keep theirs', async () => {
    await onBoth(shapesOf(['a', 'b', 'c']), {}, (engine) => {
      engine.write(new Map(['a', 'b', 'c'].map((name) => [name, filled(1)])));
      engine.write(new Map([['b', filled(2)]]));
      engine.write(new Map());
      expect(firsts(engine)).toEqual([1, 2, 1]);
      expect([...engine.read([])]).toEqual([]);
    });
  });

  it('are refused by a wrong name or size, and then nothing is written and no tensor is left', async () => {
    const engine = await compileEngine({ state: shapesOf(['a', 'b']), programs: {} }, scratch);
    engine.write(new Map(['a', 'b'].map((name) => [name, filled(1)])));
    const before = engine.tensorCount();
    expect(() => {
      engine.write(
        new Map([
          ['a', filled(2)],
          ['b', filled(2, SIZE - 1)],
        ]),
      );
    }).toThrow(/Shape does not match/);
    expect(() => {
      engine.write(
        new Map([
          ['a', filled(2)],
          ['z', filled(2)],
        ]),
      );
    }).toThrow('no variable z');
    expect(() => engine.read(['a', 'z'])).toThrow('no variable z');
    expect(firsts(engine)).toEqual([1, 1]);
    expect(engine.tensorCount()).toBe(before);
    engine.dispose();
  });

  // TensorFlow takes memory that is aligned as it is: some of 64 small arrays are.
  it('are copies: what the caller does with his arrays later, or with those he read, changes nothing', async () => {
    const [names, size] = [Array.from({ length: 64 }, (_, index) => `v${index}`), 16];
    const take: Program = {
      inputs: Object.fromEntries(names.map((name) => [name, { shape: [size], dtype: 'float32' }])),
      run: (inputs, state) => {
        for (const name of names) state.set(name, inputs[name]!.reshape([size, 1]).reshape([size]));
        return { y: inputs['v0']!.sum() };
      },
    };
    await onBoth(shapesOf(names, size), { take }, (engine) => {
      const arrays = new Map(names.map((name) => [name, filled(1, size)]));
      engine.write(arrays);
      for (const each of arrays.values()) each.fill(7);
      expect(new Set(firsts(engine))).toEqual(new Set([1]));
      engine.run('take', Object.fromEntries([...arrays].map(([name, each]) => [name, each.fill(3)])));
      for (const each of arrays.values()) each.fill(7);
      const read = engine.read(names);
      expect(new Set([...read.values()].flatMap((each) => [...each]))).toEqual(new Set([3]));
      for (const each of read.values()) each.fill(9);
      expect(new Set(firsts(engine))).toEqual(new Set([3]));
    });
  });
});

describe('a program that reads what it writes', () => {
  const names = Array.from({ length: 32 }, (_, index) => `v${index}`);
  // 32 variables, each the next one's reader, and 60 runs: an order left open would show.
  it('reads the value from before the run: variables change places', async () => {
    const turn = program((state, x) => {
      for (const [index, name] of names.entries()) state.set(name, state.get(names[(index + 1) % names.length]!));
      return { y: x.sum(), first: state.get('v0') };
    });
    await onBoth(shapesOf(names), { turn }, (engine) => {
      for (let run = 0; run < 60; run++) {
        engine.write(new Map(names.map((name, index) => [name, filled(index)])));
        expect(engine.run('turn', { x: filled(0) }).get('first')!.values[0]).toBe(0);
        expect(firsts(engine)).toEqual(names.map((_, index) => (index + 1) % names.length));
      }
    });
  });

  it('gives the old value of a variable and its slot to every reader, though an update works in place', async () => {
    const rule = { kind: 'momentum', momentum: 0.5, nesterov: false } as const;
    const step = program((state, x) => {
      const one = tf.ones([]).asScalar();
      for (const shrink of [null, one.mul(0.5)])
        state.apply({
          ...{ rule, variable: shrink ? 'b' : 'a', slots: { velocity: shrink ? 'vb' : 'va' } },
          ...{ gradient: x, rate: one, shrink },
        });
      return { a: state.get('a'), b: state.get('b'), va: state.get('va'), vb: state.get('vb').square() };
    });
    await onBoth(shapesOf(['a', 'b', 'va', 'vb']), { step }, (engine) => {
      for (let run = 0; run < 60; run++) {
        engine.write(
          new Map([
            ['a', filled(5)],
            ['b', filled(6)],
            ['va', filled(2)],
            ['vb', filled(4)],
          ]),
        );
        const outputs = engine.run('step', { x: filled(1) });
        expect([...outputs.values()].map(({ values }) => values[0])).toEqual([5, 6, 2, 16]);
        expect(firsts(engine)).toEqual([5 - 2, 3 - 3, 2, 3]);
      }
    });
  });

  it('takes an average of the new value, whoever wrote it', async () => {
    const rule = { kind: 'sgd' } as const;
    const step = program((state, x) => {
      const decay = tf.scalar(0.75);
      state.apply({ rule, variable: 'a', slots: {}, gradient: x, rate: tf.scalar(1), shrink: null });
      state.set('b', state.get('b').add(x));
      for (const name of ['a', 'b', 'still']) state.average(`average/${name}`, name, decay);
      return { y: state.get('average/a') };
    });
    const state = shapesOf(['a', 'b', 'still', 'average/a', 'average/b', 'average/still']);
    await onBoth(state, { step }, (engine) => {
      for (let run = 0; run < 60; run++) {
        engine.write(new Map([...state.keys()].map((name) => [name, filled(name.startsWith('average') ? 8 : 4)])));
        expect(engine.run('step', { x: filled(4) }).get('y')!.values[0]).toBe(8);
        expect(firsts(engine)).toEqual([0, 8, 4, 6, 8, 7]);
      }
    });
  });
});

describe('an engine', () => {
  const add = program((state, x) => (state.set('a', state.get('a').add(x)), { y: x }));
  const double = program((state) => (state.set('a', state.get('a').mul(2)), { y: state.get('a') }));

  it('shares its variables among its programs, and with no other engine', async () => {
    const spec = { state: shapesOf(['a']), programs: { add, double } };
    const other = await compileEngine(spec, scratch);
    other.write(new Map([['a', filled(100)]]));
    await onBoth(spec.state, spec.programs, (engine) => {
      engine.write(new Map([['a', filled(1)]]));
      engine.run('add', { x: filled(2) });
      expect(engine.run('double', { x: filled(0) }).get('y')!.values[0]).toBe(3);
      engine.run('add', { x: filled(0.5) });
      expect(firsts(engine)).toEqual([6.5]);
      expect(() => engine.run('halve', {})).toThrow('no program halve');
      expect(() => engine.run('add', {})).toThrow('add: no input x');
    });
    expect(firsts(other)).toEqual([100]);
    other.dispose();
  });

  it('frees its session when it is disposed of, and runs no more', async () => {
    const { binding } = nativeBackend();
    const sessions = (): unknown => Reflect.apply(Reflect.get(binding, 'getNumOfSavedModels'), binding, []);
    const before = sessions();
    const engine = await compileEngine({ state: shapesOf(['a']), programs: { add } }, scratch);
    expect(sessions()).toBe(Number(before) + 1);
    engine.dispose();
    expect(sessions()).toBe(before);
    expect(() => engine.read(['a'])).toThrow(/SavedModel/);
  });
});
