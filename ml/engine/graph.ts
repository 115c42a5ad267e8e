import type { Attribute, Binding } from '../native/backend.ts';
import { constant, markOf, node, shapeOf, SUMMED, text } from './nodes.ts';
import type { Recording, RecordedWrite, Ref } from './recorder.ts';
import { neededOperations, readVariables } from './needed.ts';
import { nativeUpdate } from './rules.ts';
import type { NativeInput } from './rules.ts';
import type { AttrValue, NodeDef } from './saved-model.ts';
import type { StateShapes } from './spec.ts';

/** Names of the nodes that a run feeds and fetches. */
export const nodeNames = {
  input: (program: string, name: string): string => `${program}/in/${name}`,
  output: (program: string, name: string): string => `${program}/out/${name}`,
  /** A variable's number stands for its name: TensorFlow allows few characters in names. */
  value: (variable: number): string => `state/${variable}/value`,
  setter: (variable: number): string => `state/${variable}/set`,
  written: (variable: number): string => `state/${variable}/written`,
};

/** One graph of all programs over the same variables, with a reader and a writer for each variable. */
export function buildGraph(
  state: StateShapes,
  programs: Readonly<Record<string, Recording>>,
  types: TypeNumbers,
): readonly NodeDef[] {
  const variables = new Map([...state.keys()].map((name, index) => [name, index]));
  const nodes = [...state].flatMap(([, shape], index) => variableNodes(index, shape, types));
  for (const [name, recording] of Object.entries(programs)) {
    nodes.push(...new ProgramGraph(name, recording, variables, types).build());
  }
  return nodes;
}

/** TensorFlow's numbers of element types and kinds of attributes, as the binding has them. */
export type TypeNumbers = Pick<
  Binding,
  | 'TF_ATTR_STRING'
  | 'TF_ATTR_INT'
  | 'TF_ATTR_FLOAT'
  | 'TF_ATTR_BOOL'
  | 'TF_ATTR_TYPE'
  | 'TF_ATTR_SHAPE'
  | 'TF_FLOAT'
  | 'TF_INT32'
  | 'TF_UINT8'
>;

function variableNodes(index: number, shape: readonly number[], { TF_FLOAT, TF_INT32 }: TypeNumbers): NodeDef[] {
  const dtype = { type: TF_FLOAT };
  const handle = `state/${index}`;
  const setter = nodeNames.setter(index);
  const one = new Int32Array([1]);
  return [
    node(handle, 'VarHandleOp', [], { dtype, shape: { shape: shapeOf(shape) }, shared_name: text(handle) }),
    node(nodeNames.value(index), 'ReadVariableOp', [handle], { dtype }),
    node(setter, 'Placeholder', [], { dtype, shape: { shape: shapeOf(shape) } }),
    // A copy of its own: what is fed may be the caller's memory, and a variable takes over what it is assigned.
    node(`${handle}/copy`, 'DeepCopy', [setter], { T: dtype }),
    node(`${handle}/assign`, 'AssignVariableOp', [handle, `${handle}/copy`], { dtype }),
    node(
      nodeNames.written(index),
      'Const',
      [`^${handle}/assign`],
      constant({ shape: [], dtype: TF_INT32, values: one }),
    ),
  ];
}

class ProgramGraph {
  private readonly nodes: NodeDef[] = [];
  private readonly read = new Set<string>();
  /** Constants that have a node already. */
  private readonly made = new Set<number>();
  /** The last write of each variable, which a later one waits for. */
  private readonly written = new Map<string, string>();
  private readonly guarded: string[] = [];
  private readonly name: string;
  private readonly recording: Recording;
  private readonly variables: ReadonlyMap<string, number>;
  private readonly types: TypeNumbers;

  constructor(name: string, recording: Recording, variables: ReadonlyMap<string, number>, types: TypeNumbers) {
    this.name = name;
    this.recording = recording;
    this.variables = variables;
    this.types = types;
  }

