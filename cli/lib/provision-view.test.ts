import { describe, expect, it } from 'vitest';
import type { Output } from '../output.ts';
import { provisionView } from './provision-view.ts';

function recorder(): { output: Output; seen: string[] } {
  const seen: string[] = [];
  const output: Output = {
    json: false,
    say: (text) => seen.push(text),
    warn: (text) => seen.push(text),
    table: () => undefined,
    progress: (title) => ({
      update: (done, total) => seen.push(`${title} ${String(done)}/${String(total)}`),
      stop: () => seen.push(`${title} gone`),
    }),
    result: () => undefined,
  };
  return { output, seen };
}

describe('provisionView', () => {
  it('says each step once and draws one bar at a time', () => {
    const { output, seen } = recorder();
    const { onProgress, stop } = provisionView(output);
    onProgress({ item: 'tensorflow', step: 'download' });
    onProgress({ item: 'tensorflow', step: 'download', doneBytes: 1, totalBytes: 2 });
    onProgress({ item: 's3', step: 'build', note: 'two minutes' });
    onProgress({ item: 'tensorflow', step: 'download', doneBytes: 2, totalBytes: 2 });
    stop();
    expect(seen).toEqual([
      'TensorFlow: download',
      'TensorFlow: download 1/2',
      'TensorFlow: download gone',
      'object store: build (two minutes)',
      'TensorFlow: download 2/2',
      'TensorFlow: download gone',
    ]);
  });

  it('names every source that was passed over', () => {
    const { output, seen } = recorder();
    const { onProgress } = provisionView(output);
    onProgress({ item: 's3', step: 'next source', note: 'first' });
    onProgress({ item: 's3', step: 'next source', note: 'second' });
    expect(seen).toHaveLength(2);
  });
});
