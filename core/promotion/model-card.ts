import { markdownTable } from '../markdown.ts';
import { shareInterval } from './counts.ts';
import type { SliceFigure } from './slices.ts';

/** What an export cost, measured when it was written. */
export interface ExportCost {
  readonly format: string;
  readonly precision: string;
  readonly sizeBytes: number;
  /** Largest difference of a probability on real pictures; of a detector's score, or of an edge as a share of the side. */
  readonly maxDifference: number;
  readonly accuracy: { readonly images: number; readonly original: number; readonly exported: number } | null;
  /** Of a detector, mAP at IoU .5 instead. */
  readonly mAP50?: ExportCost['accuracy'];
}

/** What a card says of a version (Mitchell et al., "Model Cards for Model Reporting", FAT* 2019, as far as graft knows it). */
export interface CardFacts {
  readonly model: string;
  readonly version: number;
  readonly aliases: readonly string[];
  readonly createdAt: string;
  readonly runId: string;
  readonly graftVersion: string;
  readonly weightsSha256: string;
  readonly network: string;
  readonly pretrained: string;
  readonly input: string;
  readonly classes: readonly string[];
  readonly dataset: { readonly name: string; readonly version: string; readonly source: string };
  readonly images: Readonly<Record<string, number>> | null;
  readonly configSha256: string | null;
  /** Code version of each stage. */
  readonly code: Readonly<Record<string, number | null>>;
  readonly test: { readonly images: number; readonly figures: Readonly<Record<string, number>> };
  readonly perClass: readonly {
    readonly label: string;
    readonly support: number;
    readonly recall: number;
    readonly precision: number;
  }[];
  /** By the expression of the gate or of whoever asks; null where there is none. */
  readonly slices: { readonly by: string; readonly figures: readonly SliceFigure[] } | null;
  readonly exports: readonly ExportCost[];
  readonly gate: readonly { readonly rule: string; readonly passed: boolean; readonly explanation: string }[];
  readonly intendedUse: string | null;
  readonly limits: readonly string[];
}

/** The share of right answers with its interval at 95 % (Wilson); a class is a small test set. */
export const recallInterval = ({ recall, support }: { readonly recall: number; readonly support: number }) =>
  shareInterval(Math.round(recall * support), support);

/** A class with fewer test images has an interval too wide to say much. */
const FEW = 30;

/** What the figures themselves say of where the model must not be trusted. Pure. */
export function knownLimits(facts: Omit<CardFacts, 'limits'>, stated: string | null): string[] {
  const few = facts.perClass.filter(({ support }) => support < FEW).map(({ label }) => label);
  const thin = (facts.slices?.figures ?? []).filter(({ images }) => images < FEW).map(({ slice }) => slice);
  const named = few.slice(0, 10).join(', ') + (few.length > 10 ? ` and ${few.length - 10} more` : '');
  const failed = facts.gate.filter(({ passed }) => !passed).map(({ rule, explanation }) => `${rule}: ${explanation}`);
  return [
    ...(stated === null ? [] : [stated]),
    `It answers with one of its ${facts.classes.length} classes whatever it is shown; pictures of anything else get one too.`,
    'Its figures hold for pictures like those of its test set; who made these and where is not known to graft.',
    ...(few.length === 0 ? [] : [`Fewer than ${FEW} test images, so that little can be said: ${named}.`]),
    ...(thin.length === 0 ? [] : [`Slices of fewer than ${FEW} test images: ${thin.slice(0, 10).join(', ')}.`]),
    ...failed.map((text) => `The gate refused: ${text}.`),
  ];
}

