import type { DetectedBox, DetectionSet, TruthBox, XywhBox } from '../../core/metrics/detection/boxes.ts';

/**
 * Random detection sets, the same as test/golden/detection/make_golden.py makes: xorshift32, so that the golden file holds
 * figures only. Sides and places are whole numbers, so that ties of overlap occur; every other case has ties of score.
 */
export function detectionCase(seed: number): DetectionSet {
  const draw = draws(seed);
  const images = 1 + draw(6);
  const categories = 1 + draw(4);
  const ties = seed % 2 === 0;
  const truths: TruthBox[] = [];
  const detections: DetectedBox[] = [];
  for (let image = 0; image < images; image++) {
    // Some images are empty, some have nothing detected.
    const objects = draw(4) === 0 ? 0 : 1 + draw(8);
    const own: TruthBox[] = [];
    for (let i = 0; i < objects; i++) own.push(drawnTruth(draw, image, categories));
    truths.push(...own);
    const found = draw(5) === 0 ? 0 : draw(seed % 17 === 0 ? 130 : 14);
    for (let i = 0; i < found; i++) {
      const category = draw(categories + 1) % categories;
      const near = own[own.length === 0 ? 0 : draw(own.length)];
      const box = near !== undefined && draw(4) > 0 ? moved(near.box, draw) : drawnBox(draw);
      const steps = draw(ties ? 8 : 1_000_000);
      detections.push({
        image,
        category: near && draw(3) > 0 ? near.category : category,
        box,
        score: steps / 1_000_000,
      });
    }
  }
  return { images, categories: Array.from({ length: categories }, (_, i) => `class ${i}`), truths, detections };
}

/** `draw(n)`: a whole number in 0 … n−1. */
type Draw = (below: number) => number;

function draws(seed: number): Draw {
  let state = (seed * 2_654_435_761 + 88_675_123) >>> 0 || 1;
  return (below) => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state % below;
  };
}

function drawnBox(draw: Draw): XywhBox {
  const side = [12, 40, 90, 180][draw(4)] ?? 12;
  const [x, y] = [draw(300), draw(300)];
  return [x, y, side + draw(30), side + draw(30)];
}

function drawnTruth(draw: Draw, image: number, categories: number): TruthBox {
  const category = draw(categories);
  const box = drawnBox(draw);
  // A mask covers a part of its box.
  const area = (box[2] * box[3] * (50 + draw(51))) / 100;
  const crowd = draw(9) === 0;
  return { image, category, box, area, crowd, difficult: draw(7) === 0 };
}

function moved(box: XywhBox, draw: Draw): XywhBox {
  const by = (most: number): number => draw(2 * most + 1) - most;
  const reach = 1 + draw(20);
  return [box[0] + by(reach), box[1] + by(reach), Math.max(1, box[2] + by(reach)), Math.max(1, box[3] + by(reach))];
}
