/** When to save and what to keep: two small policies, with the clock as an argument. */
export interface SavePolicy {
  readonly everySteps: number;
  readonly everySeconds: number | null;
}

/**
 * Steps that a checkpoint is begun before it must be on the disk, because it is written beside the steps: a tenth of the
 * interval. With `lossIsBounded` no crash costs more than `everySteps`.
 */
export function leadSteps({ everySteps }: SavePolicy): number {
  return Math.floor(everySteps / 10);
}

/** Whether another step may be done although the newest checkpoint on the disk is that of `durableStep`. */
export function lossIsBounded({ everySteps }: SavePolicy, step: number, durableStep: number): boolean {
  return step - durableStep < everySteps;
}

/** Whether a checkpoint is due at this step boundary: by steps or by the clock, whichever comes first. */
export function saveIsDue(
  policy: SavePolicy,
  now: { readonly step: number; readonly ms: number },
  saved: { readonly step: number; readonly ms: number },
): boolean {
  if (now.step <= saved.step) return false;
  if (now.step - saved.step >= policy.everySteps - leadSteps(policy)) return true;
  return policy.everySeconds !== null && now.ms - saved.ms >= policy.everySeconds * 1000;
}

export interface KeepPolicy {
  readonly keepLast: number;
  readonly keepBest: boolean;
}

export interface StoredCheckpoint {
  readonly key: string;
  readonly step: number;
  readonly attempt: number;
  readonly isBest: boolean;
}

/** Newest first: by step, then by attempt. */
export function newestFirst<T extends StoredCheckpoint>(checkpoints: readonly T[]): T[] {
  return [...checkpoints].sort((a, b) => b.step - a.step || b.attempt - a.attempt);
}

/** The checkpoints that may go: not among the last `keepLast`, and not the newest best one. */
export function expendable<T extends StoredCheckpoint>(policy: KeepPolicy, checkpoints: readonly T[]): T[] {
  const ordered = newestFirst(checkpoints);
  const best = policy.keepBest ? ordered.find((checkpoint) => checkpoint.isBest) : undefined;
  return ordered.slice(policy.keepLast).filter((checkpoint) => checkpoint !== best);
}

const NAME = /^(\d{12})-(\d{6})$/;

/** `000000000050-000001`: sorts by step, then attempt. */
export function checkpointName(step: number, attempt: number): string {
  return `${String(step).padStart(12, '0')}-${String(attempt).padStart(6, '0')}`;
}

export function parseCheckpointName(name: string): { step: number; attempt: number } | null {
  const match = NAME.exec(name);
  return match?.[1] && match[2] ? { step: Number(match[1]), attempt: Number(match[2]) } : null;
}
