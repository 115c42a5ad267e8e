import { escapeHtml } from '../dataset/report-page.ts';
import { shareInterval } from '../promotion/counts.ts';
import { lineChart } from './line-chart.ts';
import { confusedPairs, figure, outcome, spent } from './run-story.ts';
import type { EvaluationStory, RunStory, SlicesStory } from './run-story.ts';
import { worst } from './worst-items.ts';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #bbb}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ddd;vertical-align:top;overflow-wrap:break-word;max-width:34rem}
td.n,th.n{text-align:right;white-space:nowrap}.confusion td,.confusion th{padding:.15rem .35rem;text-align:right;font-size:12px;border:1px solid #ccc}
svg{width:100%;max-width:44rem;height:auto;font:11px system-ui,sans-serif}svg .t{font-weight:600;font-size:13px}svg .g{stroke:#ddd}svg .m{stroke:#666;stroke-dasharray:3 3}
.warning,.no{color:#8a3800}.yes{color:#0a5c2b}figure{display:inline-block;width:9.5rem;margin:.3rem;vertical-align:top;font-size:12px;overflow-wrap:anywhere}
figure img{width:100%;height:7rem;object-fit:contain;background:#eee}
figure.b{width:18rem}figure.b svg{max-height:18rem;font-weight:600;background:#eee;paint-order:stroke;stroke-linejoin:round}pre{white-space:pre-wrap;font-size:12px;background:#f5f5f5;padding:.6rem}
@media print{body{margin:0;max-width:none;font-size:11px}h2{break-after:avoid}table,figure,svg,tr{break-inside:avoid}a{color:inherit}}`;
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
/** A matrix of more classes is no picture any more: the pairs are told instead. */
const MATRIX_CLASSES = 30;
const PAIRS = 40;
const MAX_CLASSES = 200;

/** A run's report as one file that needs nothing else: no script, no font, no picture from elsewhere. Labels are text. */
export function runPage(story: RunStory): string {
  const title = `Run ${story.runId}`;
  const parts = [
    `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(summary(story))}</p><p><b>${escapeHtml(outcome(story))}</b></p>`,
    section('Figures', figures(story)),
    section('Advice', findings(story)),
    section('The gate', gate(story)),
    section('Curves', curves(story)),
    section('Classes', story.evaluation ? classes(story.evaluation) : ''),
    section('Slices', story.slices ? slices(story.slices) : ''),
    section('What is taken for what', story.evaluation ? confusion(story.evaluation) : ''),
    section(
      story.worst.some(({ kind }) => kind === 'boxes') ? 'Where most is wrong' : 'The surest mistakes',
      worst(story.worst),
    ),
    section('Plan and actual', plan(story)),
    section('Stages', stages(story)),
    section('Configuration', `<pre>${escapeHtml(story.config)}</pre>`),
  ];
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" content="${POLICY}"><title>${escapeHtml(title)}</title><style>${STYLE}</style>`;
  return `<!doctype html>\n<html lang="en"><head>${head}</head>\n<body>\n${parts.filter((part) => part !== '').join('\n')}\n</body></html>\n`;
}

const section = (title: string, body: string): string => (body === '' ? '' : `<h2>${escapeHtml(title)}</h2>${body}`);

function summary({ name, createdAt, requestedBy, graftVersion, training, dataset }: RunStory): string {
  return [
    `pipeline ${name}`,
    ...(training
      ? [`${training.backbone}, ${training.strategy}, ${training.epochs} epochs, the best was ${training.bestEpoch}`]
      : []),
    ...(dataset
      ? [
          `${dataset.images} images in ${dataset.classes.length} classes of ${dataset.name}@${dataset.version.slice(0, 12)}`,
        ]
      : []),
    `begun ${createdAt ?? '–'} by ${requestedBy ?? '–'}`,
    `graft ${graftVersion}`,
  ].join(' · ');
}

type Cell = string | { readonly text: string; readonly kind: string };

/** Cells are text; `n` is a number. */
function table(head: readonly Cell[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return '';
  const cell = (tag: string, value: Cell): string =>
    typeof value === 'string'
      ? `<${tag}>${escapeHtml(value)}</${tag}>`
      : `<${tag} class="${value.kind}">${escapeHtml(value.text)}</${tag}>`;
  const row = (tag: string, cells: readonly Cell[]): string =>
    `<tr>${cells.map((each) => cell(tag, each)).join('')}</tr>`;
  return `<table>${row('th', head)}${rows.map((cells) => row('td', cells)).join('')}</table>`;
}

const n = (text: string): Cell => ({ text, kind: 'n' });

function figures({ metrics, champion }: RunStory): string {
  if (!metrics) return '';
  const names = ['accuracy', 'top5', 'macroF1', 'macroPrecision', 'macroRecall', 'loss'];
  const others = Object.keys(metrics).filter((name) => !names.includes(name));
  const known = [...names, ...others].filter((name) => metrics[name] !== undefined);
  const theirs = champion?.metrics ?? null;
  const head = [
    '',
    n('this run'),
    ...(theirs && champion ? [n(`champion, version ${champion.version}`), n('difference')] : []),
  ];
  return table(
    head,
    known.map((name) => {
      const [own, other] = [metrics[name] ?? 0, theirs?.[name]];
      const difference = other === undefined ? '–' : `${own >= other ? '+' : '−'}${figure(Math.abs(own - other))}`;
      return [name, n(figure(own)), ...(theirs ? [n(figure(other)), n(difference)] : [])];
    }),
  );
}

function findings({ findings: all }: RunStory): string {
  return table(
    ['', ''],
    all.map(({ level, code, message }) => [{ text: code, kind: level === 'warning' ? 'warning' : 'info' }, message]),
  );
}

function gate({ gate: rules }: RunStory): string {
  return table(
    ['rule', '', 'why'],
    rules.map(({ rule, passed, explanation }) => [
      rule,
      passed ? { text: 'passed', kind: 'yes' } : { text: 'refused', kind: 'no' },
      explanation,
    ]),
  );
}

function curves({ curves: { loss, parts, accuracy, mAP, rate }, training }: RunStory): string {
  const mark = training && training.epochs > 1 ? { at: training.bestEpoch, name: 'best' } : null;
  return [
    lineChart(loss, { title: 'Loss', xLabel: 'epoch', mark }),
    lineChart(parts, { title: 'Losses on the validation side', xLabel: 'epoch', mark }),
    lineChart(mAP, { title: 'mAP@.5', xLabel: 'epoch', mark }),
    lineChart(accuracy, { title: 'Accuracy', xLabel: 'epoch', mark }),
    lineChart(rate, { title: 'Learning rate', xLabel: 'step' }),
  ].join('');
}

function classes({ perClass }: EvaluationStory): string {
  const rows = [...perClass].sort((a, b) => a.f1 - b.f1).slice(0, MAX_CLASSES);
  const cut = perClass.length > rows.length ? `<p>The ${MAX_CLASSES} weakest of ${perClass.length}.</p>` : '';
  const head = ['class', n('images'), n('precision'), n('recall'), n('F1')];
  return `${cut}${table(
    head,
    rows.map(({ label, support, precision, recall, f1 }) => [
      ...[label, n(String(support)), n(figure(precision)), n(figure(recall)), n(figure(f1))],
    ]),
  )}`;
}

function slices(story: SlicesStory): string {
  if (story.kind === 'attributes') {
    const rows = story.figures
      .slice(0, MAX_CLASSES)
      .map(({ attribute, value, images, objects, AP, AP50 }) => [
        ...[attribute, value, n(String(images)), n(String(objects))],
        ...[AP50, AP].map((each) => n(each < 0 ? '–' : figure(each))),
      ]);
    return table(['attribute', 'value', n('images'), n('objects'), n('mAP@.5'), n('mAP')], rows);
  }
  const rows = story.figures.slice(0, MAX_CLASSES).map(({ slice, images, right }) => {
    const { lower, upper } = shareInterval(right, images);
    return [slice, n(String(images)), n(figure(right / images)), n(`${figure(lower)} to ${figure(upper)}`)];
  });
  const by = rows.length === 0 ? '' : `<p>By ${escapeHtml(story.by)}.</p>`;
  return `${by}${table(['slice', n('images'), n('accuracy'), n('95 %')], rows)}`;
}

function confusion(evaluation: EvaluationStory): string {
  const { classes: labels, confusion: matrix } = evaluation;
  const pairs = confusedPairs(evaluation, PAIRS);
  const list = table(
    ['is', 'was called', n('images')],
    pairs.map(({ truth, given, count }) => [truth, given, n(String(count))]),
  );
  if (labels.length > MATRIX_CLASSES) return list;
  const head = `<tr><th scope="col">true \\ predicted</th>${labels.map((label) => `<th scope="col">${escapeHtml(label)}</th>`).join('')}</tr>`;
  const rows = matrix.map((row, truth) => {
    const sum = Math.max(
      1,
      row.reduce((a, b) => a + b, 0),
    );
    const cells = row.map((count, given) => {
      const hue = truth === given ? '0,114,178' : '213,94,0';
      return `<td style="background:rgba(${hue},${((0.75 * count) / sum).toFixed(2)})">${count}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(labels[truth] ?? '')}</th>${cells.join('')}</tr>`;
  });
  return `<table class="confusion">${head}${rows.join('')}</table>${list}`;
}

function plan({ plan: rows }: RunStory): string {
  return table(
    ['', n('planned'), n('actual')],
    rows.map(({ what, planned, actual }) => [what, n(figure(planned)), n(figure(actual))]),
  );
}

function stages({ stages: all }: RunStory): string {
  return table(
    ['stage', n('time'), ''],
    all.map(({ name, cached, seconds, summary: text }) => [name, n(cached ? 'cached' : spent(seconds)), text]),
  );
}
