import type { Attribute } from '../native/backend.ts';

/** What is known of a tensor while a program is recorded. */
export interface Meta {
  readonly shape: readonly number[];
  readonly dtype: number;
}

export interface ShapeQuestion {
  readonly inputs: readonly Meta[];
  readonly attributes: readonly Attribute[];
  /** The whole numbers of a constant input. */
  constant(index: number): readonly number[];
}

/** Shapes of all outputs; null where the rule does not cover the case. All outputs have the first float input's type. */
export type ShapeRule = (question: ShapeQuestion) => readonly (readonly number[])[] | null;

const sameAs =
  (index: number): ShapeRule =>
  ({ inputs }) => [inputs[index]?.shape ?? []];

/**
 * Shapes of the operations that touch large tensors, from their inputs' shapes: so recording a step computes nothing and
 * takes no memory. Operations without a rule run once, on zeros.
 */
export const shapeRules: Readonly<Record<string, ShapeRule>> = {
  Relu: sameAs(0),
  Relu6: sameAs(0),
  ReluGrad: sameAs(0),
  Relu6Grad: sameAs(0),
  BiasAdd: sameAs(0),
  Square: sameAs(0),
  Sqrt: sameAs(0),
  Rsqrt: sameAs(0),
  Neg: sameAs(0),
  MaxPoolGrad: sameAs(0),
  GraftMaxPoolGrad: sameAs(0),
  Mul: broadcast,
  Add: broadcast,
  AddV2: broadcast,
  Sub: broadcast,
  RealDiv: broadcast,
  MatMul: matMul,
  Reshape: (question) => reshape(question),
  Conv2D: (question) => convolution(question, 3),
  DepthwiseConv2dNative: depthwise,
  Conv2DBackpropInput: (question) => [question.constant(0)],
  DepthwiseConv2dNativeBackpropInput: (question) => [question.constant(0)],
  Conv2DBackpropFilter: (question) => [question.constant(1)],
  DepthwiseConv2dNativeBackpropFilter: (question) => [question.constant(1)],
  CropAndResize: (question) => {
    const [height = 0, width = 0] = question.constant(3);
    return [[question.inputs[1]?.shape[0] ?? 0, height, width, question.inputs[0]?.shape[3] ?? 0]];
  },
  CropAndResizeGradImage: (question) => [question.constant(3)],
  FusedBatchNormV3: ({ inputs }) => {
    const x = inputs[0]?.shape ?? [];
    const channels = [x.at(-1) ?? 1];
    // The last is what a GPU's kernel keeps for its gradient; a CPU's keeps nothing there.
    return [x, channels, channels, channels, channels, [0]];
  },
  GraftBatchNorm: ({ inputs }) => {
    const [x, gamma] = inputs.map(({ shape }) => shape);
    return [x ?? [], ...[1, 2, 3, 4].map(() => gamma ?? [])];
  },
  GraftBatchNormGrad: ({ inputs }) => [inputs[1]?.shape ?? [], inputs[2]?.shape ?? [], inputs[2]?.shape ?? []],
  GraftDepthwise: ({ inputs, constant }) => {
    const [batch = 1, , , channels = 1] = inputs[0]?.shape ?? [];
    return [[batch, ...constant(2), channels]];
  },
  GraftDepthwiseInputGrad: sameAs(2),
  GraftDepthwiseKernelGrad: sameAs(2),
  GraftPointwise: ({ inputs, attributes }) => {
    const [[batch = 1, height = 1, width = 1] = [], kernel] = inputs.map(({ shape }) => shape);
    const stride = Number(attributes.find(({ name }) => name === 'stride')?.value);
    return [[batch, Math.ceil(height / stride), Math.ceil(width / stride), kernel?.[3] ?? 1]];
  },
  GraftPointwiseInputGrad: sameAs(2),
  GraftPointwiseKernelGrad: sameAs(2),
  GraftWinograd: ({ inputs }) => [[...(inputs[0]?.shape.slice(0, 3) ?? []), inputs[1]?.shape[3] ?? 1]],
  GraftPatchesKernelGrad: sameAs(2),
  GraftWinogradInputGrad: sameAs(2),
  GraftWinogradKernelGrad: sameAs(2),
  FusedBatchNormGradV3: ({ inputs }) => {
    const x = inputs[1]?.shape ?? [];
    const channels = [x.at(-1) ?? 1];
    return [x, channels, channels, [], []];
  },
};

/** NumPy's rule: trailing sides equal, or one. */
function broadcast({ inputs }: ShapeQuestion): readonly (readonly number[])[] | null {
  const [a = [], b = []] = inputs.map(({ shape }) => shape);
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let back = rank; back >= 1; back--) {
    const [left, right] = [a.at(-back) ?? 1, b.at(-back) ?? 1];
    if (left !== right && left !== 1 && right !== 1) return null;
    out.push(left === 1 ? right : left);
  }
  return [out];
}

function matMul({ inputs, attributes }: ShapeQuestion): readonly (readonly number[])[] | null {
  const [a, b] = inputs.map(({ shape }) => shape);
  if (a?.length !== 2 || b?.length !== 2) return null;
  const flag = (name: string): boolean => attributes.find((attribute) => attribute.name === name)?.value === true;
  const [rows = 0] = flag('transpose_a') ? a.slice(1) : a;
  const [columns = 0] = flag('transpose_b') ? b : b.slice(1);
  return [[rows, columns]];
}

function reshape({ inputs, constant }: ShapeQuestion): readonly (readonly number[])[] {
  const wanted = constant(1);
  const size = (inputs[0]?.shape ?? []).reduce((product, side) => product * side, 1);
  const known = wanted.reduce((product, side) => (side < 0 ? product : product * side), 1);
  return [wanted.map((side) => (side < 0 ? size / known : side))];
}

function depthwise(question: ShapeQuestion): readonly (readonly number[])[] | null {
  const [, kernel] = question.inputs;
  const plain = convolution(question, 3);
  if (plain === null || kernel === undefined) return null;
  const [shape = []] = plain;
  return [[...shape.slice(0, 3), (kernel.shape[2] ?? 1) * (kernel.shape[3] ?? 1)]];
}

/** NHWC only: [batch, ⌈(height + pads − kernel + 1)/stride⌉, …, out]; SAME gives ⌈height/stride⌉. */
function convolution(question: ShapeQuestion, outAxis: number): readonly (readonly number[])[] | null {
  const [x, kernel] = question.inputs.map(({ shape }) => shape);
  const attribute = (name: string) => question.attributes.find((each) => each.name === name)?.value;
  const strides = attribute('strides');
  const dilations = attribute('dilations');
  if (x?.length !== 4 || kernel?.length !== 4 || !Array.isArray(strides)) return null;
  if (attribute('data_format') !== 'NHWC' || (Array.isArray(dilations) && dilations.some((d) => d !== 1))) return null;
  const padding = attribute('padding');
  const explicit = attribute('explicit_paddings');
  const side = (axis: number): number => {
    const [length = 0, size = 1, stride] = [x[axis], kernel[axis - 1], Number(strides[axis])];
    if (padding === 'SAME') return Math.ceil(length / stride);
    const pads = padding === 'EXPLICIT' && Array.isArray(explicit) ? explicit.slice(2 * axis, 2 * axis + 2) : [0, 0];
    const padded = length + Number(pads[0]) + Number(pads[1]);
    return Math.ceil((padded - size + 1) / stride);
  };
  return [[x[0] ?? 1, side(1), side(2), kernel[outAxis] ?? 1]];
}
