import type { PreparedImage } from '../../contracts/manifests.ts';
import { text } from '../engine/nodes.ts';
import type { FunctionDef } from '../engine/saved-model.ts';
import { DT } from './element-types.ts';
import { FunctionBody } from './function-body.ts';
import type { Value } from './function-body.ts';

export const PICTURE_FUNCTION = 'graft_picture';

/** Binary places of coefficients, and of what goes from the first pass to the second (infra/images/resample/kernel.ts). */
const PLACES = 14;
const PLACES_BETWEEN = 6;

/** One axis of the resize, as scalars: sides and place of the picture in its frame. */
interface Axis {
  readonly from: Value;
  readonly fromPx: Value;
  readonly to: Value;
  readonly factor: Value;
  /** Where the picture begins in the frame. */
  readonly at: Value;
  readonly framePx: number;
}

/**
 * bytes of a JPEG or PNG → uint8 [height, width, channels], in TensorFlow's own operations: what infra/images does,
 * number by number (libjpeg-turbo's fast DCT; Catmull–Rom with antialiasing in whole numbers, down first, then
 * across; Rec. 601 luma for gray). It does not turn pictures by EXIF, and PNG loses its alpha instead of lying over black.
 * With `places` it also gives `scale` and `shift`, float32 [4] each: a box (ymin, xmin, ymax, xmax) in shares of the frame,
 * scaled and shifted, is in shares of the picture.
 */
export function pictureFunction(image: PreparedImage, { places }: { readonly places: boolean }): FunctionDef {
  const body = new FunctionBody();
  const decoded = body.op('DecodeJpeg', 'image', ['bytes'], {
    ...{ channels: { i: 3 }, ratio: { i: 1 }, fancy_upscaling: { b: true }, try_recover_truncated: { b: false } },
    ...{ acceptable_fraction: { f: 1 }, dct_method: text('INTEGER_FAST') },
  });
  const shape = body.op('Shape', 'output', [decoded], { T: { type: DT.uint8 }, out_type: { type: DT.int32 } });
  const axes = axesOf(body, side(body, shape, 0), side(body, shape, 1), image);
  const resized = resize(body, decoded, axes, image);
  const pixels = body.cast(image.channels === 3 ? resized : luma(body, resized), DT.double, DT.uint8);
  const back = places ? wayBack(body, axes) : {};
  return {
    signature: {
      name: PICTURE_FUNCTION,
      inputArg: [{ name: 'bytes', type: DT.string }],
      outputArg: [
        { name: 'pixels', type: DT.uint8 },
        ...(places ? ['scale', 'shift'].map((name) => ({ name, type: DT.float })) : []),
      ],
    },
    nodeDef: body.nodes,
    ret: { pixels, ...back },
  };
}

/** `boxInPicture` of core/dataset/framing.ts for shares: how a box of the frame is scaled and shifted. */
function wayBack(
  body: FunctionBody,
  [down, across]: readonly [Axis, Axis],
): Readonly<Record<'scale' | 'shift', Value>> {
  const scaleOf = ({ from, factor, framePx }: Axis): Value => body.div(body.mul(body.number(framePx), factor), from);
  const shiftOf = ({ from, factor, to, at }: Axis): Value => {
    const middle = body.add(at, body.div(to, body.number(2)));
    return body.sub(body.number(0.5), body.div(body.mul(middle, factor), from));
  };
  const edges = (of: (axis: Axis) => Value): Value => {
    const [y, x] = [of(down), of(across)];
    const packed = { T: { type: DT.double }, N: { i: 4 }, axis: { i: 0 } };
    return body.cast(body.op('Pack', 'output', [y, x, y, x], packed), DT.double, DT.float);
  };
  return { scale: edges(scaleOf), shift: edges(shiftOf) };
}

function resize(
  body: FunctionBody,
  decoded: Value,
  [down, across]: readonly [Axis, Axis],
  { heightPx, widthPx }: PreparedImage,
): Value {
  const rows = body.cast(coefficients(body, down), DT.double, DT.float);
  const picture = body.cast(decoded, DT.uint8, DT.float);
  const flat = body.reshape(picture, body.pack([down.fromPx, body.integer(-1)]), DT.float);
  // Whole numbers below 2^24: exact in single precision. Across they grow beyond it.
  const summed = body.cast(body.matMul(rows, flat, DT.float), DT.float, DT.double);
  const between = shiftRight(body, summed, PLACES - PLACES_BETWEEN);
  const boxes = body.reshape(between, body.pack([body.integer(heightPx), across.fromPx, body.integer(3)]), DT.double);
  const columns = body.reshape(
    body.transpose(boxes, [1, 0, 2], DT.double),
    body.pack([across.fromPx, body.integer(3 * heightPx)]),
    DT.double,
  );
  const wide = body.matMul(coefficients(body, across), columns, DT.double);
  const result = shiftRight(body, wide, PLACES + PLACES_BETWEEN);
  const turned = body.reshape(result, body.integers([widthPx, heightPx, 3]), DT.double);
  const clamped = body.max(body.min(turned, body.number(255)), body.number(0));
  return body.transpose(clamped, [1, 0, 2], DT.double);
}

/** ⌊(x + 2^(bits − 1)) / 2^bits⌋. */
const shiftRight = (body: FunctionBody, x: Value, bits: number): Value =>
  body.floor(body.mul(body.add(x, body.number(2 ** (bits - 1))), body.number(2 ** -bits)));

