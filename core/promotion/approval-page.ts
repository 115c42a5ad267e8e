import { markdownTable } from '../markdown.ts';

/** What is compared; contracts/approval.ts has it as it is stored. */
export interface Comparison {
  readonly runId: string;
  readonly model: string;
  readonly alias: string;
  readonly requestedBy: string;
  readonly createdAt: string;
  readonly challenger: {
    readonly weightsSha256: string;
    readonly dataset: string;
    readonly images: number;
    readonly metrics: Readonly<Record<string, number>>;
  };
  readonly champion: {
    readonly version: number;
    readonly metrics: Readonly<Record<string, number>> | null;
  } | null;
  readonly rules: readonly { readonly rule: string; readonly passed: boolean; readonly explanation: string }[];
  readonly perClass: readonly {
    readonly label: string;
    readonly support: number;
    readonly challenger: number;
    readonly champion: number | null;
  }[];
}

/** Classes beyond this are in the JSON alone. */
const CLASSES_SHOWN = 100;

/** The comparison for people, as Markdown. Pure. */
export function approvalPage(report: Comparison): string {
  const { runId, model, alias, requestedBy, createdAt, challenger, champion, rules, perClass } = report;
  const against = champion ? `version ${champion.version}` : 'nothing: there is no champion yet';
  const worst = [...perClass].sort((a, b) => change(a) - change(b)).slice(0, CLASSES_SHOWN);
  return [
    `# May run ${runId} become ${alias} of ${model}?`,
    '',
    `Asked for by ${requestedBy}, ${createdAt}. Compared with ${against}, both on the same ${challenger.images} test images.`,
    '',
    markdownTable(
      ['figure', 'challenger', 'champion', 'change'],
      Object.entries(challenger.metrics).map(([name, ours]) => {
        const theirs = champion?.metrics?.[name];
        return [name, shown(ours), shown(theirs ?? null), theirs === undefined ? '–' : signed(ours - theirs)];
      }),
    ),
    '',
    '## The gate',
    '',
    ...rules.map(({ rule, passed, explanation }) => `- ${passed ? 'passed' : 'failed'}: ${rule}: ${explanation}`),
    '',
    '## Classes, the greatest loss first',
    '',
    markdownTable(
      ['class', 'images', 'challenger', 'champion', 'change'],
      worst.map((row) => [
        ...[row.label, String(row.support), shown(row.challenger), shown(row.champion)],
        row.champion === null ? '–' : signed(change(row)),
      ]),
    ),
    '',
    `Answer with \`graft approve ${runId}\` or \`graft reject ${runId} --reason WHY\`.`,
    '',
  ].join('\n');
}

const change = ({ challenger, champion }: Comparison['perClass'][number]): number =>
  challenger - (champion ?? challenger);
const shown = (value: number | null): string => (value === null ? '–' : value.toFixed(4));
const signed = (value: number): string => `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(4)}`;
