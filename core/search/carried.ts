import type { Domain, Space } from './space.ts';

/** What Temporal carries from one workflow execution into the next, with room for the pipeline and the data's names. */
export const CARRIED_AT_MOST = 1_950_000;

/** Of a trial beside its values: its state, reports of four rungs, the manifests of its training. */
const REST_BYTES = 720;

/** About how many bytes a sweep of so many trials is when it is handed over: every trial with all values, at their longest. */
export function carriedBytes({ parameters }: Space, trials: number): number {
  const values = parameters.reduce((sum, { name, domain }) => sum + name.length + 4 + longest(domain), 0);
  return trials * (values + REST_BYTES);
}

/** A float has up to 19 characters. */
function longest(domain: Domain): number {
  if (domain.kind === 'choice') return Math.max(...domain.options.map((option) => JSON.stringify(option).length));
  return domain.kind === 'int' ? String(domain.high).length : domain.step === null ? 19 : 8;
}
