import process from 'node:process';
import { exitCode } from '../output.ts';

/** Ctrl-C (or SIGTERM) asks once; the second time the process ends at once. */
export interface Interrupt {
  /** Resolves at the first one. */
  readonly asked: Promise<'interrupted'>;
  /** Gives the signals back their usual meaning. */
  dispose(): void;
}

export function listenForInterrupt(): Interrupt {
  let times = 0;
  let resolve: (value: 'interrupted') => void = () => undefined;
  const asked = new Promise<'interrupted'>((done) => {
    resolve = done;
  });
  const onSignal = (): void => {
    if (++times > 1) process.exit(exitCode.cancelled);
    resolve('interrupted');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    asked,
    dispose: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
