/** Enough of WebAssembly's binary format (W3C core specification 2.0, §5) to write one module of small SIMD functions. */

/** Instructions, as nested as they were put together. */
export type Code = readonly (number | Code)[];

export interface WasmFunction {
  readonly name: string;
  /** All of type i32; they are the locals from 0. */
  readonly parameters: number;
  /** Locals behind the parameters: first those of type i32, then those of type v128. */
  readonly integers: number;
  readonly vectors: number;
  readonly body: Code;
}

const I32 = 0x7f;
const V128 = 0x7b;

/** A module that imports its memory as `env.memory` and exports `functions`, none of which returns anything. */
export function assemble(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const indexes = functions.map((_, index) => index);
  return Uint8Array.from(
    flat([
      [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, list(functions.map(({ parameters }) => [0x60, list(Array<Code>(parameters).fill([I32])), list([])]))),
      section(2, list([[text('env'), text('memory'), 2, 0, unsigned(1)]])),
      section(3, list(indexes.map((index) => [unsigned(index)]))),
      section(7, list(functions.map(({ name }, index) => [text(name), 0, unsigned(index)]))),
      section(10, list(functions.map(codeOf))),
    ]),
  );
}

function codeOf({ integers, vectors, body }: WasmFunction): Code {
  const locals = list([
    [unsigned(integers), I32],
    [unsigned(vectors), V128],
  ]);
  const bytes = flat([locals, body, 0x0b]);
  return [unsigned(bytes.length), bytes];
}

function section(id: number, content: Code): Code {
  const bytes = flat(content);
  return [id, unsigned(bytes.length), bytes];
}

const list = (items: readonly Code[]): Code => [unsigned(items.length), items];
const text = (value: string): Code => list([...Buffer.from(value)].map((byte) => [byte]));

function flat(code: Code): number[] {
  return code.flatMap((item) => (typeof item === 'number' ? [item] : flat(item)));
}

function unsigned(value: number): Code {
  const rest = value >>> 7;
  return rest === 0 ? [value] : [(value & 0x7f) | 0x80, unsigned(rest)];
}

function signed(value: number): Code {
  const rest = value >> 7;
  const isLast = (rest === 0 && (value & 0x40) === 0) || (rest === -1 && (value & 0x40) !== 0);
  return isLast ? [value & 0x7f] : [(value & 0x7f) | 0x80, signed(rest)];
}

export const get = (local: number): Code => [0x20, unsigned(local)];
export const set = (local: number, value: Code): Code => [value, 0x21, unsigned(local)];
export const constant = (value: number): Code => [0x41, signed(value)];
export const add = (a: Code, b: Code): Code => [a, b, 0x6a];
export const subtract = (a: Code, b: Code): Code => [a, b, 0x6b];
export const multiply = (a: Code, b: Code): Code => [a, b, 0x6c];
export const loadInteger = (address: Code, offset = 0): Code => [address, 0x28, 2, unsigned(offset)];
export const advance = (local: number, by: Code): Code => set(local, add(get(local), by));

/** Runs `body` as often as `counter` says; at least once, and `counter` is 0 behind it. */
export function repeat(counter: number, body: Code): Code {
  const isNotDone: Code = [subtract(get(counter), constant(1)), 0x22, unsigned(counter)];
  return [0x03, 0x40, body, isNotDone, 0x0d, 0, 0x0b];
}

const simd = (opcode: number): Code => [0xfd, unsigned(opcode)];
const alignment = 0;

/** Units of so many bytes from the lower (or the higher) halves of `a` and `b` in turn. */
export function interleave(a: Code, b: Code, unit: 1 | 2 | 4 | 8, high: boolean): Code {
  const bytes = Array.from({ length: 16 }, (_, byte) => {
    const place = Math.floor(byte / unit);
    return (place % 2) * 16 + (high ? 8 : 0) + Math.floor(place / 2) * unit + (byte % unit);
  });
  return [a, b, simd(13), bytes];
}

export const vector = {
  load: (address: Code, offset = 0): Code => [address, simd(0), alignment, unsigned(offset)],
  /** 32 bits, four times. */
  loadRepeated: (address: Code, offset = 0): Code => [address, simd(9), alignment, unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [address, value, simd(11), alignment, unsigned(offset)],
  storeLowHalf: (address: Code, value: Code): Code => [address, value, simd(0x5b), alignment, 0, 0],
  zero: (): Code => [simd(12), Array<number>(16).fill(0)],
  repeated32: (value: number): Code => [constant(value), simd(17)],
  /** Eight bytes of the lower or the higher half, each to 16 bits. */
  widenLow: (a: Code): Code => [a, simd(0x89)],
  widenHigh: (a: Code): Code => [a, simd(0x8a)],
  /** a₀b₀ + a₁b₁, a₂b₂ + a₃b₃ …: of 16 bits each, to four of 32 bits. */
  dot: (a: Code, b: Code): Code => [a, b, simd(0xba)],
  add32: (a: Code, b: Code): Code => [a, b, simd(0xae)],
  shiftRight32: (a: Code, bits: number): Code => [a, constant(bits), simd(0xac)],
  /** Signed 32 bits to 16, and signed 16 to unsigned 8: clamped. */
  narrow32: (a: Code, b: Code): Code => [a, b, simd(0x85)],
  narrow16: (a: Code, b: Code): Code => [a, b, simd(0x66)],
};