/** The card as Markdown. Pure. */
export function modelCard(facts: CardFacts): string {
  const { test, perClass, gate, limits, aliases } = facts;
  const accuracy = test.figures['accuracy'];
  const interval = accuracy === undefined ? null : shareInterval(Math.round(accuracy * test.images), test.images);
  return [
    `# ${facts.model}, version ${facts.version}`,
    '',
    aliases.length === 0 ? 'No alias points here.' : `Aliases: ${aliases.join(', ')}.`,
    '',
    '## What it is for',
    '',
    facts.intendedUse ?? 'Nobody has said (`promote.card.intendedUse` of the pipeline file).',
    '',
    '## Limits',
    '',
    ...limits.map((limit) => `- ${limit}`),
    '',
    '## How good it is',
    '',
    `On ${test.images} test images${interval ? `; accuracy lies between ${share(interval.lower)} and ${share(interval.upper)} (95 %, Wilson)` : ''}.`,
    '',
    markdownTable(
      ['figure', 'value'],
      Object.entries(test.figures).map(([name, value]) => [name, value.toFixed(4)]),
    ),
    '',
    markdownTable(
      ['class', 'test images', 'recall', '95 %', 'precision'],
      perClass.map((row) => {
        const { lower, upper } = recallInterval(row);
        return [
          row.label,
          String(row.support),
          share(row.recall),
          `${share(lower)} to ${share(upper)}`,
          share(row.precision),
        ];
      }),
    ),
    ...sliceTable(facts),
    '',
    '## The gate',
    '',
    ...gate.map(({ rule, passed, explanation }) => `- ${passed ? 'passed' : 'failed'}: ${rule}: ${explanation}`),
    ...exportTable(facts),
    '',
    '## Where it comes from',
    '',
    origin(facts),
    '',
  ].join('\n');
}

function sliceTable({ slices }: CardFacts): string[] {
  if (!slices) return [];
  const rows = slices.figures.map(({ slice, images, right }) => {
    const { lower, upper } = shareInterval(right, images);
    return [slice, String(images), share(right / images), `${share(lower)} to ${share(upper)}`];
  });
  return ['', `Slices by \`${slices.by}\`:`, '', markdownTable(['slice', 'test images', 'accuracy', '95 %'], rows)];
}

function exportTable({ exports }: CardFacts): string[] {
  if (exports.length === 0) return [];
  const rows = exports.map(({ format, precision, sizeBytes, maxDifference, accuracy, mAP50 = null }) => [
    ...[format, precision, `${(sizeBytes / 1e6).toFixed(2)} MB`, maxDifference.toExponential(1)],
    measured(accuracy ?? mAP50),
  ]);
  const [what, share] = exports.some(({ mAP50 }) => mAP50 !== undefined)
    ? ['a score or an edge', 'mAP@.5']
    : ['a probability', 'accuracy'];
  const head = ['format', 'weights', 'size', `largest difference of ${what}`, share];
  return ['', '## Exports', '', markdownTable(head, rows)];
}

function measured(share: ExportCost['accuracy']): string {
  if (share === null) return 'not measured';
  const { images, original, exported } = share;
  return `${exported.toFixed(4)} instead of ${original.toFixed(4)} on ${images} images`;
}

function origin(facts: CardFacts): string {
  const { images, dataset } = facts;
  return markdownTable(
    ['', ''],
    [
      ['made', `${facts.createdAt} by run ${facts.runId}, graft ${facts.graftVersion}`],
      ['network', `${facts.network}, from ${facts.pretrained}; ${facts.input}`],
      ['weights', facts.weightsSha256],
      ['data', `${dataset.name} of ${dataset.source}, version ${dataset.version}`],
      [
        'images',
        images
          ? Object.entries(images)
              .map(([side, count]) => `${count} ${side}`)
              .join(', ')
          : 'no longer known',
      ],
      ['configuration', facts.configSha256 ?? 'no longer known'],
      [
        'code',
        Object.entries(facts.code)
          .map(([stage, version]) => `${stage} ${version ?? '–'}`)
          .join(', '),
      ],
      ['classes', facts.classes.join(', ')],
    ],
  );
}

const share = (value: number): string => value.toFixed(3);
