import type { Sweep } from '../../../../../contracts/web.ts';
import { Parallel } from '../../charts/parallel.tsx';
import { plain, sweepRanks } from './values.ts';

interface CoordinatesProps {
  readonly sweep: Sweep;
  readonly chosen: number | null;
  readonly onChoose: (trial: number) => void;
}

export function SweepCoordinates({ sweep: { axes, report }, chosen, onChoose }: CoordinatesProps) {
  const ranks = sweepRanks(report);
  const metric = report.objectives[0]?.metric ?? 'result';
  return (
    <Parallel
      axes={[
        ...axes.map(({ name, scale, choices }) => ({
          name,
          log: scale === 'log',
          choices: choices?.map(unquoted) ?? null,
        })),
        { name: metric, log: false, choices: null },
      ]}
      paths={report.trials.map(({ trial, values, metric: result }) => ({
        id: trial,
        values: [...axes.map(({ name }) => plain(values[name])), result],
        rank: ranks.get(trial) ?? null,
      }))}
      chosen={chosen}
      onChoose={onChoose}
    />
  );
}

/** Choices come as JSON; a string reads better without its quotes. */
function unquoted(json: string): string {
  const value: unknown = JSON.parse(json);
  return typeof value === 'string' ? value : json;
}
