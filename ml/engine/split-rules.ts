import type { RecordedOperation, Ref } from './recorder.ts';
import type { Splitter, Value } from './split-batch.ts';

/** What becomes of an operation whose batch is in parts; null where it takes it whole after all. */
export type SplitRule = (
  operation: RecordedOperation,
  inputs: readonly Value[],
  splitter: Splitter,
) => readonly Value[] | null;

type Cut = (inputs: readonly Value[], operation: RecordedOperation) => readonly number[];

const at =
  (...indexes: number[]): Cut =>
  () =>
    indexes;
const everywhere: Cut = (inputs) => inputs.map((_, index) => index);
/** The inputs that have the output's batch; the others are the same for every picture. */
const withTheBatch: Cut = (inputs, { outputShapes: [out = []] }) =>
  inputs.flatMap(({ shape }, index) => (shape.length === out.length && shape[0] === out[0] ? [index] : []));

/** The operation once a part, on these inputs' parts and the others whole; the refs by output, then by part. */
function eachPart(
  operation: RecordedOperation,
  inputs: readonly Value[],
  splitter: Splitter,
  {
    cut,
    outputShapes,
    replaced = {},
  }: {
    readonly cut: readonly number[];
    readonly outputShapes: readonly (readonly number[])[];
    /** Other refs in the place of inputs. */
    readonly replaced?: Readonly<Record<number, Ref>>;
  },
): Ref[][] | null {
  const taken = cut.map((index) => inputs[index]);
  if (taken.length === 0 || taken.some((value) => !value || !splitter.divides(value))) return null;
  const byPart = Array.from({ length: splitter.parts }, (_, part) => {
    const refs = inputs.map((value, index) => {
      if (cut.includes(index)) return { ref: splitter.part(value, part), shape: splitter.partShape(value.shape) };
      return { ref: replaced[index] ?? splitter.whole(value), shape: value.shape };
    });
    return splitter.add(operation.name, operation.attributes, refs, outputShapes);
  });
  return outputShapes.map((_, output) => byPart.flatMap((refs) => refs[output] ?? []));
}

/** Picture by picture: the output's batch is in the same parts. */
const along =
  (cutOf: Cut): SplitRule =>
  (operation, inputs, splitter) => {
    const { outputShapes } = operation;
    if (outputShapes.some((shape) => !splitter.divides({ shape }))) return null;
    const shapes = outputShapes.map((shape) => splitter.partShape(shape));
    const refs = eachPart(operation, inputs, splitter, { cut: cutOf(inputs, operation), outputShapes: shapes });
    return refs && refs.map((parts, index) => ({ shape: outputShapes[index] ?? [], whole: null, parts }));
  };

/** A sum over the batch: the parts' sums, added up. */
const summed =
  (cutOf: Cut): SplitRule =>
  (operation, inputs, splitter) => {
    const [shape = []] = operation.outputShapes;
    const refs = eachPart(operation, inputs, splitter, { cut: cutOf(inputs, operation), outputShapes: [shape] });
    return refs && [{ shape, whole: splitter.sum(refs[0] ?? [], shape), parts: null }];
  };

/** As `along`, for an operation that is told the output's sides by input `sizes`. */
const sized =
  (sizes: number, cutOf: Cut): SplitRule =>
  (operation, inputs, splitter) => {
    const [shape = []] = operation.outputShapes;
    const told = inputs[sizes];
    if (!told || splitter.constant(told) === null || !splitter.divides({ shape })) return null;
    const size = splitter.partShape(shape);
    const replaced = { [sizes]: splitter.ints(size) };
    const cut = cutOf(inputs, operation);
    const refs = eachPart(operation, inputs, splitter, { cut, outputShapes: [size], replaced });
    return refs && [{ shape, whole: null, parts: refs[0] ?? [] }];
  };

