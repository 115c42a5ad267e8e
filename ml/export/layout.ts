/** Axes of [batch, height, width, channels], in the order [batch, channels, height, width]. */
export const TO_CHANNELS_FIRST = [0, 3, 1, 2] as const;
export const TO_CHANNELS_LAST = [0, 2, 3, 1] as const;

/** Where an axis of a channels-last array lies when channels come first; negative ones count from the end. */
export function channelsFirstAxis(axis: number): number {
  const [place = -1] = [0, 2, 3, 1].slice(axis < 0 ? axis + 4 : axis);
  return place;
}

/** Turns the axes of a row-major array: side i of the result is side `order[i]` of the source. */
export function transposed<T extends Float32Array | Uint16Array | Int8Array>(
  values: T,
  shape: readonly number[],
  order: readonly number[],
  make: (length: number) => T,
): { readonly values: T; readonly shape: readonly number[] } {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1));
  const sides = order.map((axis) => shape[axis] ?? 1);
  const steps = order.map((axis) => strides[axis] ?? 1);
  const out = make(values.length);
  const at = new Array<number>(sides.length).fill(0);
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = values[from] ?? 0;
    for (let axis = sides.length - 1; axis >= 0; axis--) {
      from += steps[axis] ?? 0;
      at[axis] = (at[axis] ?? 0) + 1;
      if ((at[axis] ?? 0) < (sides[axis] ?? 1)) break;
      from -= (steps[axis] ?? 0) * (sides[axis] ?? 1);
      at[axis] = 0;
    }
  }
  return { values: out, shape: sides };
}