  build(): readonly NodeDef[] {
    const { inputs, operations, outputs, writes, guards } = this.recording;
    for (const [name, spec] of Object.entries(inputs)) this.input(name, spec);
    // All readers before the first write: a write waits for those that are there by then.
    const needed = neededOperations(this.recording);
    for (const variable of readVariables(this.recording, needed)) this.reader(variable);
    for (const index of needed) {
      const operation = operations[index];
      if (!operation) continue;
      const attr = Object.fromEntries(operation.attributes.map((each) => [each.name, this.attribute(each)]));
      const refs = operation.inputs.map((ref) => this.ref(ref));
      if (operation.name === 'AddN') this.sum(this.operation(index), refs, attr['T'] ?? {});
      else this.add(this.operation(index), operation.name, refs, { ...attr, ...markOf(operation.name) });
    }
    for (const [index, guard] of guards.entries()) this.guard(guard, `${this.name}/guard/${index}`);
    for (const [index, write] of writes.entries()) this.write(write, `${this.name}/write/${index}`);
    const after = [...this.written.values()].map((name) => `^${name}`);
    for (const [name, { ref, dtype }] of outputs) {
      this.add(nodeNames.output(this.name, name), 'Identity', [this.ref(ref), ...after], { T: { type: dtype } });
    }
    return this.nodes;
  }

  /** Pairs, first to last: AddN begins with whichever input's memory is free by then, so its rounding hangs on timing. */
  private sum(name: string, refs: readonly string[], T: AttrValue): void {
    const [first = '', ...rest] = refs;
    const last = rest.pop();
    if (last === undefined) {
      this.add(name, 'Identity', [first], { T });
      return;
    }
    const pair = (left: string, right: string, as: string): string =>
      this.add(as, 'AddV2', [left, right], { T, ...SUMMED });
    pair(
      rest.reduce((sum, each, index) => pair(sum, each, `${name}/${index}`), first),
      last,
      name,
    );
  }

  private add(name: string, op: string, inputs: readonly string[], attr: Readonly<Record<string, AttrValue>>): string {
    this.nodes.push(node(name, op, inputs, attr));
    return name;
  }

  private input(name: string, { shape, dtype }: Recording['inputs'][string]): void {
    const { TF_FLOAT, TF_INT32, TF_UINT8 } = this.types;
    const type = { float32: TF_FLOAT, int32: TF_INT32, uint8: TF_UINT8 }[dtype];
    const fed = nodeNames.input(this.name, name);
    this.add(fed, 'Placeholder', [], { dtype: { type }, shape: { shape: shapeOf(shape) } });
    if (dtype === 'uint8') this.add(`${fed}/float`, 'Cast', [fed], { SrcT: { type }, DstT: { type: TF_FLOAT } });
  }

  private ref(ref: Ref): string {
    switch (ref.kind) {
      case 'input': {
        const fed = nodeNames.input(this.name, ref.name);
        return this.recording.inputs[ref.name]?.dtype === 'uint8' ? `${fed}/float` : fed;
      }
      case 'state':
        return this.reader(ref.name);
      case 'constant':
        return this.constant(ref.index);
      case 'operation':
        return `${this.operation(ref.index)}${ref.output > 0 ? `:${ref.output}` : ''}`;
    }
  }

  private readonly operation = (index: number): string => `${this.name}/op/${index}`;

  private constant(index: number): string {
    const name = `${this.name}/const/${index}`;
    const each = this.recording.constants[index];
    if (each && !this.made.has(index)) this.add(name, 'Const', [], constant(each));
    this.made.add(index);
    return name;
  }

  private handle(variable: string): string {
    const index = this.variables.get(variable);
    if (index === undefined) throw new Error(`no variable ${variable}`);
    return `state/${index}`;
  }

  /** The value from before the run: read once, and before anything is written. */
  private reader(variable: string): string {
    const name = `${this.name}/read/${this.variables.get(variable)}`;
    if (!this.read.has(variable)) {
      this.read.add(variable);
      this.add(name, 'ReadVariableOp', [this.handle(variable)], { dtype: { type: this.types.TF_FLOAT } });
    }
    return name;
  }

  /** What a write of this variable waits for: the one before it, or its reader and all guards. */
  private after(variable: string): string[] {
    const write = this.written.get(variable);
    if (write !== undefined) return [`^${write}`];
    return [...(this.read.has(variable) ? [`^${this.reader(variable)}`] : []), ...this.guarded];
  }

