import type { Info } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';

export interface MockActivity extends MockActivityEnvironment {
  /** Signals that the activity sent to its workflow: name and first argument. */
  readonly signals: readonly (readonly [name: string, argument: unknown])[];
}

/** An activity's surroundings without a server: silent, and its signals are kept instead of sent. */
export function mockActivity(info: Partial<Info> = {}, options: { signalsFail?: boolean } = {}): MockActivity {
  const signals: (readonly [string, unknown])[] = [];
  const client = new Client({
    interceptors: {
      workflow: [
        {
          signal: ({ signalName, args }) => {
            signals.push([signalName, args[0]]);
            return options.signalsFail === true ? Promise.reject(new Error('no server')) : Promise.resolve();
          },
        },
      ],
    },
  });
  const logger = new DefaultLogger('ERROR', () => undefined);
  return Object.assign(new MockActivityEnvironment(info, { client, logger }), { signals });
}
