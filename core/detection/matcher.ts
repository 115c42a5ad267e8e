/** What an anchor is matched with: the index of a truth, or one of these. */
export const BACKGROUND = -1;
/** Neither object nor background: it counts for nothing. */
export const UNDECIDED = -2;

export interface MatcherOptions {
  /** From this similarity on an anchor belongs to its best truth. */
  readonly matched: number;
  /** Below this one it is background; in between it is undecided. At most `matched`. */
  readonly unmatched: number;
  /** Every truth gets the anchor that fits it best, however badly. */
  readonly forceEach: boolean;
}

/** SSD: .5 both ways, and no truth goes empty. */
export const ssdMatcher: MatcherOptions = { matched: 0.5, unmatched: 0.5, forceEach: true };
/** The region proposal network. */
export const rpnMatcher: MatcherOptions = { matched: 0.7, unmatched: 0.3, forceEach: true };

/**
 * The truth of every anchor (research/object_detection `matchers/argmax_matcher.py`). `similarity` is [truths × anchors],
 * row-major. Ties go to the lower index; where two truths claim one anchor by force, the first has it.
 */
export function matchAnchors(
  similarity: Float64Array,
  truths: number,
  anchors: number,
  { matched, unmatched, forceEach }: MatcherOptions,
): Int32Array {
  const matches = new Int32Array(anchors).fill(BACKGROUND);
  if (truths === 0) return matches;
  for (let anchor = 0; anchor < anchors; anchor++) {
    let [best, value] = [0, similarity[anchor] ?? 0];
    for (let truth = 1, at = anchor + anchors; truth < truths; truth++, at += anchors) {
      const other = similarity[at] ?? 0;
      if (other > value) [best, value] = [truth, other];
    }
    matches[anchor] = value >= matched ? best : value >= unmatched ? UNDECIDED : BACKGROUND;
  }
  if (!forceEach) return matches;
  const taken = new Set<number>();
  for (let truth = 0; truth < truths; truth++) {
    const start = truth * anchors;
    let [best, value] = [0, similarity[start] ?? 0];
    for (let anchor = 1; anchor < anchors; anchor++) {
      const other = similarity[start + anchor] ?? 0;
      if (other > value) [best, value] = [anchor, other];
    }
    if (!taken.has(best)) matches[best] = truth;
    taken.add(best);
  }
  return matches;
}

/**
 * Greedy one-to-one matching: the most similar pair of all, then the most similar of the rest (`tf.image`’s
 * bipartite_match, which `matchers/bipartite_matcher.py` calls with negated distances). Anchors left over are background.
 */
export function matchBipartite(similarity: Float64Array, truths: number, anchors: number): Int32Array {
  const matches = new Int32Array(anchors).fill(BACKGROUND);
  const order = [...similarity.keys()].sort((a, b) => (similarity[b] ?? 0) - (similarity[a] ?? 0) || a - b);
  const done = new Set<number>();
  for (const pair of order) {
    const [truth, anchor] = [Math.floor(pair / anchors), pair % anchors];
    if (done.size === truths) break;
    if (done.has(truth) || matches[anchor] !== BACKGROUND) continue;
    matches[anchor] = truth;
    done.add(truth);
  }
  return matches;
}
