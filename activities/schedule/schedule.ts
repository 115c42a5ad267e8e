import { LastTrained } from '../../contracts/schedule.ts';
import type { DecideInput, ScheduleDecision } from '../../contracts/schedule.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { datasetChange } from '../../core/schedules/dataset-change.ts';
import { decide } from '../../core/schedules/decide.ts';
import type { DatasetChange } from '../../core/schedules/decide.ts';
import { currentActivity } from '../lib/activity-context.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { datasetItems, requireDataset } from '../lib/dataset.ts';
import { atActivityEdge } from '../lib/error-boundary.ts';
import { sha256Of } from '../lib/hash.ts';
import { parseAs, readJson, writeJson } from '../lib/json-object.ts';
import type { TrainPorts } from '../ports.ts';

export type SchedulePorts = Pick<TrainPorts, 'store' | 'clock'>;

const trainedKey = (scheduleId: string): string => `schedules/${scheduleId}/trained.json`;

/** Decides whether a tick of a schedule trains, and remembers what it did; storage alone tells why. */
export function createScheduleActivities(ports: SchedulePorts) {
  return {
    decideRetraining: atActivityEdge(async (given: DecideInput): Promise<ScheduleDecision> => {
      const { input, runId, datasetVersion, datasetManifestKey } = given;
      const { scheduleId, trigger, config } = input;
      const activity = currentActivity();
      activity.heartbeat('comparing');
      // Who is told of a run changes nothing of its result.
      const { notify: _, ...telling } = config;
      const configSha256 = sha256Of(canonicalJson(telling));
      const last = await readTrained(ports, scheduleId);
      const isOther = last !== null && last.datasetVersion !== datasetVersion;
      const change = isOther ? await changeSince(ports, last, datasetManifestKey, activity) : null;
      const now = new Date(ports.clock.nowMs()).toISOString();
      const decision: ScheduleDecision = {
        kind: 'graft.schedule-decision/1',
        ...{ scheduleId, runId, at: now, datasetVersion, datasetManifestKey, configSha256 },
        ...decide(trigger, { datasetVersion, configSha256 }, last, change),
        newImages: change?.newImages ?? null,
        drift: change?.drift ?? null,
      };
      // One object a tick, however often it is tried: the run's id is the tick's own.
      await writeJson(ports.store, `schedules/${scheduleId}/decisions/${runId}.json`, decision);
      return decision;
    }),

    /** After a training that completed: what the next tick is compared with. */
    recordRetraining: atActivityEdge(async (decision: ScheduleDecision): Promise<void> => {
      const { scheduleId, runId, datasetVersion, datasetManifestKey, configSha256 } = decision;
      const trained: LastTrained = {
        kind: 'graft.schedule-trained/1',
        ...{ scheduleId, runId, datasetVersion, datasetManifestKey, configSha256 },
        at: new Date(ports.clock.nowMs()).toISOString(),
      };
      await writeJson(ports.store, trainedKey(scheduleId), trained);
    }),
  };
}

/** Null where this schedule has not trained yet, or what it left does not parse: then it trains. */
async function readTrained({ store }: SchedulePorts, scheduleId: string): Promise<LastTrained | null> {
  const found = await readJson(store, trainedKey(scheduleId), parseAs(LastTrained));
  return found.ok ? (found.value?.value ?? null) : null;
}

async function changeSince(
  { store }: SchedulePorts,
  last: LastTrained,
  manifestKey: string,
  { signal }: RunningActivity,
): Promise<DatasetChange> {
  const before = await requireDataset(store, last.datasetManifestKey, signal);
  const now = await requireDataset(store, manifestKey, signal);
  return datasetChange(datasetItems(store, before, signal), datasetItems(store, now, signal));
}
