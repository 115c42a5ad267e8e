import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { inputError } from '../../core/errors.ts';
import { spansTraining } from '../../core/training/schedule.ts';

/**
 * The same training with more epochs, and what to know of it. A schedule that spans the training goes on spanning the
 * epochs that it began with: else every step that was done would have had another rate.
 */
export function extendedConfig(
  config: PipelineConfig,
  epochs: number,
  where: string,
): { readonly config: PipelineConfig; readonly warning: string | null } {
  const { train } = config;
  if (epochs <= train.epochs) {
    throw inputError('RUN_EXTEND', where, `${epochs} epochs`, `more than its ${train.epochs}`, 'raise --epochs');
  }
  if (!spansTraining(train.schedule)) return { config: { ...config, train: { ...train, epochs } }, warning: null };
  const scheduleEpochs = train.scheduleEpochs ?? train.epochs;
  return {
    config: { ...config, train: { ...train, epochs, scheduleEpochs } },
    warning: `RUN_EXTEND_RATE: ${where} — its ${train.schedule.kind} schedule ended with epoch ${scheduleEpochs}: the learning rate stays where it ended`,
  };
}
