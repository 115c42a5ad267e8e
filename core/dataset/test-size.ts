import { shareInterval } from '../promotion/counts.ts';

/** An accuracy that models reach; the interval is widest at 0.5 and narrow near 1. */
const USUAL = 0.9;
const Z_95 = 1.959963984540054;

export interface TestSize {
  readonly images: number;
  /** Wilson's 95 % interval of an accuracy of 0.9. */
  readonly interval: { readonly lower: number; readonly upper: number };
  /**
   * The smallest difference between two models of about that accuracy that such a test tells from chance: 95 % of a
   * difference of two independent shares. Scored on the same images (the gate), somewhat less suffices.
   */
  readonly tellable: number;
}

/** What a test set of so many images can say. */
export function testSizeOf(images: number): TestSize {
  const { lower, upper } = shareInterval(Math.round(USUAL * images), images);
  const tellable = images === 0 ? 1 : Math.min(1, Z_95 * Math.sqrt((2 * USUAL * (1 - USUAL)) / images));
  const digits = (value: number): number => Math.round(1000 * value) / 1000;
  return { images, interval: { lower: digits(lower), upper: digits(upper) }, tellable: digits(tellable) };
}

/** Images that a test needs to tell a difference of so much, at about that accuracy. */
export const imagesToTell = (difference: number): number =>
  Math.ceil((Z_95 ** 2 * 2 * USUAL * (1 - USUAL)) / difference ** 2);
