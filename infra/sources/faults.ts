import { GraftError, errnoOf, inputError, messageOf, transientError } from '../../core/errors.ts';

/** What the file system says of a data set: DATASET_ACCESS (input) or DATASET_CHANGED (transient); else as it is. */
export function sourceFileProblem(error: unknown, path: string): unknown {
  const errno = errnoOf(error);
  if (error instanceof GraftError || errno === undefined) return error;
  if (errno === 'ENOENT' || errno === 'ENOTDIR') {
    return transientError('DATASET_CHANGED', path, errno, 'what was there a moment ago', 'repeat', error);
  }
  if (errno === 'EACCES' || errno === 'EPERM') {
    return inputError('DATASET_ACCESS', path, messageOf(error), 'a readable data set', 'change its owner or mode');
  }
  return transientError('DATASET_ACCESS', path, messageOf(error), 'a readable data set', 'look at the disk', error);
}
