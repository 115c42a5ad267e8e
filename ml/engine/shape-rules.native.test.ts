import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { settings } from '../../infra/config.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { nativeBackend } from '../native/backend.ts';
import type { Attribute, Binding, TypedArray } from '../native/backend.ts';
import { shapeRules } from './shape-rules.ts';

let binding: Binding;
beforeAll(async () => {
  await loadTensorFlow({ threads: 2, settings: { ...settings(), kernels: 'own' } });
  binding = nativeBackend().binding;
});

interface Operation {
  readonly name: string;
  readonly strings?: Readonly<Record<string, string>>;
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
  readonly floats?: Readonly<Record<string, number>>;
  readonly bools?: Readonly<Record<string, boolean>>;
  readonly types?: readonly string[];
  readonly intTypes?: readonly string[];
  /** Shapes of float inputs, or the values of an int32 vector. */
  readonly inputs: readonly { readonly shape?: readonly number[]; readonly whole?: readonly number[] }[];
  readonly outputs?: number;
}

function attributesOf({ types = ['T'], intTypes = [], ...values }: Operation): Attribute[] {
  const { strings = {}, ints = {}, floats = {}, bools = {} } = values;
  const { TF_ATTR_TYPE, TF_ATTR_STRING, TF_ATTR_INT, TF_ATTR_FLOAT, TF_ATTR_BOOL, TF_FLOAT, TF_INT32 } = binding;
  const list = (of: object, type: number): Attribute[] =>
    Object.entries(of).map(([name, value]: [string, Attribute['value']]) => ({ name, type, value }));
  return [
    ...types.map((name) => ({ name, type: TF_ATTR_TYPE, value: TF_FLOAT })),
    ...intTypes.map((name) => ({ name, type: TF_ATTR_TYPE, value: TF_INT32 })),
    ...list(strings, TF_ATTR_STRING),
    ...list(ints, TF_ATTR_INT),
    ...list(floats, TF_ATTR_FLOAT),
    ...list(bools, TF_ATTR_BOOL),
  ];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

const inputsOf = ({ inputs }: Operation) =>
  inputs.map(({ shape, whole }): { shape: readonly number[]; dtype: number; values: TypedArray } =>
    whole
      ? { shape: [whole.length], dtype: binding.TF_INT32, values: Int32Array.from(whole) }
      : { shape: shape!, dtype: binding.TF_FLOAT, values: new Float32Array(sizeOf(shape!)).fill(1) },
  );

function predicted(operation: Operation): readonly (readonly number[])[] | null {
  const inputs = inputsOf(operation);
  const constant = (index: number): readonly number[] => [...inputs[index]!.values];
  return shapeRules[operation.name]!({ inputs, attributes: attributesOf(operation), constant });
}

function real(operation: Operation): {
  readonly shapes: readonly (readonly number[])[];
  readonly dtypes: readonly number[];
} {
  const ids = inputsOf(operation).map(({ shape, dtype, values }) => binding.createTensor(shape, dtype, values));
  try {
    const outputs = binding.executeOp(operation.name, attributesOf(operation), ids, operation.outputs ?? 1);
    for (const { id } of outputs) binding.deleteTensor(id);
    return { shapes: outputs.map(({ shape }) => [...shape]), dtypes: outputs.map(({ dtype }) => dtype) };
  } finally {
    for (const id of ids) binding.deleteTensor(id);
  }
}

const tried = new Set<string>();

function expectReal(operation: Operation): void {
  tried.add(operation.name);
  const { shapes, dtypes } = real(operation);
  expect(predicted(operation), JSON.stringify(operation)).toEqual(shapes);
  expect(new Set(dtypes)).toEqual(new Set([binding.TF_FLOAT]));
}

const side = fc.integer({ min: 1, max: 9 });
const channels = fc.integer({ min: 1, max: 4 });
const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
const image = fc.tuple(fc.integer({ min: 1, max: 3 }), side, side, channels);

/** A convolution that fits: padding, stride and kernel with at least one place for it. */
const convolution = fc
  .record({
    x: image,
    kernel: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
    out: channels,
    stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    padding: fc.constantFrom('SAME', 'VALID', 'EXPLICIT'),
    pads: fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 2 }))),
  })
  .filter(({ x, kernel, padding, pads }) =>
    [0, 1].every((axis) => {
      const extra = padding === 'EXPLICIT' ? pads[2 * axis]! + pads[2 * axis + 1]! : 0;
      return padding === 'SAME' || x[axis + 1]! + extra >= kernel[axis]!;
    }),
  );

