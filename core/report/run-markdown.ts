import { figure, outcome, spent } from './run-story.ts';
import type { RunStory } from './run-story.ts';

/** The same in short, for a pull request. */
export function runMarkdown(story: RunStory): string {
  const { runId, metrics, champion, gate, findings, stages, training, dataset } = story;
  const theirs = champion?.metrics ?? null;
  const names = Object.keys(metrics ?? {}).filter((name) => metrics?.[name] !== undefined);
  const head = ['', 'this run', ...(theirs ? [`champion (version ${champion?.version ?? '–'})`] : [])];
  const seconds = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const about = [
    ...(training ? [`${training.backbone}, ${training.strategy}, ${training.epochs} epochs`] : []),
    ...(dataset ? [`${dataset.images} images in ${dataset.classes.length} classes`] : []),
    spent(seconds),
  ].join(' · ');
  const parts = [
    `## Run ${inert(runId)}`,
    `**${inert(outcome(story))}**`,
    inert(about),
    table(
      head,
      names.map((name) => [name, figure(metrics?.[name]), ...(theirs ? [figure(theirs[name])] : [])]),
    ),
    table(
      ['gate', '', 'why'],
      gate.map(({ rule, passed, explanation }) => [rule, passed ? 'passed' : 'refused', explanation]),
    ),
    ...findings.map(
      ({ level, code, message }) =>
        `- ${level === 'warning' ? '**' : ''}${inert(code)}${level === 'warning' ? '**' : ''}: ${inert(message)}`,
    ),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const row = (cells: readonly string[]): string => `| ${cells.map(inert).join(' | ')} |`;
  return [row(head), `|${head.map(() => '---|').join('')}`, ...rows.map(row)].join('\n');
}

/** Labels and paths are text: nothing in them makes markup, a link, a mention or another cell. */
function inert(text: string): string {
  return text
    .replaceAll(/[\r\n]+/g, ' ')
    .replaceAll(/[\\`*_{}[\]()#+!|<>~@&]/g, (character) => `&#${character.charCodeAt(0)};`);
}
