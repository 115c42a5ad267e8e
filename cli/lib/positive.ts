import { InvalidArgumentError } from 'commander';

/** A whole number above 0, as an argument or an option's value. */
export function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('a whole number above 0 is needed.');
}
