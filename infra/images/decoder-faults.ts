import { GraftError, inputError, messageOf, transientError } from '../../core/errors.ts';

export const cancelled = (path: string, cause: unknown): GraftError =>
  new GraftError('CANCELLED', { kind: 'cancelled', where: path, seen: 'not decoded: stopped on request' }, { cause });

export const crashed = (path: string, how: string, times: number): GraftError =>
  inputError('IMAGE_CRASHED', path, `the decoder ${how} on it, ${times} times`, 'a picture', 'replace or remove it');

export const tooSlow = (path: string, timeoutMs: number): GraftError =>
  inputError('IMAGE_TIMEOUT', path, `not decoded in ${timeoutMs} ms`, 'a picture', 'save it smaller, or remove it');

export const notHandedOver = (path: string, cause: unknown): GraftError =>
  transientError('DISK_FULL', path, messageOf(cause), 'room for pictures in the temporary folder', 'free some', cause);

export const cannotStart = (how: string): GraftError =>
  new GraftError('IMAGE_DECODER', {
    kind: 'failed',
    where: 'image process',
    seen: how,
    expected: 'a start',
    remedy: 'install the dependencies again (npm ci); sharp needs its binary for this system',
  });
