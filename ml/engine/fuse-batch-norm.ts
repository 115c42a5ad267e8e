import type { Attribute } from '../native/backend.ts';
import type { Backward, Between, FirstBackward, Forward } from './fuse-patterns.ts';
import { attributesNamed, operandOf, Patterns } from './fuse-patterns.ts';
import { neededOperations } from './needed.ts';
import { Readers } from './readers.ts';
import type { Reader } from './readers.ts';
import type { Recording } from './recorder.ts';
import { Rewriting } from './rewriting.ts';

/**
 * The same program, a batch of which is in parts (`splitBatch`), with fewer passes over memory
 * (infra/native/kernels/pointwise-parts.cc, depthwise-parts.cc): a convolution sums the moments of the BatchNorm behind it
 * while it makes its rows, and its gradients take the gradient through that BatchNorm a few rows at a time, which then is
 * nowhere as a whole. What the BatchNorm before a convolution gives is nowhere either, where nothing else reads it: both
 * ways it is made anew, a few rows at a time, from what that BatchNorm had.
 */
export function fuseBatchNorm(recording: Recording): Recording {
  return new Fuser(recording).run();
}

/** The gamma, beta, mean and 1/√(variance + ε) of a `GraftBatchNormPart`. */
const VECTORS = [1, 2, 3, 4];

class Fuser {
  private readonly recording: Recording;
  private readonly patterns: Patterns;
  private readonly rewriting: Rewriting;
  /** By the operation whose place a fused one takes: the convolution, the gradient through the BatchNorm behind it. */
  private readonly between = new Map<number, Between>();
  /** By the gradient to the kernel. */
  private readonly firsts = new Map<number, FirstBackward>();

  constructor(recording: Recording) {
    this.recording = recording;
    this.patterns = new Patterns(recording, new Readers(recording));
    this.rewriting = new Rewriting(recording);
  }

  run(): Recording {
    for (const index of neededOperations(this.recording)) {
      const first = this.patterns.firstBackwardAt(index);
      if (first) {
        this.rewriting.skip(first.norm.index);
        this.firsts.set(index, first);
      }
      const between = this.patterns.betweenAt(index);
      if (between === null) continue;
      this.rewriting.skip(index);
      this.between.set(between.forward.convolution.index, between);
      this.between.set(between.backward.norm.index, between);
    }
    return this.rewriting.run(({ index }) => this.rewrite(index));
  }

  private rewrite(index: number): boolean {
    const between = this.between.get(index) ?? null;
    const first = this.firsts.get(index);
    const forward = this.patterns.forwardAt(index);
    const backward = this.patterns.backwardAt(index);
    if (first) this.addFirstBackward(first);
    else if (forward && (between || forward.kind !== 'Depthwise')) this.addForward(forward, between);
    else if (backward && (between || backward.kind !== 'Depthwise')) this.addBackward(backward, between);
    else return false;
    return true;
  }

  /** A convolution that sums the moments of what it makes; of what the BatchNorm `between` gives. */
  private addForward({ kind, convolution, moments }: Forward, between: Between | null): void {
    const [x, ...rest] = convolution.operation.inputs.map((_, at) => operandOf(convolution, at));
    const before = between?.norm;
    const own = before ? [0, ...VECTORS].map((at) => operandOf(before, at)) : [x];
    const attributes = attributesNamed(convolution.operation, ...(kind === 'Depthwise' ? WINDOW : []));
    this.rewriting.fuse(
      `Graft${before ? 'Norm' : ''}${kind}Moments`,
      [...attributes, ...(before ? [beforeOf(before)] : [])],
      [...own, ...rest].filter((operand) => operand !== undefined),
      [convolution, moments],
    );
  }

  /** The gradient to a first convolution's kernel with the gradient through the BatchNorm behind it. */
  private addFirstBackward({ norm, kernel }: FirstBackward): void {
    const behind = norm.operation.inputs.map((_, at) => operandOf(norm, at));
    const attributes = [
      ...attributesNamed(kernel.operation, ...WINDOW),
      ...attributesNamed(norm.operation, 'activation'),
    ];
    this.rewriting.fuse(
      'GraftPatchesNormGrad',
      attributes,
      [...behind, operandOf(kernel, 0), operandOf(kernel, 2)],
      [kernel],
    );
  }

  /** Both gradients of a convolution with the gradient through the BatchNorm behind it; and the sums for that `between`. */
  private addBackward({ kind, norm, input, kernel, x, weights }: Backward, between: Between | null): void {
    const behind = norm.operation.inputs.map((_, at) => operandOf(norm, at));
    const before = between?.norm;
    const attributes = [
      ...attributesNamed(input.operation, ...(kind === 'Depthwise' ? WINDOW : [])),
      ...(before ? [beforeOf(before)] : []),
      ...attributesNamed(norm.operation, 'activation'),
    ];
    const operands = [
      ...[...behind, before ? operandOf(before, 0) : x, weights],
      ...(before ? VECTORS.map((at) => operandOf(before, at)) : []),
    ];
    const replaced = [input, kernel, ...(between ? [between.sums] : [])];
    this.rewriting.fuse(`Graft${before ? 'Norm' : ''}${kind}NormGrad`, attributes, operands, replaced);
  }
}

const WINDOW = ['stride', 'top', 'left'];

/** The activation of the BatchNorm before a convolution. */
function beforeOf({ operation }: Reader): Attribute {
  const [activation] = attributesNamed(operation, 'activation');
  if (!activation) throw new Error(`${operation.name} has no activation`);
  return { ...activation, name: 'before' };
}