/** Over axes that input 1 names: without the first each picture has its own. */
const reduction: SplitRule = (operation, inputs, splitter) => {
  const axes = inputs[1] && splitter.constant(inputs[1]);
  if (!axes) return null;
  const rank = inputs[0]?.shape.length ?? 0;
  const overBatch = axes.some((axis) => axis === 0 || axis === -rank);
  if (!overBatch) return along(at(0))(operation, inputs, splitter);
  return operation.name === 'Sum' ? summed(at(0))(operation, inputs, splitter) : null;
};

const matMul: SplitRule = (operation, inputs, splitter) => {
  const flag = (name: string): boolean => operation.attributes.find((each) => each.name === name)?.value === true;
  if (!flag('transpose_a')) return inputs[1]?.parts ? null : along(at(0))(operation, inputs, splitter);
  return flag('transpose_b') ? null : summed(at(0, 1))(operation, inputs, splitter);
};

/** Along the first axis, where a constant input says that nothing is done to it. */
const untouched =
  (
    told: (inputs: readonly Value[]) => Value | undefined,
    isFine: (values: readonly number[]) => boolean,
    cut = at(0),
  ): SplitRule =>
  (operation, inputs, splitter) => {
    const value = told(inputs);
    const values = value && splitter.constant(value);
    return values && isFine(values) ? along(cut)(operation, inputs, splitter) : null;
  };
const input =
  (index: number) =>
  (inputs: readonly Value[]): Value | undefined =>
    inputs.at(index);
const allButLast: Cut = (inputs) => inputs.slice(0, -1).map((_, index) => index);

/** Moments of each part, merged; then each part by itself (infra/native/kernels/batch-norm-parts.cc). */
const batchNorm: SplitRule = ({ attributes }, inputs, splitter) => {
  const [x, gamma, beta, movingMean, movingVariance] = inputs;
  if (!x || !gamma || !beta || !movingMean || !movingVariance || !splitter.divides(x)) return null;
  const { shape: vector } = gamma;
  const shape = splitter.partShape(x.shape);
  const all = [...attributes, splitter.integer('rows', rowsOf(shape))];
  const ask = (value: Value) => ({ ref: splitter.whole(value), shape: value.shape });
  const parts = partsOf(x, splitter, shape);
  const moments = parts.map((part) => splitter.add('GraftBatchNormMoments', all, [part], [vector, vector]));
  const [means, spreads] = [0, 1].map((output) => vectors(moments, output, vector));
  const merged = splitter.add(
    'GraftBatchNormMerge',
    [...all, splitter.integer('parts', splitter.parts)],
    [...(means ?? []), ...(spreads ?? []), ask(movingMean), ask(movingVariance)],
    [vector, vector, vector, vector],
  );
  const [mean, inverse, newMean, newVariance] = merged;
  if (!mean || !inverse || !newMean || !newVariance) return null;
  const shared = [ask(gamma), ask(beta), { ref: mean, shape: vector }, { ref: inverse, shape: vector }];
  const y = parts.flatMap((part) => splitter.add('GraftBatchNormPart', all, [part, ...shared], [shape]));
  const plain = [newMean, newVariance, mean, inverse].map((whole) => ({ shape: vector, whole, parts: null }));
  return [{ shape: x.shape, whole: null, parts: y }, ...plain];
};

const batchNormGradient: SplitRule = ({ attributes }, inputs, splitter) => {
  const [dy, x, gamma, beta, mean, inverse] = inputs;
  if (!dy || !x || !gamma || !beta || !mean || !inverse || !splitter.divides(x)) return null;
  const { shape: vector } = gamma;
  const shape = splitter.partShape(x.shape);
  const all = [...attributes, splitter.integer('rows', rowsOf(shape))];
  const shared = [gamma, beta, mean, inverse].map((value) => ({ ref: splitter.whole(value), shape: value.shape }));
  const dys = partsOf(dy, splitter, shape);
  const xs = partsOf(x, splitter, shape);
  const pairs = dys.map((each, part) => [each, ...xs.slice(part, part + 1), ...shared]);
  const sums = pairs.map((pair) => splitter.add('GraftBatchNormGradSums', all, pair, [vector, vector]));
  const merged = splitter.add(
    'GraftBatchNormGradMerge',
    [...all, splitter.integer('parts', splitter.parts)],
    [...[0, 1].flatMap((output) => vectors(sums, output, vector)), ...shared.slice(0, 1), ...shared.slice(3)],
    [vector, vector, vector, vector],
  );
  const [dGamma, dBeta, offset, slope] = merged;
  if (!dGamma || !dBeta || !offset || !slope) return null;
  const taken = [offset, slope].map((ref) => ({ ref, shape: vector }));
  const dx = pairs.flatMap((pair) => splitter.add('GraftBatchNormGradPart', all, [...pair, ...taken], [shape]));
  const plain = [dGamma, dBeta].map((whole) => ({ shape: vector, whole, parts: null }));
  return [{ shape: x.shape, whole: null, parts: dx }, ...plain];
};

