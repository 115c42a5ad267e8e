import type { DeliverInput, NotifyReport } from '../../contracts/notify-config.ts';
import type { Notifier } from '../../infra/ports/notifier.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { currentActivity } from '../lib/activity-context.ts';
import { sha256Of } from '../lib/hash.ts';
import { writeJson } from '../lib/json-object.ts';
import type { TrainPorts } from '../ports.ts';

export type NotifyPorts = Pick<TrainPorts, 'store'> & { readonly notifier: Notifier };

/** Tells people of a run; one try a call, since the workflow tries again. */
export function createNotifyActivities({ store, notifier }: NotifyPorts) {
  return {
    deliverNotification: atActivityEdge(async ({ target, message }: DeliverInput): Promise<void> => {
      // The same for every try, so that who has it already can tell.
      const id = `msg_${sha256Of(JSON.stringify([target, message])).slice(0, 32)}`;
      await notifier.deliver(target, message, id, currentActivity().signal);
    }),

    recordNotifications: atActivityEdge(async (report: NotifyReport): Promise<void> => {
      const { runId, event } = report.message;
      await writeJson(store, `runs/${runId}/notifications/${event}.json`, report);
    }),
  };
}
