import { setTimeout as sleep } from 'node:timers/promises';
import type { SweepEvent } from '../../../contracts/web.ts';
import { GraftError, messageOf } from '../../../core/errors.ts';
import type { RunId } from '../../../core/ids.ts';
import type { Backend } from '../backend.ts';
import { readSweep } from './sweep-view.ts';

const EVERY_MS = 1_500;

/** Events of a sweep until it has ended or nobody listens. */
export async function* followSweep(backend: Backend, sweepId: RunId, signal: AbortSignal): AsyncGenerator<SweepEvent> {
  let [told, away] = ['', ''];
  while (!signal.aborted) {
    try {
      const sweep = await readSweep(backend, sweepId);
      away = '';
      if (sweep.report.status !== 'running' && sweep.report.status !== 'paused') {
        yield { kind: 'end', sweep };
        return;
      }
      const text = JSON.stringify(sweep);
      if (text !== told) yield { kind: 'progress', sweep };
      told = text;
    } catch (error) {
      const known = backend.explain(error);
      if (known instanceof GraftError && known.code === 'SWEEP_NOT_FOUND') throw known;
      const problem = messageOf(known);
      if (problem !== away) yield { kind: 'away', problem };
      [told, away] = ['', problem];
    }
    await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}