const rowsOf = (shape: readonly number[]): number => shape.slice(0, -1).reduce((product, side) => product * side, 1);

function partsOf(value: Value, splitter: Splitter, shape: readonly number[]): { ref: Ref; shape: readonly number[] }[] {
  return Array.from({ length: splitter.parts }, (_, part) => ({ ref: splitter.part(value, part), shape }));
}

function vectors(byPart: readonly (readonly Ref[])[], output: number, shape: readonly number[]) {
  return byPart.flatMap((refs) => (refs[output] ? [{ ref: refs[output], shape }] : []));
}

/** Operations that can take a batch part by part. All others take it whole: correct, and on one thread. */
export const splitRules: Readonly<Record<string, SplitRule>> = {
  Conv2D: along(at(0)),
  DepthwiseConv2dNative: along(at(0)),
  GraftDepthwise: along(at(0)),
  GraftPointwise: along(at(0)),
  GraftWinograd: along(at(0)),
  Cast: along(at(0)),
  AvgPool: along(at(0)),
  AvgPoolGrad: sized(0, at(1)),
  MaxPool: along(at(0)),
  MaxPoolGrad: along(at(0, 1, 2)),
  GraftMaxPoolGrad: along(at(0, 1, 2)),
  Relu: along(at(0)),
  Relu6: along(at(0)),
  Sigmoid: along(at(0)),
  Square: along(at(0)),
  ReluGrad: along(at(0, 1)),
  Relu6Grad: along(at(0, 1)),
  SigmoidGrad: along(at(0, 1)),
  BiasAdd: along(at(0)),
  BiasAddGrad: summed(at(0)),
  Mul: along(withTheBatch),
  Add: along(withTheBatch),
  AddV2: along(withTheBatch),
  Sub: along(withTheBatch),
  RealDiv: along(withTheBatch),
  AddN: along(everywhere),
  Mean: reduction,
  Sum: reduction,
  Reshape: sized(1, at(0)),
  Tile: untouched(input(1), ([first]) => first === 1),
  Pad: untouched(input(1), ([before, after]) => before === 0 && after === 0),
  PadV2: untouched(input(1), ([before, after]) => before === 0 && after === 0),
  ReverseV2: untouched(input(1), (axes) => axes.every((axis) => axis > 0)),
  ConcatV2: untouched(input(-1), ([axis = 0]) => axis > 0, allButLast),
  SplitV: untouched(input(2), ([axis = 0]) => axis > 0),
  MatMul: matMul,
  Conv2DBackpropInput: sized(0, at(2)),
  DepthwiseConv2dNativeBackpropInput: sized(0, at(2)),
  GraftDepthwiseInputGrad: along(at(0, 2)),
  GraftPointwiseInputGrad: along(at(0, 2)),
  GraftWinogradInputGrad: along(at(0, 2)),
  Conv2DBackpropFilter: summed(at(0, 2)),
  DepthwiseConv2dNativeBackpropFilter: summed(at(0, 2)),
  GraftDepthwiseKernelGrad: summed(at(0, 1)),
  GraftPointwiseKernelGrad: summed(at(0, 1)),
  GraftWinogradKernelGrad: summed(at(0, 1)),
  GraftPatchesKernelGrad: summed(at(0, 1)),
  GraftBatchNorm: batchNorm,
  GraftBatchNormGrad: batchNormGradient,
};
