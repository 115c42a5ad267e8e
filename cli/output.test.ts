import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createOutput, formatAmount } from './output.ts';

function captured(json: boolean): { output: ReturnType<typeof createOutput>; text: () => string } {
  const stderr = new PassThrough();
  const stdout = new PassThrough();
  return {
    output: createOutput({ json, stdout, stderr }),
    text: () => `${String(stdout.read() ?? '')}|${String(stderr.read() ?? '')}`,
  };
}

describe('createOutput', () => {
  it('refuses a second JSON document', () => {
    const { output } = captured(true);
    output.result({ a: 1 });
    expect(() => {
      output.result({ a: 2 });
    }).toThrowError(/two JSON documents/);
  });

  it('warns on stderr with --json too, and says nothing else there', () => {
    const { output, text } = captured(true);
    output.say('chatter');
    output.warn('heed');
    expect(text()).toBe('|heed\n');
  });

  it('draws no bar where there is no terminal: a line at each tenth', () => {
    const { output, text } = captured(false);
    const bar = output.progress('wheel', 'bytes');
    for (let done = 0; done <= 1000; done += 1) bar.update(done * 1024 ** 2, 1000 * 1024 ** 2);
    bar.stop('done');
    const lines = text().slice(1).trim().split('\n');
    expect(lines).toHaveLength(12);
    expect(lines[1]).toBe('wheel 100.0 MiB of 1000.0 MiB');
    expect(lines.at(-1)).toBe('done');
  });
});

describe('formatAmount', () => {
  it('gives bytes in binary units and counts as they are', () => {
    expect(formatAmount(1536, 'bytes')).toBe('2 KiB');
    expect(formatAmount(3 * 1024 ** 3, 'bytes')).toBe('3.00 GiB');
    expect(formatAmount(1536, 'count')).toBe('1536');
  });
});
