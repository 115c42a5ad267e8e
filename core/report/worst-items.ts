import { escapeHtml } from '../dataset/report-page.ts';
import type { JudgedBox, JudgedPicture, Judgement } from '../metrics/detection/judged-pictures.ts';
import { figure } from './run-story.ts';
import type { WorstItem } from './run-story.ts';

/** Told apart in gray by their dashes (Okabe and Ito 2008): what is right, what is wrong, what was missed. */
const STROKES: Readonly<Record<Judgement, { readonly colour: string; readonly dash: string; readonly name: string }>> =
  {
    missed: { colour: '#e69f00', dash: '6 3', name: 'missed' },
    wrong: { colour: '#d55e00', dash: '', name: 'wrong' },
    right: { colour: '#009e73', dash: '2 2', name: 'right' },
  };

/** More boxes than these hide the picture; what was missed comes first, then what is wrong, the surest first. */
const MOST_DRAWN = 40;

/** The pictures that people should look at first. */
export function worst(items: readonly WorstItem[]): string {
  const figures = items.map((item) => {
    if (item.kind === 'boxes') return boxesFigure(item.frame, item.picture);
    const { path, truth, predicted, score, picture } = item;
    const image = picture === null ? '' : `<img alt="" src="${escapeHtml(picture)}">`;
    const text = `${escapeHtml(truth)}, called ${escapeHtml(predicted)} (${figure(score)})`;
    return `<figure>${image}<figcaption>${text}<br>${escapeHtml(path)}</figcaption></figure>`;
  });
  const legend = items.some(({ kind }) => kind === 'boxes')
    ? `<p>Solid: found, but wrong. Dashed: an object that was missed. Dotted: found and right.</p>`
    : '';
  return legend + figures.join('');
}

function boxesFigure(frame: JudgedPicture, picture: string | null): string {
  const { path, width, height, boxes } = frame;
  const image = picture === null ? '' : `<image href="${escapeHtml(picture)}" width="${width}" height="${height}"/>`;
  // Pixels of the picture are the units: lines and letters are shares of it.
  const unit = Math.max(width, height) / 288;
  const drawn = boxes
    .slice(0, MOST_DRAWN)
    .map((box) => rectangle(box, unit))
    .join('');
  const counts = (['missed', 'wrong', 'right'] as const).map((kind) => {
    const count = boxes.filter(({ judgement }) => judgement === kind).length;
    return `${count} ${STROKES[kind].name}`;
  });
  return (
    `<figure class="b"><svg viewBox="0 0 ${width} ${height}" role="img">${image}${drawn}</svg>` +
    `<figcaption>${counts.join(', ')}<br>${escapeHtml(path)}</figcaption></figure>`
  );
}

function rectangle({ judgement, label, score, box: [x, y, width, height] }: JudgedBox, unit: number): string {
  const { colour, dash } = STROKES[judgement];
  const dashes = dash === '' ? '' : ` stroke-dasharray="${dash.split(' ').map((each) => round(Number(each) * unit)).join(' ')}"`; // prettier-ignore
  const at = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
  const word = escapeHtml(score === null ? label : `${label} ${figure(Number(score.toFixed(2)))}`);
  const text = `x="${round(x + 2 * unit)}" y="${round(Math.max(y - 3 * unit, 11 * unit))}" font-size="${round(11 * unit)}"`;
  return (
    `<rect ${at} fill="none" stroke="${colour}" stroke-width="${round(2 * unit)}"${dashes}/>` +
    `<text ${text} fill="${colour}" stroke="#fff" stroke-width="${round(3 * unit)}">${word}</text>`
  );
}

const round = (value: number): number => Math.round(value * 100) / 100;
