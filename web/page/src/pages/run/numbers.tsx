import type { Run } from '../../../../../contracts/web.ts';
import { bytes, count, duration, figure, percent } from '../../lib/format.ts';
import { Stats } from '../../ui/parts.tsx';
import type { StatFact } from '../../ui/parts.tsx';

/** The figures of a run: of its training while it runs, of what it came to afterwards. */
export function RunNumbers({ run }: { readonly run: Run }) {
  const facts = [...trainingFacts(run), ...resultFacts(run)];
  return facts.length === 0 ? null : <Stats facts={facts} />;
}

function trainingFacts({ live: { training, status } }: Run): StatFact[] {
  if (training === null || status !== 'running') return [];
  const { step, totalSteps, epoch, totalEpochs, loss, imagesPerSecond, etaSeconds, residentMb, lastEpoch } = training;
  const working = training.phase === 'features' && training.featuresDone !== null;
  return [
    {
      label: 'Step',
      value: count(step),
      note: working ? `frozen features ${percent(training.featuresDone, 0)}` : `of ${count(totalSteps)}`,
    },
    { label: 'Epoch', value: count(epoch), note: `of ${count(totalEpochs)}` },
    { label: 'Loss now', value: figure(loss) },
    ...(lastEpoch === null
      ? []
      : [
          {
            label: 'Validation',
            value: percent(lastEpoch.validationAccuracy),
            note: `loss ${figure(lastEpoch.validationLoss)}`,
          },
        ]),
    { label: 'Images a second', value: imagesPerSecond === null ? '–' : count(Math.round(imagesPerSecond)) },
    { label: 'Still to go', value: duration(etaSeconds) },
    { label: 'Memory', value: residentMb === null ? '–' : bytes(residentMb * 2 ** 20), note: 'of the trainer' },
  ];
}

function resultFacts({ report, checkpoints, attempts }: Run): StatFact[] {
  if (report === null) return [];
  const { metrics, dataset, training, estimate } = report;
  const seconds = report.stages.find(({ name }) => name === 'train');
  return [
    ...(metrics?.accuracy === undefined
      ? []
      : [
          {
            label: 'Test accuracy',
            value: percent(metrics.accuracy, 2),
            note: metrics.loss === undefined ? null : `loss ${figure(metrics.loss)}`,
          },
        ]),
    ...(metrics?.macroF1 === undefined ? [] : [{ label: 'Macro F1', value: figure(metrics.macroF1, 3) }]),
    ...(seconds === undefined
      ? []
      : [{ label: 'Training', value: seconds.cached ? 'cached' : duration(seconds.seconds), note: seconds.summary }]),
    ...(estimate === undefined ? [] : [plannedFact(estimate)]),
    ...(training === undefined
      ? []
      : [
          {
            label: 'Parameters',
            value: count(training.totalParameters),
            note: `${count(training.trainableParameters)} trained`,
          },
        ]),
    ...(dataset === null
      ? []
      : [
          {
            label: 'Images',
            value: count(dataset.images),
            note: `${count(dataset.classes.length)} classes, ${count(dataset.quarantined)} quarantined`,
          },
        ]),
    ...(checkpoints.length === 0 ? [] : [{ label: 'Checkpoints kept', value: count(checkpoints.length) }]),
    ...(attempts.length > 1
      ? [
          {
            label: 'Tries',
            value: count(attempts.length),
            note: `${count(attempts.reduce((sum, each) => sum + each.redoneSteps, 0))} steps done again`,
          },
        ]
      : []),
  ];
}

/** What was foretold of the training beside what it took. */
function plannedFact({ seconds, actualSeconds, ratio }: NonNullable<NonNullable<Run['report']>['estimate']>): StatFact {
  const range = `${duration(seconds.low)} to ${duration(seconds.high)}`;
  const came = actualSeconds === null || ratio === null ? 'it was cached' : `took ${ratio.toFixed(2)} times as long`;
  return { label: 'Planned training', value: duration(seconds.expected), note: `${range}; ${came}` };
}
