import { boxCount, iouMatrix, sidesAt } from './boxes.ts';
import type { Boxes } from './boxes.ts';
import { defaultScales, encodeBoxes } from './box-coder.ts';
import type { CodeScales } from './box-coder.ts';
import { UNDECIDED, matchAnchors } from './matcher.ts';
import type { MatcherOptions } from './matcher.ts';

/** The objects of one image. */
export interface Objects {
  /** In shares of the image. */
  readonly boxes: Boxes;
  /** Class of each, 0 … classes − 1. */
  readonly labels: ArrayLike<number>;
}

/** What a detector should say of one image, anchor by anchor. */
export interface AnchorTargets {
  /** 0 the background, c + 1 class c. */
  readonly labels: Int32Array;
  /** Whether the class counts: 0 where an anchor is undecided. */
  readonly labelWeights: Float32Array;
  /** [anchors × 4]: codes of the matched box, 0 where there is none. */
  readonly codes: Float32Array;
  /** Whether the box counts: 1 where an anchor has an object. */
  readonly codeWeights: Float32Array;
  readonly matched: number;
}

/** research/object_detection `core/target_assigner.py` for one image: match by IoU, then encode what was matched. */
export function assignTargets(
  { boxes, labels }: Objects,
  anchors: Boxes,
  matcher: MatcherOptions,
  scales: CodeScales = defaultScales,
): AnchorTargets {
  const count = boxCount(anchors);
  const matches = matchAnchors(iouMatrix(boxes, anchors), boxCount(boxes), count, matcher);
  const targets = {
    labels: new Int32Array(count),
    labelWeights: new Float32Array(count).fill(1),
    codes: new Float32Array(count * 4),
    codeWeights: new Float32Array(count),
  };
  let matched = 0;
  for (const [anchor, truth] of matches.entries()) {
    if (truth === UNDECIDED) targets.labelWeights[anchor] = 0;
    if (truth < 0) continue;
    matched++;
    targets.labels[anchor] = (labels[truth] ?? 0) + 1;
    targets.codeWeights[anchor] = 1;
    const codes = encodeBoxes(
      Float64Array.of(...sidesAt(boxes, truth)),
      Float64Array.of(...sidesAt(anchors, anchor)),
      scales,
    );
    targets.codes.set(codes, anchor * 4);
  }
  return { ...targets, matched };
}
