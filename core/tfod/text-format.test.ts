import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GraftError } from '../errors.ts';
import { leavesOf } from './leaves.ts';
import { parseTextFormat } from './text-format.ts';

const leaves = (text: string) =>
  Object.fromEntries(leavesOf(parseTextFormat(text, 'f')).map(({ path, values }) => [path, values]));

describe('protobuf’s text format', () => {
  test('has messages with and without a colon, in either bracket, lists, repeated fields and comments', () => {
    const text = `
      # a comment { with brackets
      model { ssd: < num_classes: 37, ratios: 1.0 ratios: 2; ratios: [.5, 3f, 0x10] > }
      train_config: { name: "a" 'b' # strings that follow each other
        on: true off: false kind: RELU_6, rate: -1.5e-3 nothing {} }`;
    expect(leaves(text)).toEqual({
      'model.ssd.num_classes': [37],
      'model.ssd.ratios': [1, 2, 0.5, 3, 16],
      'train_config.name': ['ab'],
      'train_config.on': [true],
      'train_config.off': [false],
      'train_config.kind': ['RELU_6'],
      'train_config.rate': [-0.0015],
      'train_config.nothing': ['{}'],
    });
  });

  test('undoes escapes', () => {
    expect(leaves(String.raw`a: "\"x\" \x41\101\n"`)).toEqual({ a: ['"x" AA\n'] });
  });

  test.each([
    ['model {', 'line 1', 'the end of the file'],
    ['a: 1\nmodel { b }', 'line 2', '}'],
    ['a: ', 'line 1', 'the end of the file'],
    ['a: [1 2]', 'line 1', '2'],
    ['a: "open', 'line 1', '"\\"open'],
    ['[type]: {}', 'line 1', '['],
    ['[type.googleapis.com/x]: {}', 'line 1', '.googleapis'],
    ['a: 1.2.3', 'line 1', '1.2.3'],
    ['{}', 'line 1', '{'],
  ])('%j is wrong in %s', (text, line, seen) => {
    let message = '';
    try {
      parseTextFormat(text, 'pets.config');
    } catch (error) {
      message = error instanceof GraftError ? error.message : '';
    }
    expect(message).toContain(`PIPELINE_CONFIG_SYNTAX: pets.config: ${line}`);
    expect(message).toContain(seen);
  });

  test('never hangs or fails otherwise, whatever the text', () => {
    const piece = fc.constantFrom(
      'a',
      ':',
      '{',
      '}',
      '<',
      '>',
      '[',
      ']',
      ',',
      ';',
      '1',
      '"x"',
      "'",
      '#',
      '\n',
      '-',
      '.',
      '\\',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        try {
          parseTextFormat(pieces.join(''), 'f');
        } catch (error) {
          expect(error).toBeInstanceOf(GraftError);
        }
      }),
      { numRuns: 2000 },
    );
    expect(() => parseTextFormat('a{'.repeat(5000), 'f')).toThrow('PIPELINE_CONFIG_SYNTAX');
  });
});
