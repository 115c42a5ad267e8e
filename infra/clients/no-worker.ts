import { taskQueues } from '../../workflows/workflow-ids.ts';
import type { QueueRole } from '../../workflows/workflow-ids.ts';

/** What to say where nobody polls these queues. */
export function noWorkerText(roles: readonly QueueRole[]): string {
  const queues = roles.map((role) => taskQueues[role]).join(', ');
  const remedy = `start one: graft worker --queues ${roles.join(',')} (or graft up) — the run waits for it`;
  return `NO_WORKER: nobody works on ${queues} — ${remedy}`;
}
