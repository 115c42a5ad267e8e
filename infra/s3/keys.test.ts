import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GraftError } from '../../core/errors.ts';
import { checkKey, checkPrefix } from './keys.ts';

const refused = (key: string): string | undefined => {
  try {
    checkKey('bucket', key);
    return undefined;
  } catch (error) {
    return error instanceof GraftError ? error.code : String(error);
  }
};

describe('checkKey', () => {
  it.each(['a', 'runs/r1/run.json', 'ünï/ço dé/雪 +%&?=#.jpg', '...', 'a/..b', 'x'.repeat(1024), '猫'.repeat(341)])(
    'takes %j',
    (key) => expect(refused(key)).toBeUndefined(),
  );

  it.each(['', '/a', 'a/', 'a//b', '..', '../a', 'a/../b', 'a/..', './a', 'a\0b', 'a\nb', '\x7f', 'x'.repeat(1025)])(
    'refuses %j',
    (key) => expect(refused(key)).toBe('KEY_INVALID'),
  );

  it('counts bytes, not characters, and refuses half a character', () => {
    expect(refused('猫'.repeat(342))).toBe('KEY_INVALID');
    expect(refused('a\ud800')).toBe('KEY_INVALID');
    expect(refused('a😀')).toBeUndefined();
  });

  it('lets nothing through that a file system would resolve to another name', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('.', '..', '', 'a', 'b.c'), { minLength: 1, maxLength: 5 }), (segments) => {
        const key = segments.join('/');
        const plain = segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..');
        expect(refused(key) === undefined).toBe(plain);
      }),
    );
  });

  it('shows the key in quotes, shortened', () => {
    expect(() => checkKey('bucket', `a\0${'x'.repeat(5000)}`)).toThrow(
      /^KEY_INVALID: s3:\/\/bucket key "a\\u0000x{118}"/,
    );
  });
});

describe('checkPrefix', () => {
  it('may be empty and may end in a slash or in the middle of a name', () => {
    for (const prefix of ['', 'a', 'a/', 'a/b']) expect(() => checkPrefix('bucket', prefix)).not.toThrow();
    for (const prefix of ['/', '/a', 'a//', '../', 'a/../']) expect(() => checkPrefix('bucket', prefix)).toThrow(/KEY/);
  });
});