  private guard(value: Ref, name: string): void {
    const float = { type: this.types.TF_FLOAT };
    const finite = this.add(`${name}/finite`, 'IsFinite', [this.ref(value)], { T: float });
    const T = { list: { type: [this.types.TF_FLOAT] } };
    this.guarded.push(`^${this.add(name, 'Assert', [finite, this.ref(value)], { T, summarize: { i: 1 } })}`);
  }

  private write(write: RecordedWrite, name: string): void {
    const float = { type: this.types.TF_FLOAT };
    switch (write.kind) {
      case 'assign': {
        const { variable } = write;
        // As in `variableNodes`: the value may be an input, or a view of one.
        const value = this.add(`${name}/copy`, 'DeepCopy', [this.ref(write.value)], { T: float });
        const inputs = [this.handle(variable), value, ...this.after(variable)];
        this.written.set(variable, this.add(name, 'AssignVariableOp', inputs, { dtype: float }));
        return;
      }
      case 'apply':
        this.apply(write, name);
        return;
      case 'average': {
        const { average, of } = write;
        const before = this.reader(average);
        const now = this.add(`${name}/now`, 'ReadVariableOp', [this.handle(of), ...this.after(of)], { dtype: float });
        const gap = this.add(`${name}/gap`, 'Sub', [before, now], { T: float });
        const one = this.scalar(`${name}/one`, 1);
        const share = this.add(`${name}/share`, 'Sub', [one, this.ref(write.decay)], { T: float });
        const step = this.add(`${name}/step`, 'Mul', [gap, share], { T: float });
        this.written.set(
          average,
          this.add(name, 'AssignSubVariableOp', [this.handle(average), step], { dtype: float }),
        );
        return;
      }
    }
  }

  private apply(write: Extract<RecordedWrite, { kind: 'apply' }>, name: string): void {
    const { rule, variable, slots, gradient, rate, shrink, momentum } = write;
    const float = { type: this.types.TF_FLOAT };
    let before = [variable, ...Object.values(slots)].flatMap((each) => this.after(each));
    if (shrink !== null) {
      const value = this.reader(variable);
      const shrunk = this.add(`${name}/shrunk`, 'Mul', [value, this.ref(shrink)], { T: float });
      const inputs = [this.handle(variable), shrunk, ...before];
      before = [`^${this.add(`${name}/shrink`, 'AssignVariableOp', inputs, { dtype: float })}`];
    }
    const { operation, inputs, bools = {} } = nativeUpdate(rule);
    const operand = (input: NativeInput, index: number): string => {
      switch (input.kind) {
        case 'variable':
          return this.handle(variable);
        case 'slot':
          return this.handle(slots[input.slot] ?? '');
        case 'constant':
          return this.scalar(`${name}/constant/${index}`, input.value);
        case 'momentum':
          return momentum ? this.ref(momentum) : this.scalar(`${name}/constant/${index}`, input.value);
        case 'rate':
          return this.ref(rate);
        case 'gradient':
          return this.ref(gradient);
      }
    };
    const attr = Object.fromEntries(Object.entries(bools).map(([key, b]) => [key, { b }]));
    const node = this.add(name, operation, [...inputs.map(operand), ...new Set(before)], { T: float, ...attr });
    for (const each of [variable, ...Object.values(slots)]) this.written.set(each, node);
  }

  private scalar(name: string, value: number): string {
    const { TF_FLOAT } = this.types;
    return this.add(name, 'Const', [], constant({ shape: [], dtype: TF_FLOAT, values: new Float32Array([value]) }));
  }

  private attribute({ type, value }: Attribute): AttrValue {
    const t = this.types;
    const all = Array.isArray(value) ? value : [value];
    const isList = Array.isArray(value);
    switch (type) {
      case t.TF_ATTR_STRING:
        return text(String(value));
      case t.TF_ATTR_INT:
        return isList ? { list: { i: all.map(Number) } } : { i: Number(value) };
      case t.TF_ATTR_FLOAT:
        return isList ? { list: { f: all.map(Number) } } : { f: Number(value) };
      case t.TF_ATTR_BOOL:
        return isList ? { list: { b: all.map(Boolean) } } : { b: value === true };
      case t.TF_ATTR_TYPE:
        return isList ? { list: { type: all.map(Number) } } : { type: Number(value) };
      case t.TF_ATTR_SHAPE:
        return { shape: shapeOf(all.map(Number)) };
      default:
        throw new Error(`attribute of kind ${type}`);
    }
  }
}
