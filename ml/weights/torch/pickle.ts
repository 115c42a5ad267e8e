/**
 * A pickle machine that can execute nothing: the opcodes of Python's pickle protocols 2 to 5 (cpython Lib/pickletools.py)
 * that plain data and PyTorch's tensors need. A global is looked up in an allow-list and stays a name; REDUCE applies
 * one of the few constructors written here. Every other opcode or name is MODEL_FORMAT.
 */
import { inputError } from '../../../core/errors.ts';
import { ByteReader } from './byte-reader.ts';
import type { PickleDict, PickleList, PickleValue } from './pickle-values.ts';
import { isKind } from './pickle-values.ts';

/** Bounds on what a file can make the machine hold; weights of the largest networks need a hundredth of them. */
const MAX_STACK = 1_000_000;
const MAX_MEMO = 2_000_000;
const MAX_MARKS = 200;
const MAX_TEXT_BYTES = 1_000_000;
const MAX_NAME_BYTES = 1_000;

export interface PickleRules {
  /** Names that may be mentioned, as `module.name`, and what REDUCE makes of their arguments; null: it can't be called. */
  readonly globals: ReadonlyMap<string, ((args: readonly PickleValue[]) => PickleValue) | null>;
  readonly persistentLoad: (id: PickleValue) => PickleValue;
}

/** Reads one pickle from `bytes` at `start`. Throws MODEL_FORMAT. `end` is where the next one begins. */
export function readPickle(
  bytes: Uint8Array,
  where: string,
  rules: PickleRules,
  start = 0,
): { readonly value: PickleValue; readonly end: number } {
  const machine = new PickleMachine(new ByteReader(bytes, where, start), rules);
  const value = machine.run();
  return { value, end: machine.reader.at };
}

class PickleMachine {
  readonly reader: ByteReader;
  readonly #rules: PickleRules;
  readonly #memo = new Map<number, PickleValue>();
  readonly #stacks: PickleValue[][] = [];
  #stack: PickleValue[] = [];

  constructor(reader: ByteReader, rules: PickleRules) {
    this.reader = reader;
    this.#rules = rules;
  }

  run(): PickleValue {
    for (;;) {
      const opcode = this.reader.u8();
      if (opcode === 0x2e) return this.pop();
      if (this.#stack.length >= MAX_STACK) throw this.reader.error('a stack too large', `at most ${MAX_STACK} items`);
      const step = OPCODES.get(opcode);
      if (step === undefined) {
        const name = opcode.toString(16).padStart(2, '0');
        throw this.reader.error(`opcode 0x${name}`, 'plain data: this reader executes nothing');
      }
      step(this, this.reader);
    }
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) throw this.reader.error('an empty stack', 'a value');
    return value;
  }