const settingsOf = ({
  padding,
  pads,
  stride: [y, x],
}: {
  padding: string;
  pads: number[];
  stride: [number, number];
}) => ({
  strings: { data_format: 'NHWC', padding },
  ints: {
    strides: [1, y, x, 1],
    ...(padding === 'EXPLICIT' ? { explicit_paddings: [0, 0, ...pads, 0, 0] } : {}),
  },
});

function check<T>(cases: fc.Arbitrary<T>, test: (value: T) => void): void {
  fc.assert(fc.property(cases, test), { numRuns: 60 });
}

describe('shapes by rule are those of TensorFlow', () => {
  it('of operations on each element', () => {
    check(fc.tuple(fc.constantFrom('Relu', 'Relu6', 'Square', 'Sqrt', 'Rsqrt', 'Neg'), shape), ([name, each]) => {
      expectReal({ name, inputs: [{ shape: each }] });
    });
    check(fc.tuple(fc.constantFrom('ReluGrad', 'Relu6Grad'), shape), ([name, each]) => {
      expectReal({ name, inputs: [{ shape: each }, { shape: each }] });
    });
    for (const name of ['Relu', 'Relu6', 'Square', 'Sqrt', 'Rsqrt', 'Neg'])
      expectReal({ name, inputs: [{ shape: [2, 3] }] });
    for (const name of ['ReluGrad', 'Relu6Grad']) expectReal({ name, inputs: [{ shape: [2] }, { shape: [2] }] });
  });

  const arithmetic = ['Mul', 'Add', 'AddV2', 'Sub', 'RealDiv'];
  it.each(arithmetic)('of %s, where one side or both are stretched', (name) => {
    const sides = fc.array(
      fc.record({ size: fc.integer({ min: 0, max: 4 }), one: fc.constantFrom('left', 'right', '') }),
      { maxLength: 4 },
    );
    check(fc.tuple(sides, fc.nat(4), fc.boolean()), ([all, cut, swap]) => {
      const left = all.map(({ size, one }) => (one === 'left' ? 1 : size));
      const right = all.map(({ size, one }) => (one === 'right' ? 1 : size)).slice(cut);
      expectReal({ name, inputs: (swap ? [right, left] : [left, right]).map((each) => ({ shape: each })) });
    });
    for (const wrong of [
      [[2], [3]],
      [
        [2, 3],
        [2, 1, 2],
      ],
    ] as const) {
      const operation = { name, inputs: wrong.map((each) => ({ shape: [...each] })) };
      expect(predicted(operation)).toBeNull();
      expect(() => real(operation)).toThrow();
    }
  });

  it('of MatMul and Reshape', () => {
    check(fc.tuple(side, side, side, fc.boolean(), fc.boolean()), ([rows, inner, columns, a, b]) => {
      const [left, right] = [a ? [inner, rows] : [rows, inner], b ? [columns, inner] : [inner, columns]];
      const bools = { transpose_a: a, transpose_b: b };
      expectReal({ name: 'MatMul', bools, inputs: [{ shape: left }, { shape: right }] });
    });
    check(fc.tuple(fc.array(side, { maxLength: 4 }), fc.nat(3), fc.nat()), ([each, split, seed]) => {
      const merged = [sizeOf(each.slice(0, split)), ...each.slice(split)];
      const wanted =
        seed % 3 === 0 ? merged : merged.map((value, index) => (index === seed % merged.length ? -1 : value));
      expectReal({ name: 'Reshape', intTypes: ['Tshape'], inputs: [{ shape: each }, { whole: wanted }] });
    });
    expectReal({ name: 'Reshape', intTypes: ['Tshape'], inputs: [{ shape: [0, 3] }, { whole: [3, 0] }] });
  });

  it('of convolutions and their gradients', () => {
    check(convolution, (each) => {
      const [, , , inChannels] = each.x;
      const kernel = [...each.kernel, inChannels, each.out];
      const forward = { name: 'Conv2D', ...settingsOf(each), inputs: [{ shape: each.x }, { shape: kernel }] };
      expectReal(forward);
      const dy = { shape: real(forward).shapes[0]! };
      expectReal({ ...forward, name: 'Conv2DBackpropInput', inputs: [{ whole: each.x }, { shape: kernel }, dy] });
      expectReal({ ...forward, name: 'Conv2DBackpropFilter', inputs: [{ shape: each.x }, { whole: kernel }, dy] });
    });
  });

  it('of depthwise convolutions and their gradients', () => {
    check(convolution, (some) => {
      const each = { ...some, stride: [some.stride[0], some.stride[0]] as [number, number] };
      const kernel = [...each.kernel, each.x[3], each.out];
      const inputs = [{ shape: each.x }, { shape: kernel }];
      const forward = { name: 'DepthwiseConv2dNative', ...settingsOf(each), inputs };
      expectReal(forward);
      const dy = { shape: real(forward).shapes[0]! };
      const toInput = [{ whole: each.x }, { shape: kernel }, dy];
      expectReal({ ...forward, name: 'DepthwiseConv2dNativeBackpropInput', inputs: toInput });
      const toKernel = [{ shape: each.x }, { whole: kernel }, dy];
      expectReal({ ...forward, name: 'DepthwiseConv2dNativeBackpropFilter', inputs: toKernel });
    });
  });

  it('of crops and their gradient', () => {
    const strings = { method: 'bilinear' };
    check(fc.tuple(image, fc.integer({ min: 1, max: 5 }), side, side), ([x, count, height, width]) => {
      const [boxes, on] = [{ shape: [count, 4] }, { whole: new Array<number>(count).fill(0) }];
      expectReal({ name: 'CropAndResize', strings, inputs: [{ shape: x }, boxes, on, { whole: [height, width] }] });
      const dy = { shape: [count, height, width, x[3]] };
      expectReal({ name: 'CropAndResizeGradImage', strings, inputs: [dy, boxes, on, { whole: x }] });
    });
  });

  it('of convolutions are left to TensorFlow where they are dilated', () => {
    const settings = {
      strings: { data_format: 'NHWC', padding: 'VALID' },
      ints: { strides: [1, 1, 1, 1], dilations: [1, 2, 2, 1] },
    };
    for (const name of ['Conv2D', 'DepthwiseConv2dNative']) {
      const operation = { name, ...settings, inputs: [{ shape: [1, 9, 9, 2] }, { shape: [3, 3, 2, 1] }] };
      expect(predicted(operation)).toBeNull();
      expect(real(operation).shapes[0]!.slice(0, 3)).toEqual([1, 5, 5]);
    }
  });

  it('of BatchNorm and its gradient, of BiasAdd and of the gradient of pooling', () => {
    const strings = { data_format: 'NHWC' };
    check(fc.tuple(image, fc.integer({ min: 1, max: 3 }), fc.constantFrom('SAME', 'VALID')), ([x, size, padding]) => {
      const vector = { shape: [x[3]] };
      const norm = { types: ['T', 'U'], strings, bools: { is_training: true } };
      expectReal({
        name: 'FusedBatchNormV3',
        ...norm,
        inputs: [{ shape: x }, ...Array.from({ length: 4 }, () => vector)],
        outputs: 6,
      });
      const saved = [vector, vector, vector, vector];
      expectReal({ name: 'FusedBatchNormGradV3', ...norm, inputs: [{ shape: x }, { shape: x }, ...saved], outputs: 5 });
      expectReal({ name: 'BiasAdd', strings, inputs: [{ shape: x }, vector] });
      if (padding === 'VALID' && Math.min(x[1], x[2]) < size) return;
      const pool = { strings: { ...strings, padding }, ints: { ksize: [1, size, size, 1], strides: [1, 2, 2, 1] } };
      const y = { shape: real({ name: 'MaxPool', ...pool, inputs: [{ shape: x }] }).shapes[0]! };
      expectReal({ name: 'MaxPoolGrad', ...pool, inputs: [{ shape: x }, y, y] });
    });
  });

  it("of graft's own kernels", () => {
    const kernel = { side: fc.constantFrom(3, 5), stride: fc.constantFrom(1, 2) };
    check(fc.tuple(image, fc.record(kernel)), ([x, { side: length, stride }]) => {
      const vector = { shape: [x[3]] };
      const norm = { types: [], floats: { epsilon: 1e-3, factor: 0.1 }, ints: { activation: 2 } };
      const vectors = Array.from({ length: 4 }, () => vector);
      expectReal({ name: 'GraftBatchNorm', ...norm, inputs: [{ shape: x }, ...vectors], outputs: 5 });
      expectReal({ name: 'GraftBatchNormGrad', ...norm, inputs: [{ shape: x }, { shape: x }, ...vectors], outputs: 3 });
      // SAME: each output has a place, and half the kernel hangs over each edge.
      const pads = { stride, top: (length - 1) / 2, left: (length - 1) / 2 };
      const [height, width] = [Math.ceil(x[1] / stride), Math.ceil(x[2] / stride)];
      const [weights, dy] = [{ shape: [length, length, x[3], 1] }, { shape: [x[0], height, width, x[3]] }];
      const depthwise = { types: [], ints: pads };
      expectReal({
        name: 'GraftDepthwise',
        ...depthwise,
        inputs: [{ shape: x }, weights, { whole: [height, width] }],
      });
      expectReal({ name: 'GraftDepthwiseInputGrad', ...depthwise, inputs: [dy, weights, { shape: x }] });
      expectReal({ name: 'GraftDepthwiseKernelGrad', ...depthwise, inputs: [{ shape: x }, dy, weights] });
      const [pixel, out] = [{ shape: [1, 1, x[3], length] }, { shape: [x[0], height, width, length] }];
      const pointwise = { types: [], ints: { stride } };
      expectReal({ name: 'GraftPointwise', ...pointwise, inputs: [{ shape: x }, pixel] });
      expectReal({ name: 'GraftPointwiseInputGrad', ...pointwise, inputs: [out, pixel, { shape: x }] });
      expectReal({ name: 'GraftPointwiseKernelGrad', ...pointwise, inputs: [{ shape: x }, out, pixel] });
      const dense = { shape: [length, length, x[3], 2] };
      const out2 = { shape: [x[0], height, width, 2] };
      expectReal({ name: 'GraftPatchesKernelGrad', ...depthwise, inputs: [{ shape: x }, out2, dense] });
      const [pooled, window] = [{ shape: [x[0], height, width, x[3]] }, { window: length, ...pads }];
      expectReal({ name: 'GraftMaxPoolGrad', types: [], ints: window, inputs: [{ shape: x }, pooled, pooled] });
      const [square, same] = [{ shape: [3, 3, x[3], length] }, { shape: [...x.slice(0, 3), length] }];
      expectReal({ name: 'GraftWinograd', types: [], inputs: [{ shape: x }, square] });
      expectReal({ name: 'GraftWinogradInputGrad', types: [], inputs: [same, square, { shape: x }] });
      expectReal({ name: 'GraftWinogradKernelGrad', types: [], inputs: [{ shape: x }, same, square] });
    });
  });

  it('are all tried here', () => {
    expect([...tried].sort()).toEqual(Object.keys(shapeRules).sort());
  });
});
