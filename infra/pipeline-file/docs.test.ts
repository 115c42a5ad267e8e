import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PipelineConfig, ScheduleConfig } from '../../contracts/pipeline-config.ts';
import { withAutos } from './autos.ts';
import { applyOverride, parseOverride } from './overrides.ts';
import type { Plain } from './yaml-source.ts';
import { parseYaml } from './yaml-source.ts';

const pages = [
  'far-from-cats-and-cars',
  'small-or-big-network',
  'what-will-it-take',
  'which-layers',
  'which-learning-rate',
  'when-do-i-stop',
];
const textOf = (page: string): string => readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8');
const base = { name: 'a', dataset: { source: '.' } };

function plain(text: string): Plain {
  const parsed = parseYaml(text, 'docs');
  if (!parsed.ok) throw parsed.error[0] ?? new Error(text);
  return parsed.value.value;
}

describe.each(pages)('docs/%s.md', (page) => {
  const text = textOf(page);

  it('shows keys that graft.yaml has', () => {
    for (const [, block] of text.matchAll(/```yaml\n([\s\S]*?)```/g)) {
      expect(PipelineConfig.safeParse(withAutos({ ...base, ...Object(plain(block!)) })).error).toBeUndefined();
    }
    for (const [, schedule] of text.matchAll(/^\| `(\{kind: .*?\})` \|/gm)) {
      expect([schedule, ScheduleConfig.safeParse(plain(schedule!)).error]).toEqual([schedule, undefined]);
    }
  });

  it('sets keys that there are', () => {
    for (const [, set] of text.matchAll(/--set (\S+)/g)) {
      const override = parseOverride(set!);
      if (!override.ok) throw override.error[0] ?? new Error(set);
      const applied = applyOverride(base, override.value);
      expect(applied.ok && PipelineConfig.safeParse(withAutos(applied.value)).error).toBeUndefined();
    }
  });
});

it('the pages have something to look at', () => {
  expect(textOf('when-do-i-stop').match(/```yaml/g)).toHaveLength(2);
  expect(textOf('which-learning-rate').match(/^\| `\{kind: /gm)!.length).toBeGreaterThan(5);
  expect(textOf('which-layers').match(/--set /g)!.length).toBeGreaterThan(3);
});
