import type { Box } from '../../core/dataset/annotations.ts';
import { escapeHtml } from '../../core/dataset/report-page.ts';

/** One picture as the network gets it. */
export interface Tile {
  readonly path: string;
  readonly label: string;
  readonly width: number;
  readonly height: number;
  /** In pixels of the tile. */
  readonly boxes: readonly Box[];
  /** A `data:` URL. */
  readonly picture: string;
  readonly draws: readonly { readonly picture: string; readonly boxes: readonly Box[] }[];
}

const STYLE = `body{font:13px/1.4 system-ui,sans-serif;margin:1rem;color:#222}figure{display:inline-block;margin:.4rem;vertical-align:top}
figcaption{max-width:30rem;overflow-wrap:anywhere}svg,img{image-rendering:pixelated;margin-right:2px;background:#eee}
rect{fill:none;stroke:#e33;stroke-width:1;vector-effect:non-scaling-stroke}text{fill:#e33;font-size:10px}`;
/** Small inputs are shown larger. */
const LEAST_PX = 112;

/** All tiles as one HTML file without anything from elsewhere. */
export function contactSheet(name: string, tiles: readonly Tile[]): string {
  const head = `<meta charset="utf-8"><title>${escapeHtml(name)}</title><style>${STYLE}</style>`;
  const body = tiles.map((tile) => figureOf(tile)).join('\n');
  return `<!doctype html>\n<html lang="en"><head>${head}</head>\n<body>\n<h1>${escapeHtml(name)}</h1>\n${body}\n</body></html>\n`;
}

function figureOf({ path, label, width, height, boxes, picture, draws }: Tile): string {
  const zoom = Math.max(1, Math.ceil(LEAST_PX / Math.max(width, height)));
  const size = `width="${zoom * width}" height="${zoom * height}"`;
  const shown = (url: string, drawn: readonly Box[]): string =>
    `<svg ${size} viewBox="0 0 ${width} ${height}"><image href="${url}" width="${width}" height="${height}"/>${shapesOf(drawn)}</svg>`;
  const others = draws.map((draw) => shown(draw.picture, draw.boxes)).join('');
  const caption = label === '' ? escapeHtml(path) : `<b>${escapeHtml(label)}</b> ${escapeHtml(path)}`;
  return `<figure>${shown(picture, boxes)}${others}<figcaption>${caption}</figcaption></figure>`;
}

function shapesOf(boxes: readonly Box[]): string {
  const shapes = boxes.map(({ xMin, yMin, xMax, yMax, label: text }) => {
    const place = `x="${xMin.toFixed(2)}" y="${yMin.toFixed(2)}"`;
    const rect = `<rect ${place} width="${(xMax - xMin).toFixed(2)}" height="${(yMax - yMin).toFixed(2)}"/>`;
    return `${rect}<text ${place}>${escapeHtml(text)}</text>`;
  });
  return shapes.join('');
}
