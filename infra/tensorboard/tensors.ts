/** tensorboard.TensorProto of the kinds that summaries need (tensorboard/compat/proto/{tensor,types}.proto). */
const dtype = { float: 1, double: 2, string: 7 } as const;

interface TensorMessage extends Readonly<Record<string, unknown>> {
  readonly dtype: number;
}

export function scalarTensor(value: number): TensorMessage {
  return { dtype: dtype.float, tensorShape: {}, floatVal: [value] };
}

/** Row-major values; the machine's bytes, which are little-endian wherever graft runs. */
export function floats(values: Float32Array, shape: readonly number[]): TensorMessage {
  return { dtype: dtype.float, tensorShape: shapeOf(shape), ...contentOf(values) };
}

export function doubles(values: Float64Array, shape: readonly number[]): TensorMessage {
  return { dtype: dtype.double, tensorShape: shapeOf(shape), ...contentOf(values) };
}

export function strings(values: readonly Uint8Array[], shape: readonly number[]): TensorMessage {
  return { dtype: dtype.string, tensorShape: shapeOf(shape), stringVal: values };
}

const shapeOf = (shape: readonly number[]) => ({
  dim: shape.map((size) => (size === 0 ? {} : { size })),
});

function contentOf(values: Float32Array | Float64Array) {
  if (values.length === 0) return {};
  return { tensorContent: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}
