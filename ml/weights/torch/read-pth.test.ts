import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../../core/checkpoint/tensor-data.ts';
import { toFloat32 } from '../../../core/checkpoint/tensor-data.ts';
import { GraftError } from '../../../core/errors.ts';
import { readTorchBytes, readTorchFile } from './read-pth.ts';

const folder = new URL('../../../test/golden/backbones/torch/', import.meta.url);
const fixture = (name: string): Promise<Buffer> => readFile(new URL(name, folder));

function values(tensors: ReadonlyMap<string, TensorData>, name: string): number[] {
  return [...toFloat32(tensors.get(name)!)];
}

/** The error's message; a bug where anything else is thrown, or nothing. */
function refusal(bytes: Uint8Array): string {
  try {
    readTorchBytes(bytes, 'x.pth');
  } catch (error) {
    if (error instanceof GraftError) return error.message;
    throw error;
  }
  return 'accepted';
}

const text = (value: string): number[] => [...new TextEncoder().encode(value)];
const word = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)];
const string = (value: string): number[] => [0x58, ...word(text(value).length), ...text(value)];
const global = (module: string, name: string): number[] => text(`c${module}\n${name}\n`);

/** `('storage', torch.FloatStorage, key, 'cpu', count)` as a persistent id. */
const storage = (count: number[], key = '0', type = 'FloatStorage'): number[] => [
  ...[0x28, ...string('storage'), ...global('torch', type), ...string(key), ...string('cpu'), ...count, 0x74, 0x51],
];
const int = (value: number): number[] => [0x4a, ...word(value)];
const tuple = (...items: number[][]): number[] => [0x28, ...items.flat(), 0x74];
const tensor = (store: number[], offset: number[], shape: number[], stride: number[]): number[] => [
  ...global('torch._utils', '_rebuild_tensor_v2'),
  ...tuple(store, offset, shape, stride, [0x89], [0x7d]),
  0x52,
];
/** A zip with a dictionary `{w: value}` and storage `0` of four floats. */
function zipOf(value: number[], data = new Uint8Array(16), level: 0 | 6 = 0): Uint8Array {
  const pickle = Uint8Array.from([0x80, 2, 0x7d, ...string('w'), ...value, 0x73, 0x2e]);
  return zipSync({ 'm/data.pkl': pickle, 'm/data/0': data }, { level });
}
const good = tensor(storage(int(4)), int(0), tuple(int(2), int(2)), tuple(int(2), int(1)));

describe.each(['legacy.pth', 'zip.pth'])('readTorchFile: %s', (name) => {
  it('reads tensors of every type with their strides and offsets', async () => {
    const tensors = await readTorchFile(new URL(name, folder).pathname);
    expect([...tensors.keys()]).toEqual([
      ...[
        'whole',
        'transposed',
        'column',
        'corner',
        'half',
        'bfloat',
        'double',
        'bn.num_batches_tracked',
        'flags',
        'empty',
      ],
    ]);
    expect(tensors.get('whole')).toMatchObject({ dtype: 'F32', shape: [3, 4] });
    expect(values(tensors, 'whole')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(values(tensors, 'transposed')).toEqual([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    expect(values(tensors, 'column')).toEqual([2, 6, 10]);
    expect(values(tensors, 'corner')).toEqual([5, 6, 9, 10]);
    expect(values(tensors, 'half')).toEqual([1.5, -2, 65504]);
    expect(values(tensors, 'bfloat')).toEqual([1.5, -2]);
    expect(values(tensors, 'double')).toEqual([Math.fround(0.1), -1e10]);
    expect(values(tensors, 'bn.num_batches_tracked')).toEqual([-7]);
    expect(tensors.get('bn.num_batches_tracked')?.shape).toEqual([]);
    expect(values(tensors, 'flags')).toEqual([1, 0]);
    expect(tensors.get('empty')).toEqual({ dtype: 'F32', shape: [0, 4], data: new Uint8Array() });
  });

  it('refuses the file cut off anywhere, and with a byte too many', async () => {
    const bytes = await fixture(name);
    for (let size = 0; size < bytes.length; size += 7) {
      expect(refusal(bytes.subarray(0, size))).toMatch(/^MODEL_(FORMAT|WEIGHTS): x\.pth/);
    }
    if (name === 'legacy.pth') expect(refusal(Buffer.concat([bytes, Buffer.of(0)]))).toMatch(/^MODEL_WEIGHTS/);
  });

  it('never crashes, hangs or takes much memory on a changed byte', async () => {
    const bytes = await fixture(name);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        refusal(changed);
      }),
      { numRuns: 1500, seed: 1 },
    );
  });
});

