/** Element types, named as in safetensors. F64, BF16 and the smaller integers are for reading what others wrote. */
export type SafeDType = 'BOOL' | 'U8' | 'I8' | 'I16' | 'F16' | 'BF16' | 'I32' | 'F32' | 'I64' | 'F64';

const ELEMENT_BYTES: Readonly<Record<SafeDType, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  F32: 4,
  I64: 8,
  F64: 8,
};

/** A dense row-major tensor as bytes: little-endian, `data.length` = product of `shape` × element size. */
export interface TensorData {
  readonly dtype: SafeDType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

export function isSafeDType(text: string): text is SafeDType {
  return Object.hasOwn(ELEMENT_BYTES, text);
}

export function elementBytes(dtype: SafeDType): number {
  return ELEMENT_BYTES[dtype];
}

/** Number of elements of a shape: 1 for a scalar (`[]`). NaN where a dimension is not a whole number ≥ 0 or the product is not exact. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (!Number.isSafeInteger(size) || size < 0 || !Number.isSafeInteger(count)) return Number.NaN;
  }
  return count;
}

/** Float32 values as a tensor, without a copy. Throws where the shape does not fit: a programming error. */
export function float32Tensor(values: Float32Array, shape: readonly number[]): TensorData {
  if (elementCount(shape) !== values.length) throw new Error(`${values.length} values for shape [${shape.join(', ')}]`);
  return { dtype: 'F32', shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** Int32 values as a tensor, without a copy. */
export function int32Tensor(values: Int32Array, shape: readonly number[]): TensorData {
  if (elementCount(shape) !== values.length) throw new Error(`${values.length} values for shape [${shape.join(', ')}]`);
  return { dtype: 'I32', shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** A view of F32 data where it is aligned, else a copy. Throws on another type: convert with `toFloat32` instead. */
export function asFloat32(tensor: TensorData): Float32Array {
  if (tensor.dtype !== 'F32') throw new Error(`${tensor.dtype} is not F32`);
  const bytes = aligned(tensor.data, 4);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** A view of I32 data where it is aligned, else a copy. */
export function asInt32(tensor: TensorData): Int32Array {
  if (tensor.dtype !== 'I32') throw new Error(`${tensor.dtype} is not I32`);
  const bytes = aligned(tensor.data, 4);
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** Any element type as float32: widened or rounded to nearest; int64 through double precision. A copy unless F32 and aligned. */
export function toFloat32(tensor: TensorData): Float32Array {
  if (tensor.dtype === 'F32') return asFloat32(tensor);
  const { data, dtype } = tensor;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const step = elementBytes(dtype);
  const read = readers[dtype];
  const values = new Float32Array(data.byteLength / step);
  for (let i = 0; i < values.length; i++) values[i] = read(view, i * step);
  return values;
}

const readers: Readonly<Record<SafeDType, (view: DataView, at: number) => number>> = {
  BOOL: (view, at) => view.getUint8(at),
  U8: (view, at) => view.getUint8(at),
  I8: (view, at) => view.getInt8(at),
  I16: (view, at) => view.getInt16(at, true),
  F16: (view, at) => halfToNumber(view.getUint16(at, true)),
  BF16: (view, at) => bfloat16ToNumber(view.getUint16(at, true)),
  I32: (view, at) => view.getInt32(at, true),
  F32: (view, at) => view.getFloat32(at, true),
  I64: (view, at) => Number(view.getBigInt64(at, true)),
  F64: (view, at) => view.getFloat64(at, true),
};

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The upper half of an IEEE 754 binary32. */
export function bfloat16ToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, (bits << 16) >>> 0);
  return view.getFloat32(0);
}

function aligned(bytes: Uint8Array, alignment: number): Uint8Array {
  // Not slice(): a Node Buffer's gives a view.
  return bytes.byteOffset % alignment === 0 ? bytes : new Uint8Array(bytes);
}
