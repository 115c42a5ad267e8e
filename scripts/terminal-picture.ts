/** Draws terminal output from stdin as an SVG on stdout: `graft run … 2>&1 | node --import tsx scripts/terminal-picture.ts`. */
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';

const LINE_PX = 19;
const CHARACTER_PX = 8.43;
const PADDING_PX = 18;
const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escape = (line: string): string => line.replace(/[&<>]/g, (character) => escapes[character] ?? character);

function colourOf(line: string): string {
  if (/^\$ /.test(line)) return '#ffffff';
  if (/^\s*✓|^promoted/.test(line)) return '#8fd694';
  if (/^\s*[✗!]/.test(line)) return '#f2a65a';
  return '#c9d1d9';
}

const lines = stripVTControlCharacters(await text(process.stdin))
  .split('\n')
  .map((line) => line.slice(line.lastIndexOf('\r') + 1).trimEnd());
while (lines.at(-1) === '') lines.pop();
const widthPx = Math.ceil(Math.max(...lines.map((line) => line.length)) * CHARACTER_PX) + 2 * PADDING_PX;
const heightPx = lines.length * LINE_PX + 2 * PADDING_PX;
const rows = lines.map((line, i) => {
  const y = PADDING_PX + (i + 0.75) * LINE_PX;
  return `<text x="${PADDING_PX}" y="${y}" fill="${colourOf(line)}" xml:space="preserve">${escape(line)}</text>`;
});
process.stdout.write(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${widthPx} ${heightPx}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">` +
    `<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n${rows.join('\n')}\n</svg>\n`,
);
