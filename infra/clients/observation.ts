import type { StageName } from '../../contracts/manifests.ts';
import type { TrainingProgress } from '../../contracts/run.ts';

/** Which stage an activity belongs to, for the time when no worker answers the workflow's query. */
export const stageOf: Readonly<Record<string, StageName>> = {
  ingestDataset: 'ingest',
  validateDataset: 'validate',
  splitDataset: 'split',
  prepareImages: 'prepare',
  settleAutos: 'advise',
  trainModel: 'train',
  evaluateModel: 'evaluate',
  decidePromotion: 'gate',
  prepareApproval: 'promote',
  promoteModel: 'promote',
};

/** Heartbeats are newer than the thinned signals that the query tells of, except just after a restart. */
export function newestTraining(
  heartbeat: TrainingProgress | undefined,
  told: TrainingProgress | null | undefined,
): TrainingProgress | null {
  if (!heartbeat || !told) return heartbeat ?? told ?? null;
  const ahead = heartbeat.attempt !== told.attempt ? heartbeat.attempt > told.attempt : heartbeat.step >= told.step;
  return ahead ? heartbeat : told;
}
