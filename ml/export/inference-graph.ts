import type { Detector } from '../detectors/detector.ts';
import type { Attribute } from '../native/backend.ts';

/** Where a value in an inference graph comes from. */
export type GraphRef =
  /** The pixels: float32 0–255 [batch, height, width, channels]. */
  | { readonly kind: 'pixels' }
  | { readonly kind: 'weight'; readonly name: string }
  /** Axes, shapes and paddings. */
  | { readonly kind: 'integers'; readonly index: number }
  /** `output`: which of the operation's. */
  | { readonly kind: 'node'; readonly index: number; readonly output: number };

/** An operation of TensorFlow's, by its own name and with its own attributes. */
export interface GraphNode {
  readonly op: string;
  readonly attributes: readonly Attribute[];
  readonly inputs: readonly GraphRef[];
}

/** A float32 array, row-major. */
export interface GraphWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** No parameter went into it (anchors, thresholds, normalization): it is never stored in fewer bits. */
  readonly fixed?: true;
}

/** A constant of whole numbers; −1 in a shape stands for the batch. */
export interface GraphIntegers {
  readonly shape: readonly number[];
  readonly values: Int32Array;
}

/** What a graph is run for. */
export type GraphOutputs =
  /** float32 [batch, classes]. */
  { readonly kind: 'classes'; readonly probabilities: GraphRef } | ObjectOutputs;

/** A detector's boxes before suppression: what becomes of them is each format's own. */
export interface ObjectOutputs {
  readonly kind: 'objects';
  /** [batch, count, 1 or classes, 4]: ymin, xmin, ymax, xmax in shares of the frame. */
  readonly boxes: GraphRef;
  readonly boxesShape: readonly number[];
  /** [batch, count, classes]. */
  readonly scores: GraphRef;
  readonly scoresShape: readonly number[];
  /** Of two stages: [1, count, 4], what the second one looked at. */
  readonly proposals: { readonly ref: GraphRef; readonly shape: readonly number[] } | null;
  readonly suppression: Detector['suppression'];
}

/**
 * What a trained model computes: pixels → probabilities, or a detector's boxes and scores. Normalization is inside;
 * whatever hangs on weights alone (BatchNorm's scale and shift) is folded into them. Every exporter starts from this.
 */
export interface InferenceGraph {
  readonly heightPx: number;
  readonly widthPx: number;
  readonly channels: number;
  /** null for any. */
  readonly batch: number | null;
  readonly outputs: GraphOutputs;
  /** In the order of their running. */
  readonly nodes: readonly GraphNode[];
  readonly weights: ReadonlyMap<string, GraphWeight>;
  readonly integers: readonly GraphIntegers[];
}

/** An attribute of a node by name. */
export function attributeOf(node: GraphNode, name: string): Attribute['value'] | undefined {
  return node.attributes.find((each) => each.name === name)?.value;
}

/** A list of numbers that an operation always has. */
export function numbersOf(node: GraphNode, name: string): readonly number[] {
  const value = attributeOf(node, name);
  if (!Array.isArray(value)) throw new Error(`${node.op} has no list ${name}`);
  return value.map(Number);
}

/**
 * The axis of a weight whose places are the output channels of the operation that takes it: what it is quantized along.
 * Null for whatever is added or multiplied (biases, normalization), which stays as it is.
 */
export function channelAxes(graph: InferenceGraph): ReadonlyMap<string, number> {
  const axes = new Map<string, number>();
  for (const { op, inputs } of graph.nodes) {
    const [, second] = inputs;
    const axis = CHANNEL_AXIS[op];
    if (axis === undefined || second?.kind !== 'weight') continue;
    // A depthwise kernel that makes several channels of one has no single axis of them.
    const several = op === 'DepthwiseConv2dNative' && (graph.weights.get(second.name)?.shape[3] ?? 1) > 1;
    if (!several) axes.set(second.name, axis);
  }
  return axes;
}

/** A depthwise kernel is [h, w, in, 1]; a dense one [in, out]. */
const CHANNEL_AXIS: Readonly<Record<string, number>> = { Conv2D: 3, DepthwiseConv2dNative: 2, MatMul: 1 };