describe('hostile files', () => {
  it.each([
    ['posix-system', 'posix.system'],
    ['builtins-eval', '__builtin__.eval'],
    ['subprocess-popen', 'commands.Popen'],
    ['getattr', '__builtin__.getattr'],
    ['hidden-among-tensors', '__builtin__.exec'],
  ])('%s: MODEL_FORMAT names %s', async (name, forbidden) => {
    const message = refusal(await fixture(`hostile/${name}.pth`));
    expect(message).toMatch(/^MODEL_FORMAT/);
    expect(message).toContain(`"${forbidden}"`);
  });

  it('all of them are tried', async () => {
    expect((await readdir(new URL('hostile/', folder))).length).toBe(5);
  });

  it.each<[string, number[]]>([
    ['os.system', [...global('os', 'system'), ...tuple(string('id')), 0x52]],
    ['numpy.core.multiarray._reconstruct', [...global('numpy.core.multiarray', '_reconstruct'), 0x29, 0x52]],
    ['torch.load', [...global('torch', 'load'), 0x29, 0x52]],
    ['torch._utils._rebuild_tensor', [...global('torch._utils', '_rebuild_tensor'), 0x29, 0x52]],
    ['collections.OrderedDict.__reduce__', [...string('collections'), ...string('OrderedDict.__reduce__'), 0x93]],
    ['constructor.constructor', global('constructor', 'constructor')],
  ])('a mention of %s', (name, code) => {
    expect(refusal(zipOf(code))).toContain(`MODEL_FORMAT: x.pth: m/data.pkl — the file wants to call "${name}"`);
  });

  it.each<[string, number[]]>([
    ['REDUCE on a type of storage', [...global('torch', 'FloatStorage'), 0x29, 0x52]],
    ['REDUCE on a number', [...int(1), 0x29, 0x52]],
    ['REDUCE on an empty stack', [0x52]],
    ['arguments that are no tuple', [...global('collections', 'OrderedDict'), 0x7d, 0x52]],
    ['OrderedDict made of something', [...global('collections', 'OrderedDict'), ...tuple(int(1)), 0x52]],
    ['INST', text('ios\nsystem\n')],
    ['OBJ', [0x28, 0x6f]],
    ['NEWOBJ', [...global('collections', 'OrderedDict'), 0x29, 0x81]],
    ['NEWOBJ_EX', [0x92]],
    ['EXT1', [0x82, 1]],
    ['PERSID by line', text('P0\n')],
    ['BUILD of no dictionary', [...int(1), ...int(2), 0x62]],
    ['a persistent id that is no storage', [...int(1), 0x51]],
    ['a storage of unknown type', storage(int(4), '0', 'QInt8Storage')],
    [
      'a storage type that is text',
      [...tuple(string('storage'), string('torch.FloatStorage'), string('0'), string('cpu'), int(4)), 0x51],
    ],
    ['GLOBAL without an end', [0x63, ...new Array<number>(5000).fill(0x61)]],
    ['a memo never stored', [0x68, 9]],
    ['an append to a number', [...int(1), ...int(2), 0x61]],
    ['a key that is a list', [0x5d, ...int(1), 0x73]],
    ['protocol 9', [0x80, 9]],
    ['text that is not UTF-8', [0x58, ...word(1), 0xff]],
    ['text of 4 GB', [0x58, ...word(0xffffffff)]],
    ['text of 2^63 bytes', [0x8d, 0, 0, 0, 0, 0, 0, 0, 0x80]],
    ['bytes of 4 GB', [0x42, ...word(0xffffffff)]],
    ['two million items on the stack', new Array<number>(2_000_000).fill(0x4e)],
    ['no tensor', int(1)],
  ])('%s: MODEL_FORMAT', (_, code) => {
    expect(refusal(zipOf(code))).toMatch(/^MODEL_FORMAT/);
  });

  it.each<[string, number[]]>([
    ['outside of its storage', tensor(storage(int(4)), int(1), tuple(int(4)), tuple(int(1)))],
    ['strided outside', tensor(storage(int(4)), int(0), tuple(int(2), int(2)), tuple(int(3), int(1)))],
    ['a million times one element', tensor(storage(int(4)), int(0), tuple(int(1_000_000)), tuple(int(0)))],
    ['of 2^60 elements', tensor(storage(int(4)), int(0), tuple(int(1 << 30), int(1 << 30)), tuple(int(0), int(0)))],
    ['with a negative size', tensor(storage(int(4)), int(0), tuple(int(-1)), tuple(int(1)))],
    ['with a negative offset', tensor(storage(int(4)), int(-1), tuple(int(1)), tuple(int(1)))],
    ['with a negative stride', tensor(storage(int(4)), int(3), tuple(int(2)), tuple(int(-1)))],
    ['with sizes that are text', tensor(storage(int(4)), int(0), string('ab'), tuple(int(1)))],
    ['with fewer strides', tensor(storage(int(4)), int(0), tuple(int(2), int(2)), tuple(int(1)))],
    [
      'with ten dimensions',
      tensor(
        storage(int(4)),
        int(0),
        tuple(...new Array<number[]>(10).fill(int(1))),
        tuple(...new Array<number[]>(10).fill(int(1))),
      ),
    ],
    ['of a storage of −4 elements', tensor(storage(int(-4)), int(0), tuple(int(1)), tuple(int(1)))],
    ['without a storage', tensor(int(1), int(0), tuple(int(1)), tuple(int(1)))],
  ])('a tensor %s: MODEL_FORMAT', (_, code) => {
    expect(refusal(zipOf(code))).toMatch(/^MODEL_FORMAT/);
  });

  it('nesting of a thousand levels', () => {
    expect(refusal(zipOf(new Array<number>(1000).fill(0x28)))).toContain('nesting too deep');
  });

  it('a memo bomb stays as small as its text', () => {
    // l0 = []; l1 = [l0, l0]; … 40 levels, as in "billion laughs": references, never copies.
    const code = [0x5d, 0x71, 0];
    for (let level = 1; level <= 40; level++)
      code.push(0x5d, 0x28, 0x68, level - 1, 0x68, level - 1, 0x65, 0x71, level);
    expect(refusal(zipOf([0x28, ...code, 0x31, ...good]))).toBe('accepted');
  });

  it('tied tensors can’t multiply the file', () => {
    const data = new Uint8Array(40_000);
    const tie = tensor(storage(int(10_000)), int(0), tuple(int(10_000)), tuple(int(1)));
    const many: number[] = [];
    for (let i = 0; i < 40; i++) many.push(...string(`t${i}`), ...tie);
    const pickle = Uint8Array.from([0x80, 2, 0x7d, 0x28, ...many, 0x75, 0x2e]);
    const bytes = zipSync({ 'm/data.pkl': pickle, 'm/data/0': data }, { level: 0 });
    expect(refusal(bytes)).toContain('many times larger than the file');
  });
});

