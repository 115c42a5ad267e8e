/** Names within a run's scratch folder, shared by the trainer that writes them and the worker that uploads them. */
export const runFiles = {
  /** Staged checkpoints: `<step>-<epoch>-<sha256>.safetensors`. */
  checkpoints: 'checkpoints',
  /** A line a step (thinned) and a line an epoch. */
  metrics: 'metrics.jsonl',
  /** A line an epoch (thinned): histograms of the weights that learn. */
  histograms: 'histograms.jsonl',
  /** The step that was finished last, for the attempt after a crash. */
  reachedStep: 'reached-step',
  model: 'model.safetensors',
} as const;
