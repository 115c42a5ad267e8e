import { purposeWord, stream } from '../rng.ts';
import { SOBOL_DIRECTIONS } from './sobol-directions.ts';
import { assemble, fromUnit } from './space.ts';
import type { Space, Values } from './space.ts';

const BITS = 30;

/** How many parameters a Sobol search can have. */
export const SOBOL_DIMENSIONS = SOBOL_DIRECTIONS.length + 1;

/**
 * Coordinate `dimension` (from 0) of point `index` of the Sobol sequence, as an integer of 30 bits: Antonov and Saleev's
 * Gray-code order with the direction numbers of Joe and Kuo (2008, new-joe-kuo-6.21201), as SciPy has it.
 */
export function sobolWord(index: number, dimension: number): number {
  const gray = index ^ (index >>> 1);
  let word = 0;
  for (let bit = 0; bit < BITS; bit++) if ((gray >>> bit) & 1) word ^= direction(dimension, bit);
  return word;
}

const tables = new Map<number, readonly number[]>();

function direction(dimension: number, bit: number): number {
  let table = tables.get(dimension);
  if (!table) tables.set(dimension, (table = directionTable(dimension)));
  return table[bit] ?? 0;
}

function directionTable(dimension: number): number[] {
  if (dimension === 0) return Array.from({ length: BITS }, (_, i) => 1 << (BITS - 1 - i));
  const entry = SOBOL_DIRECTIONS[dimension - 1];
  if (!entry) throw new Error(`Sobol sequences end at ${SOBOL_DIMENSIONS} dimensions`);
  const [polynomial = 0, ...start] = entry;
  const degree = start.length;
  const m = [...start];
  for (let i = degree; i < BITS; i++) {
    let next = (m[i - degree] ?? 0) ^ ((m[i - degree] ?? 0) * 2 ** degree);
    // The polynomial's inner coefficients, from x^(degree−1) down.
    for (let k = 1; k < degree; k++) if ((polynomial >>> (degree - k)) & 1) next ^= (m[i - k] ?? 0) * 2 ** k;
    m.push(next);
  }
  return m.map((value, i) => value * 2 ** (BITS - 1 - i));
}

/**
 * Proposal `index`: a Sobol point under nested uniform scrambling (Owen, "Randomly permuted (t,m,s)-nets", 1995), so that
 * seeds differ and the net keeps its evenness. Each parameter has its own dimension whether it is there or not.
 */
export function sobolProposal(space: Space, seed: number, index: number): Values | null {
  const dimensions = new Map(space.parameters.map(({ name }, dimension) => [name, dimension]));
  return assemble(space, ({ name, domain }) => {
    const word = scrambled(sobolWord(index, dimensions.get(name) ?? 0), seed, purposeWord(name));
    return fromUnit(domain, (word + 0.5) / 2 ** BITS);
  });
}

/** Flips each bit or not, as a function of all bits above it. */
function scrambled(word: number, seed: number, address: number): number {
  const flips = stream(seed, 'search/sobol');
  let out = 0;
  for (let bit = BITS - 1; bit >= 0; bit--) {
    const above = word >>> (bit + 1);
    const flip = flips.words(address, above, bit)[0] >>> 31;
    out |= (((word >>> bit) & 1) ^ flip) << bit;
  }
  return out;
}