  top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw this.reader.error('an empty stack', 'a value');
    return value;
  }

  popMany(count: number): PickleValue[] {
    if (this.#stack.length < count) throw this.reader.error('an empty stack', `${count} values`);
    return this.#stack.splice(this.#stack.length - count);
  }

  mark(): void {
    if (this.#stacks.length >= MAX_MARKS) throw this.reader.error('nesting too deep', `at most ${MAX_MARKS} levels`);
    this.#stacks.push(this.#stack);
    this.#stack = [];
  }

  popToMark(): PickleValue[] {
    const items = this.#stack;
    const outer = this.#stacks.pop();
    if (outer === undefined) throw this.reader.error('no mark', 'a mark');
    this.#stack = outer;
    return items;
  }

  memoize(index = this.#memo.size): void {
    if (this.#memo.size >= MAX_MEMO) throw this.reader.error('a memo too large', `at most ${MAX_MEMO} items`);
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.reader.error(`memo ${index}`, 'one that was stored before');
    this.push(value);
  }

  global(module: string, name: string): void {
    const full = `${module}.${name}`;
    if (!this.#rules.globals.has(full)) {
      const seen = `the file wants to call ${JSON.stringify(full)}`;
      const known = [...this.#rules.globals.keys()].join(', ');
      const remedy = 'save the plain state dict, or convert the weights to safetensors where you trust them';
      throw inputError('MODEL_FORMAT', this.reader.where, seen, `nothing but ${known}`, remedy);
    }
    this.push({ kind: 'global', name: full });
  }

  reduce(): void {
    const [callable, args] = this.popMany(2);
    if (!isKind(callable, 'global')) throw this.reader.error('a call of something that is no name', 'a known name');
    if (!isKind(args, 'tuple')) throw this.reader.error('arguments that are no tuple', 'a tuple');
    const apply = this.#rules.globals.get(callable.name);
    if (!apply) throw this.reader.error(`a call of ${callable.name}`, 'a name that stands for a type of storage');
    this.push(apply(args.items));
  }

  persistent(): void {
    this.push(this.#rules.persistentLoad(this.pop()));
  }

  list(): PickleList {
    const value = this.top();
    if (!isKind(value, 'list')) throw this.reader.error('an append to no list', 'a list');
    return value;
  }

  dict(): PickleDict {
    const value = this.top();
    if (!isKind(value, 'dict')) throw this.reader.error('an entry for no dictionary', 'a dictionary');
    return value;
  }

  setItems(items: readonly PickleValue[]): void {
    const { entries } = this.dict();
    for (let i = 0; i + 1 < items.length; i += 2) {
      const [key, value] = [items[i], items[i + 1]];
      if (value === undefined || key === undefined || (typeof key === 'object' && key !== null)) {
        throw this.reader.error('a key that is no text or number', 'text');
      }
      entries.set(key, value);
    }
    if (items.length % 2 !== 0) throw this.reader.error('a key without a value', 'pairs');
  }
}

/** The state that BUILD gives to an OrderedDict (`_metadata` of a state dict) says nothing of weights: it is dropped. */
function build(machine: PickleMachine): void {
  machine.pop();
  machine.dict();
}

function boundedText(reader: ByteReader, size: number): string {
  if (size > MAX_TEXT_BYTES) throw reader.error(`text of ${size} bytes`, `at most ${MAX_TEXT_BYTES}`);
  return reader.text(size);
}

/** LONG1: little-endian two's complement of `size` bytes. */
function long(reader: ByteReader, size: number): number | bigint {
  let value = 0n;
  for (const byte of reader.slice(size).toReversed()) value = (value << 8n) | BigInt(byte);
  if (size > 0) value = BigInt.asIntN(size * 8, value);
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

type Step = (machine: PickleMachine, reader: ByteReader) => void;

const OPCODES: ReadonlyMap<number, Step> = new Map<number, Step>([
  // PROTO and FRAME: framing, no meaning.
  [
    0x80,
    (_, r) => {
      const protocol = r.u8();
      if (protocol > 5) throw r.error(`pickle protocol ${protocol}`, 'at most 5');
    },
  ],
  [0x95, (_, r) => void r.u64()],
  // MARK, POP, POP_MARK.
  [0x28, (m) => m.mark()],
  [0x30, (m) => void m.pop()],
  [0x31, (m) => void m.popToMark()],
  // NONE, NEWTRUE, NEWFALSE.
  [0x4e, (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  // BININT, BININT1, BININT2, LONG1, BINFLOAT.
  [0x4a, (m, r) => m.push(r.i32())],
  [0x4b, (m, r) => m.push(r.u8())],
  [0x4d, (m, r) => m.push(r.u16())],
  [0x8a, (m, r) => m.push(long(r, r.u8()))],
  [0x47, (m, r) => m.push(r.f64BigEndian())],
  // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8; BINSTRING and SHORT_BINSTRING of Python 2.
  [0x58, (m, r) => m.push(boundedText(r, r.u32()))],
  [0x8c, (m, r) => m.push(r.text(r.u8()))],
  [0x8d, (m, r) => m.push(boundedText(r, r.u64()))],
  [0x54, (m, r) => m.push(boundedText(r, r.u32()))],
  [0x55, (m, r) => m.push(r.text(r.u8()))],
  // BINBYTES, SHORT_BINBYTES.
  [0x42, (m, r) => m.push(r.slice(r.u32()))],
  [0x43, (m, r) => m.push(r.slice(r.u8()))],
  // EMPTY_LIST, APPEND, APPENDS.
  [0x5d, (m) => m.push({ kind: 'list', items: [] })],
  [0x61, (m) => appendAll(m, [m.pop()])],
  [0x65, (m) => appendAll(m, m.popToMark())],
  // EMPTY_TUPLE, TUPLE, TUPLE1, TUPLE2, TUPLE3.
  [0x29, (m) => m.push({ kind: 'tuple', items: [] })],
  [0x74, (m) => m.push({ kind: 'tuple', items: m.popToMark() })],
  [0x85, (m) => m.push({ kind: 'tuple', items: m.popMany(1) })],
  [0x86, (m) => m.push({ kind: 'tuple', items: m.popMany(2) })],
  [0x87, (m) => m.push({ kind: 'tuple', items: m.popMany(3) })],
  // EMPTY_DICT, SETITEM, SETITEMS.
  [0x7d, (m) => m.push({ kind: 'dict', entries: new Map() })],
  [0x73, (m) => m.setItems(m.popMany(2))],
  [0x75, (m) => m.setItems(m.popToMark())],
  // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET.
  [0x71, (m, r) => m.memoize(r.u8())],
  [0x72, (m, r) => m.memoize(r.u32())],
  [0x94, (m) => m.memoize()],
  [0x68, (m, r) => m.recall(r.u8())],
  [0x6a, (m, r) => m.recall(r.u32())],
  // GLOBAL, STACK_GLOBAL, REDUCE, BUILD, BINPERSID.
  [0x63, (m, r) => m.global(r.line(MAX_NAME_BYTES), r.line(MAX_NAME_BYTES))],
  [0x93, (m) => stackGlobal(m)],
  [0x52, (m) => m.reduce()],
  [0x62, (m) => build(m)],
  [0x51, (m) => m.persistent()],
]);

function appendAll(machine: PickleMachine, items: readonly PickleValue[]): void {
  const list = machine.list();
  for (const item of items) list.items.push(item);
}

function stackGlobal(machine: PickleMachine): void {
  const [module, name] = machine.popMany(2);
  if (typeof module !== 'string' || typeof name !== 'string')
    throw machine.reader.error('a name that is no text', 'text');
  machine.global(module, name);
}
