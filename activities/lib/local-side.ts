import type { PreparedSide } from '../../contracts/manifests.ts';
import type { LocalSide } from '../../contracts/ml-protocol.ts';
import type { TrainPorts } from '../ports.ts';
import type { RunningActivity } from './activity-context.ts';

/** Brings a side's shards to this machine's disk, verified; an absent side is an empty one. */
export async function localSide(
  ports: Pick<TrainPorts, 'files'>,
  side: PreparedSide | undefined,
  activity: RunningActivity,
): Promise<LocalSide> {
  const shards: LocalSide['shards'] = [];
  for (const shard of side?.shards ?? []) {
    activity.heartbeat({ fetching: shard.key });
    shards.push({ path: await ports.files.fetch(shard, activity.signal), rows: shard.rows });
  }
  return { rows: side?.rows ?? 0, shards };
}
