import type { Advice } from '../../../core/advice/advise.ts';
import type { LayerGroup } from '../../../core/advice/layers.ts';
import type { Range } from '../../../core/advice/estimate.ts';
import type { Output } from '../../output.ts';
import { count, duration, sizeOf } from '../units.ts';
import type { PlannedStrategy } from './plan-strategies.ts';

/** The advice with its reasons, as `graft plan` and `graft init` say it. */
export function showAdvice({ strategy, lastN, cut, quadrant, why, cautions }: Advice, output: Output): void {
  const what = lastN === null ? (cut === null ? strategy : `${strategy}, cut: ${cut}`) : `${strategy}, lastN: ${lastN}`;
  output.say(`advice: strategy: ${what} (${quadrant})`);
  for (const reason of why) output.say(`  - ${reason}`);
  for (const { code, message } of cautions) output.say(`  ${code}: ${message}`);
}

export function showLayers(groups: readonly LayerGroup[], weights: string, output: Output): void {
  output.table(
    ['layers', 'their values come from', 'in training', 'parameters'],
    groups.map(({ from, to, source, state, parameters }) => [
      from === to ? from : `${from} … ${to}`,
      source === 'pretrained' ? weights : 'fresh',
      state,
      count(parameters),
    ]),
  );
}

export function showPlans(plans: readonly PlannedStrategy[], output: Output): void {
  output.table(
    ['strategy', 'forward', 'a training picture', 'trains', 'time', 'memory', 'storage', 'cost'],
    plans.map(({ name, configured, advised, work, estimate, cost }) => {
      const { codes, checkpoints, weights } = estimate.storage;
      const marks = [...(configured ? ['yours'] : []), ...(advised ? ['advised'] : [])];
      return [
        marks.length === 0 ? name : `${name} (${marks.join(', ')})`,
        operations(work.forward),
        operations(work.step),
        count(work.trainable),
        rangeOf(estimate.seconds, duration),
        `${count(estimate.memoryMb)} MiB`,
        sizeOf(codes + checkpoints + weights),
        cost === null ? null : rangeOf(cost, (money) => money.toPrecision(2)),
      ];
    }),
  );
  const own = plans.find(({ configured }) => configured)?.estimate.saved ?? null;
  if (own === null) return;
  const { passes, passesWithout, seconds } = own;
  output.say(
    `the frozen part runs once a picture and its output is kept: ${count(passes)} passes instead of ${count(passesWithout)}, about ${duration(seconds)} saved`,
  );
}

const operations = (multiplyAdds: number): string =>
  multiplyAdds >= 1e8 ? `${(multiplyAdds / 1e9).toFixed(2)} G` : `${(multiplyAdds / 1e6).toFixed(2)} M`;

const rangeOf = ({ low, expected, high }: Range, text: (value: number) => string): string =>
  `${text(expected)} (${text(low)} – ${text(high)})`;
