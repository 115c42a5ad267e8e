import type { BoxStatistics } from './box-statistics.ts';
import type { Colours } from './colours.ts';
import type { DuplicatesReport } from './duplicates.ts';
import type { DatasetFinding } from './findings.ts';
import type { DatasetStatistics } from './statistics.ts';
import type { TestSize } from './test-size.ts';

/** Everything that a look at a data set says; the report's JSON. */
export interface DatasetReport {
  readonly findings: readonly DatasetFinding[];
  readonly statistics: DatasetStatistics;
  readonly boxes: BoxStatistics | null;
  readonly colours: Colours | null;
  readonly duplicates: DuplicatesReport | null;
  readonly testSize: TestSize;
  /** Items that a policy of `dataset.checks` leaves out. */
  readonly dropped: number;
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ddd;vertical-align:top;overflow-wrap:anywhere}
td.n{text-align:right;white-space:nowrap}.bar{background:#47a;height:.7rem;display:inline-block;min-width:1px}
.warning{color:#a40}.info{color:#555}`;
/** Rows of a table, at most; the JSON report has all. */
const MOST_ROWS = 200;

/** The report as one HTML file without anything from elsewhere. Names of classes and files are text, whatever is in them. */
export function reportPage(name: string, report: DatasetReport): string {
  const { statistics, findings } = report;
  const parts = [
    `<h1>Data set ${escapeHtml(name)}</h1>`,
    `<p>${statistics.images} images, ${statistics.sizeBytes} bytes${report.dropped > 0 ? `; ${report.dropped} left out by dataset.checks` : ''}</p>`,
    section('What to know before training', findingsTable(findings)),
    section('Classes', barTable(Object.entries(statistics.perClass))),
    section('Pictures', pictureTable(report)),
    ...(report.boxes === null ? [] : [section('Boxes', boxTables(report.boxes))]),
    ...(report.duplicates === null ? [] : [section('The same picture twice', duplicatesTable(report))]),
    section('The test', testText(report.testSize)),
  ];
  const head = `<meta charset="utf-8"><title>${escapeHtml(name)}</title><style>${STYLE}</style>`;
  return `<!doctype html>\n<html lang="en"><head>${head}</head>\n<body>\n${parts.join('\n')}\n</body></html>\n`;
}

export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}

const section = (title: string, body: string): string => `<h2>${title}</h2>\n${body}`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const top = head.length === 0 ? '' : `<tr>${head.map((cell) => `<th>${cell}</th>`).join('')}</tr>`;
  const body = rows.slice(0, MOST_ROWS).map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`);
  const rest = rows.length > MOST_ROWS ? `<p>and ${rows.length - MOST_ROWS} more in the JSON report</p>` : '';
  return `<table>${top}${body.join('\n')}</table>${rest}`;
}

function findingsTable(findings: readonly DatasetFinding[]): string {
  if (findings.length === 0) return '<p>Nothing to remark.</p>';
  return table(
    [],
    findings.map(({ level, code, message }) => [`<span class="${level}">${level}</span>`, code, escapeHtml(message)]),
  );
}

function barTable(counts: readonly (readonly [string, number])[]): string {
  const most = Math.max(1, ...counts.map(([, count]) => count));
  const bar = (count: number): string =>
    `<span class="bar" style="width:${Math.round((300 * count) / most)}px"></span>`;
  return table(
    [],
    counts.map(([label, count]) => [escapeHtml(label), String(count), bar(count)]),
  );
}

function pictureTable({ statistics: s, colours }: DatasetReport): string {
  const range = ({ min, max, mean }: { min: number; max: number; mean: number }): string =>
    `${min} … ${max}, mean ${mean}`;
  return table(
    [],
    [
      ['Width', range(s.width)],
      ['Height', range(s.height)],
      [
        'Formats',
        Object.entries(s.formats)
          .map(([format, count]) => `${escapeHtml(format)} ${count}`)
          .join(', '),
      ],
      ['Gray', String(s.gray)],
      ['With transparency', String(s.withAlpha)],
      ['Smaller than the input', String(s.smallerThanTarget)],
      ...(colours === null
        ? []
        : [
            ['Mean of red, green, blue (0–1)', colours.mean.join(', ')],
            ['Standard deviation', colours.deviation.join(', ')],
          ]),
    ],
  );
}

function boxTables(boxes: BoxStatistics): string {
  const { perImage } = boxes;
  const sizes = boxes.inputSizes.map(({ below, boxes: count }): [string, number] => [
    below === null ? 'larger' : `below ${below} px`,
    count,
  ]);
  const named = boxes.examples.map(({ path, label, inInput, seenAt }) => [
    escapeHtml(path),
    escapeHtml(label),
    inInput.join('×'),
    seenAt === null ? 'none' : `${seenAt}×${seenAt}`,
  ]);
  return [
    `<p>${boxes.boxes} boxes, ${perImage.min} to ${perImage.max} an image, ${perImage.mean} on average; ${boxes.imagesWithout} images without.</p>`,
    '<p>Size in the input (root of the area):</p>',
    barTable(sizes),
    `<p>${boxes.vanishing} boxes are too small to be learnt at this input size. Share of boxes that would be at others:</p>`,
    barTable(boxes.vanishingAt.map(({ sizePx, share }) => [`${sizePx}×${sizePx}`, Math.round(1000 * share) / 10])),
    ...(named.length === 0 ? [] : [table(['picture', 'class', 'pixels in the input', 'seen at'], named)]),
  ].join('\n');
}

function duplicatesTable({ statistics, duplicates }: DatasetReport): string {
  if (duplicates === null) return '';
  const { pairs, clusters, conflicts, leaks, examples } = duplicates;
  return [
    `<p>${statistics.copies} exact copies; ${pairs} pairs in ${clusters} clusters look the same though their bytes differ, ${conflicts} of the clusters under more than one label; ${leaks} across given sides.</p>`,
    ...(examples.length === 0
      ? []
      : [
          table(
            ['picture', 'and', 'alike', 'mirrored'],
            examples.map(({ a, b, correlation, mirrored }) => [
              escapeHtml(a),
              escapeHtml(b),
              String(correlation),
              mirrored,
            ]),
          ),
        ]),
  ].join('\n');
}

function testText({ images, interval, tellable }: TestSize): string {
  const percent = (share: number): string => `${Math.round(1000 * share) / 10} %`;
  return `<p>About ${images} images are held out for the test. A model that gets 90 % of them right is between ${percent(interval.lower)} and ${percent(interval.upper)} in truth (95 %), and two models that differ by less than ${percent(tellable)} can't be told apart by them.</p>`;
}
