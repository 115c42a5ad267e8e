import * as made from './made-up.ts';

/** The made-up answers with these classes in every place that has any, by their path below /api. */
export function answersOf(labels: readonly string[], runId: string): Record<string, unknown> {
  const label = (n: number): string => labels[n % labels.length] ?? '';
  const cells = labels.flatMap((_, n): [number, number, number][] => [
    [n, n, 190],
    [n, (n * 7 + 1) % labels.length, 1 + (n % 9)],
  ]);
  const perClass = labels.map((each, index) => ({
    ...{ index, label: each, support: 200, precision: 0.9, recall: 0.9 - (index % 50) / 100, f1: 0.9 },
    champion: null,
  }));
  const worst = made.evaluation.worst.map((item, n) => ({ ...item, truth: label(n), predicted: label(n + 1) }));
  const dataset = {
    ...made.dataset,
    perClass: labels.map((each) => ({ label: each, count: 12 })),
    split: {
      ...made.dataset.split,
      perClass: labels.map((each) => ({ label: each, counts: { train: 8, validation: 2, test: 2 } })),
    },
  };
  const items = made.items('');
  return {
    [`/runs/${runId}/evaluation`]: { ...made.evaluation, classes: labels, confusion: cells, perClass, worst },
    '/datasets/pets': dataset,
    [`/datasets/pets/${made.dataset.version}`]: dataset,
    [`/datasets/pets/${made.dataset.version}/items`]: {
      ...items,
      items: items.items.map((item, n) => ({
        ...item,
        label: label(n * 11),
        path: `${label(n * 11)}/${String(n)}.jpg`,
      })),
    },
    '/models/pets': {
      ...made.model,
      versions: made.model.versions.map((each) => ({ ...each, model: { ...each.model, classes: labels } })),
    },
    '/approvals': {
      approvals: made.approvals.approvals.map((each) => ({
        ...each,
        perClass: labels.map((name) => ({ label: name, support: 200, challenger: 0.9, champion: 0.91 })),
      })),
    },
    '/predict': {
      ...made.prediction,
      predictions: labels.slice(0, 500).map((name, n) => ({ label: name, score: 1 / (n + 2) })),
    },
  };
}
