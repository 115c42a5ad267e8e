import type { Leaf } from './leaves.ts';
import { be, changed, fixed, idle, to, under, unsupported } from './rules.ts';
import type { Outcome, Rule, Rules } from './rules.ts';

/** Fields of `train_config` and of what is read and measured, and what each is here. */
const rate = 'train.optimizer.learningRate';

/** Steps and rates of `manual_step_learning_rate`, in the order of the file. */
function stairs(all: readonly Leaf[], name: string): number[] {
  return all
    .filter(({ path }) => path.endsWith(`manual_step_learning_rate.${name}`))
    .map(({ values }) => Number(values[0]));
}

/** Several schedules have one factor in graft: every step by the same. */
const manualStep: Rule = (_, all): Outcome => {
  const [start = 0] = stairs(all, 'initial_learning_rate');
  const pairs = stairs(all, 'schedule.step').map((at, i) => ({
    at,
    rate: stairs(all, 'schedule.learning_rate')[i] ?? 0,
  }));
  const later = pairs.filter(({ at }) => at > 0);
  const factors = later.map((pair, i) => pair.rate / (later[i - 1]?.rate ?? start));
  const [factor = 0.1] = factors;
  if (!(factor > 0 && factor <= 1) || factors.some((other) => Math.abs(other - factor) > 1e-6 * factor)) {
    return { kind: 'unsupported', note: 'graft’s steps all multiply the rate by the same factor of at most 1' };
  }
  const atSteps = later.map(({ at }) => at);
  return {
    kind: 'mapped',
    key: 'train.schedule',
    value: { kind: 'step', atSteps, factor: Number(factor.toPrecision(12)) },
  };
};

const learningRate = under('learning_rate', {
  'constant_learning_rate.learning_rate': to(rate),
  'exponential_decay_learning_rate.initial_learning_rate': to(rate),
  'exponential_decay_learning_rate.decay_steps': to('train.schedule.decaySteps'),
  'exponential_decay_learning_rate.decay_factor': to('train.schedule.decayRate'),
  'exponential_decay_learning_rate.staircase': to('train.schedule.staircase'),
  'manual_step_learning_rate.initial_learning_rate': to(rate),
  'manual_step_learning_rate.schedule.step': manualStep,
  'manual_step_learning_rate.schedule.learning_rate': idle('part of train.schedule'),
  'manual_step_learning_rate.warmup': fixed(false),
  'cosine_decay_learning_rate.learning_rate_base': to(rate),
  'cosine_decay_learning_rate.total_steps': changed(
    null,
    () => null,
    'the cosine spans train.epochs, or train.scheduleEpochs',
  ),
  'cosine_decay_learning_rate.warmup_learning_rate': unsupported('graft warms up from 0'),
  'cosine_decay_learning_rate.warmup_steps': to('train.schedule.warmupSteps'),
});

const optimizer: Rules = {
  ...under('rms_prop_optimizer', {
    ...learningRate,
    momentum_optimizer_value: to('train.optimizer.momentum'),
    decay: to('train.optimizer.decay'),
    epsilon: to('train.optimizer.epsilon'),
  }),
  ...under('momentum_optimizer', { ...learningRate, momentum_optimizer_value: to('train.optimizer.momentum') }),
  ...under('adam_optimizer', { ...learningRate, epsilon: to('train.optimizer.epsilon') }),
  use_moving_average: idle('train.averageDecay says it'),
  moving_average_decay: to('train.averageDecay'),
};

const augmentation: Rules = {
  random_horizontal_flip: be('augment.flipHorizontal', 0.5),
  random_vertical_flip: be('augment.flipVertical', 0.5),
  ssd_random_crop: be('augment.boxCrop', {}),
  'random_adjust_brightness.max_delta': to('augment.brightness'),
  random_adjust_brightness: be('augment.brightness', 0.2),
  random_adjust_hue: be('augment.hue', 0.02),
};

const placeholder = (leaf: Leaf): boolean => String(leaf.values[0]).includes('PATH_TO_BE_CONFIGURED');

const checkpoint: Rule = (leaf) =>
  placeholder(leaf)
    ? {
        kind: 'changed',
        key: 'model.weights',
        value: 'random',
        note: 'no path was set: name a checkpoint in model.weights',
      }
    : { kind: 'mapped', key: 'model.weights', value: String(leaf.values[0]) };

const training: Rules = {
  batch_size: to('train.batchSize'),
  ...under('optimizer', optimizer),
  gradient_clipping_by_norm: changed(
    'train.clipNorm',
    ({ values }) => values[0] ?? null,
    'graft clips the norm of all gradients together, the API each gradient by itself',
  ),
  fine_tune_checkpoint: checkpoint,
  fine_tune_checkpoint_type: idle('told by the names in the checkpoint'),
  from_detection_checkpoint: idle('told by the names in the checkpoint'),
  load_all_detection_checkpoint_vars: idle('all that fit are taken, and listed'),
  num_steps: changed(null, () => null, 'graft counts epochs: steps · batch size / training images'),
  ...under('data_augmentation_options', augmentation),
  max_number_of_boxes: idle('no picture has more than it has'),
  unpad_groundtruth_tensors: idle('a matter of speed'),
  sync_replicas: idle('one machine trains'),
  replicas_to_aggregate: idle('one machine trains'),
  startup_delay_steps: idle('one machine trains'),
  batch_queue_capacity: idle('queues are graft’s own'),
  num_batch_queue_threads: idle('queues are graft’s own'),
  prefetch_queue_capacity: idle('queues are graft’s own'),
  keep_checkpoint_every_n_hours: changed(null, () => null, 'train.checkpoint says how often, and how many are kept'),
};

const reader = (note: string): Rules => ({
  'tf_record_input_reader.input_path': changed(null, () => null, note),
  label_map_path: changed(null, () => null, 'names of classes come with the data'),
  shuffle: idle('training is shuffled, measuring is not'),
  num_readers: idle('readers are graft’s own'),
  num_epochs: idle('train.epochs says it'),
  queue_capacity: idle('queues are graft’s own'),
  min_after_dequeue: idle('queues are graft’s own'),
});

export const trainingRules: Rules = {
  ...under('train_config', training),
  ...under('train_input_reader', reader('name the folder with the TFRecord files in dataset.source')),
  ...under('eval_input_reader', reader('put these files in a folder named validation or test of dataset.source')),
  ...under('eval_config', {
    num_examples: idle('all of the validation side is measured'),
    max_evals: idle('it is measured as long as it trains'),
    metrics_set: idle('COCO’s figures, VOC’s beside them'),
    num_visualizations: idle('the report shows the worst errors'),
    use_moving_averages: idle('measured with what is kept'),
  }),
};
