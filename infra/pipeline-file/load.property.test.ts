import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePipeline } from './load.ts';

const GOOD = 'name: digits\ndataset:\n  source: images\n';

describe('any input', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'name',
      'dataset',
      'source',
      'train',
      'epochs',
      ': ',
      ':',
      '\n',
      '  ',
      '- ',
      '? ',
      '[',
      ']',
      '{',
      '}',
      ',',
    ),
    fc.constantFrom(
      '&a ',
      '*a',
      '!!set ',
      '!<x>',
      '|\n',
      '>',
      '"',
      "'",
      '#',
      '%YAML 1.1\n---\n',
      '<<: ',
      '__proto__',
      '0x',
      '.nan',
    ),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );
  const text = fc.array(piece, { maxLength: 60 }).map((parts) => parts.join(''));

  it('gives a configuration or an error of kind input, never a throw', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          text.map((t) => GOOD + t),
        ),
        fc.array(text, { maxLength: 2 }),
        (content, set) => {
          const result = parsePipeline(new TextEncoder().encode(content), 'graft.yaml', set);
          if (result.ok) return;
          expect(result.error.kind).toBe('input');
          expect(result.error.message).toMatch(/^[A-Z_]+: /);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('of bytes, too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const result = parsePipeline(bytes, 'graft.yaml', []);
        expect(result.ok ? 'input' : result.error.kind).toBe('input');
      }),
    );
  });
});