function side(body: FunctionBody, shape: Value, index: number): Value {
  const at = body.integer(index);
  const attr = { Tparams: { type: DT.int32 }, Tindices: { type: DT.int32 }, Taxis: { type: DT.int32 } };
  return body.op('GatherV2', 'output', [shape, at, body.integer(0)], attr);
}

/** `placementOf` of core/dataset/framing.ts. */
function axesOf(body: FunctionBody, height: Value, width: Value, image: PreparedImage): readonly [Axis, Axis] {
  const sides = [
    { fromPx: height, from: body.cast(height, DT.int32, DT.double), framePx: image.heightPx },
    { fromPx: width, from: body.cast(width, DT.int32, DT.double), framePx: image.widthPx },
  ] as const;
  const own = sides.map(({ from, framePx }) => body.div(from, body.number(framePx)));
  const [a = '', b = ''] = own;
  const shared = sharedFactor(body, [a, b], sides, image);
  const bordered = image.resize === 'pad' || image.resize === 'keep-aspect';
  const axis = (index: 0 | 1): Axis => {
    const { framePx } = sides[index];
    const frame = body.number(framePx);
    const factor = image.resize === 'stretch' ? (own[index] ?? '') : shared;
    if (!bordered) return { ...sides[index], to: frame, factor, at: body.number(0) };
    const fitting = body.round(body.div(sides[index].from, factor));
    const to = body.max(body.number(1), body.min(frame, fitting));
    const at = body.floor(body.div(body.sub(frame, to), body.number(2)));
    return { ...sides[index], to, factor, at };
  };
  return [axis(0), axis(1)];
}

/** `sharedFactor` of core/dataset/framing.ts; of no account where pictures are stretched. */
function sharedFactor(
  body: FunctionBody,
  [down, across]: readonly [Value, Value],
  [height, width]: readonly [{ readonly from: Value }, { readonly from: Value }],
  { resize, keepAspect }: PreparedImage,
): Value {
  if (resize === 'crop') return body.min(down, across);
  const fitting = body.max(down, across);
  if (resize !== 'keep-aspect' || keepAspect === undefined) return fitting;
  const short = body.div(body.min(height.from, width.from), body.number(keepAspect.minPx));
  const long = body.div(body.max(height.from, width.from), body.number(keepAspect.maxPx));
  return body.max(fitting, body.max(short, long));
}

/** [framePx, fromPx]: `planOf` of infra/images/resample/coefficients.ts as a matrix; noughts where the frame is empty. */
function coefficients(body: FunctionBody, { from, fromPx, to, factor, at, framePx }: Axis): Value {
  const [half, two] = [body.number(0.5), body.number(2)];
  const frame = body.reshape(body.range(body.integer(framePx)), body.integers([framePx, 1]), DT.double);
  const place = body.sub(frame, at);
  const centre = body.add(body.mul(body.sub(body.add(place, half), body.div(to, two)), factor), body.div(from, two));
  const source = body.add(body.range(fromPx), half);
  const scale = body.max(body.number(1), factor);
  const raw = catmullRom(body, body.abs(body.div(body.sub(source, centre), scale)));
  const one = body.number(2 ** PLACES);
  // Away from the picture the sum is nought: such rows are left out below.
  const sum = body.sum(raw, 1);
  const whole = body.round(body.div(body.mul(raw, one), sum));
  const rest = body.sub(one, body.sum(whole, 1));
  const attr = { T: { type: DT.double }, Tidx: { type: DT.int32 }, output_type: { type: DT.int32 } };
  const largest = body.op('ArgMax', 'output', [whole, body.integer(1)], attr);
  const hot = body.op('OneHot', 'output', [largest, fromPx, body.number(1), body.number(0)], {
    ...{ T: { type: DT.double }, TI: { type: DT.int32 }, axis: { i: -1 } },
  });
  const rows = body.add(whole, body.mul(hot, rest));
  const zero = body.number(0);
  const within = body.select(body.less(place, zero), zero, body.select(body.less(place, to), body.number(1), zero));
  return body.select(body.less(zero, within), rows, body.mul(raw, zero));
}

/** Keys' cubic with a = −½ of a distance. */
function catmullRom(body: FunctionBody, d: Value): Value {
  const n = (value: number): Value => body.number(value);
  const near = body.add(body.mul(body.mul(body.sub(body.mul(n(1.5), d), n(2.5)), d), d), n(1));
  const inner = body.sub(body.mul(body.add(body.mul(n(-0.5), d), n(2.5)), d), n(4));
  const far = body.add(body.mul(inner, d), n(2));
  return body.select(body.less(d, n(1)), near, body.select(body.less(d, n(2)), far, n(0)));
}

/** [height, width, 3] → [height, width, 1]: ⌊(299 R + 587 G + 114 B + 500) / 1000⌋. */
function luma(body: FunctionBody, rgb: Value): Value {
  const share = (channel: number, weight: number): Value => {
    const attr = { Tparams: { type: DT.double }, Tindices: { type: DT.int32 }, Taxis: { type: DT.int32 } };
    const one = body.op('GatherV2', 'output', [rgb, body.integers([channel]), body.integer(2)], attr);
    return body.mul(one, body.number(weight));
  };
  const sum = body.add(body.add(share(0, 299), share(1, 587)), share(2, 114));
  return body.floor(body.div(body.add(sum, body.number(500)), body.number(1000)));
}