describe('weights', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])('%d: MODEL_WEIGHTS names the tensor', (value) => {
    const data = new Uint8Array(Float32Array.of(1, 2, value, 4).buffer);
    expect(refusal(zipOf(good, data))).toMatch(/^MODEL_WEIGHTS: x\.pth — NaN or infinity in 1 tensors: w/);
  });

  it('data of the wrong size, or none', () => {
    expect(refusal(zipOf(good))).toBe('accepted');
    expect(refusal(zipOf(good, new Uint8Array(15)))).toMatch(/^MODEL_WEIGHTS.*15 bytes, not 16/);
    const other = tensor(storage(int(4), '../1'), int(0), tuple(int(4)), tuple(int(1)));
    expect(refusal(zipOf(other))).toMatch(/^MODEL_WEIGHTS.*no bytes/);
  });

  it('a zip that is compressed, empty, or not of torch.save', () => {
    expect(refusal(zipOf(good, new Uint8Array(16_000), 6))).toMatch(/^MODEL_FORMAT.*compressed/);
    expect(refusal(zipSync({}))).toMatch(/^MODEL_FORMAT/);
    expect(refusal(zipSync({ 'a.txt': new Uint8Array(3) }, { level: 0 }))).toMatch(/^MODEL_FORMAT.*data\.pkl/);
  });

  it('big-endian data', () => {
    const pickle = Uint8Array.from([0x80, 2, 0x7d, ...string('w'), ...good, 0x73, 0x2e]);
    const files = { 'm/data.pkl': pickle, 'm/data/0': new Uint8Array(16), 'm/byteorder': Uint8Array.from(text('big')) };
    expect(refusal(zipSync(files, { level: 0 }))).toMatch(/^MODEL_FORMAT.*big-endian/);
  });

  it('a path that is no file: MODEL_FILE', async () => {
    const place = await mkdtemp(join(tmpdir(), 'graft-pth-'));
    await expect(readTorchFile(place)).rejects.toThrow(/^MODEL_FILE/);
    await expect(readTorchFile(join(place, 'none.pth'))).rejects.toThrow(/^MODEL_FILE/);
    await writeFile(join(place, 'text.pth'), 'hello');
    await expect(readTorchFile(join(place, 'text.pth'))).rejects.toThrow(/^MODEL_FORMAT.*no magic number/);
    await rm(place, { recursive: true });
  });
});
