import { changed, choose, fixed, idle, isFocal, to, toList, under, unsupported, valueAt } from './rules.ts';
import type { Rule, Rules } from './rules.ts';

/** Fields of `model` of a pipeline.config (tensorflow/models research/object_detection/protos), and what each is here. */
const detector = 'model.detector';
const classes = idle('classes are those of the data');
const off = (note: string): Rule => fixed(false, note);

const boxCoder = under('box_coder.faster_rcnn_box_coder', {
  y_scale: to(`${detector}.codeScales.0`),
  x_scale: to(`${detector}.codeScales.1`),
  height_scale: to(`${detector}.codeScales.2`),
  width_scale: to(`${detector}.codeScales.3`),
});

const resizer: Rules = {
  'image_resizer.fixed_shape_resizer.height': to('image.size.0'),
  'image_resizer.fixed_shape_resizer.width': to('image.size.1'),
  'image_resizer.fixed_shape_resizer.resize_method': fixed('BILINEAR'),
  'image_resizer.keep_aspect_ratio_resizer.min_dimension': changed(
    'image.size.0',
    ({ values }) => values[0] ?? 600,
    'pictures keep their shape within one fixed size, padded: upright ones come out smaller; raise image.size for them',
  ),
  'image_resizer.keep_aspect_ratio_resizer.max_dimension': to('image.size.1'),
  'image_resizer.keep_aspect_ratio_resizer.pad_to_max_dimension': changed(
    'image.size.0',
    (_, all) => valueAt(all, '.max_dimension') ?? 1024,
    'a square of the larger side, padded',
  ),
};

const suppression = (prefix: string): Rules =>
  under(`${prefix}.batch_non_max_suppression`, {
    score_threshold: to(`${detector}.postprocess.scoreThreshold`),
    iou_threshold: to(`${detector}.postprocess.iouThreshold`),
    max_detections_per_class: to(`${detector}.postprocess.perClass`),
    max_total_detections: to(`${detector}.postprocess.total`),
    use_static_shapes: idle('shapes are static'),
    soft_nms_sigma: fixed(0),
  });

/** Initializers, activations and BatchNorm of the layers that a detector adds. */
const layers = (keys: Rules): Rules => ({
  op: idle('it is what the layer is'),
  activation: fixed('RELU_6'),
  'initializer.truncated_normal_initializer.mean': fixed(0),
  'batch_norm.train': fixed(true),
  'batch_norm.scale': fixed(true),
  'batch_norm.center': fixed(true),
  ...keys,
});
const l2: Rules = { 'regularizer.l2_regularizer.weight': to(`${detector}.l2`) };
const ssdLayers = layers({
  ...l2,
  'initializer.truncated_normal_initializer.stddev': to(`${detector}.kernelDeviation`),
  'batch_norm.decay': to(`${detector}.batchNorm.momentum`),
  'batch_norm.epsilon': to(`${detector}.batchNorm.epsilon`),
});

const ssdBackbone: Rule = (leaf, all) => {
  const width = valueAt(all, '.feature_extractor.depth_multiplier') ?? 1;
  const type = String(leaf.values[0]);
  const names: Readonly<Record<string, string>> = {
    'ssd_mobilenet_v1/1': 'mobilenet-v1',
    'ssd_mobilenet_v1/0.75': 'mobilenet-v1-0.75',
    'ssd_mobilenet_v1/0.5': 'mobilenet-v1-0.5',
    'ssd_mobilenet_v1/0.25': 'mobilenet-v1-0.25',
    'ssd_mobilenet_v2/1': 'mobilenet-v2',
    'ssd_inception_v2/1': 'inception-v2',
  };
  return choose('model.backbone', names)({ ...leaf, values: [`${type}/${String(width)}`] }, all);
};

const matcher = under('matcher.argmax_matcher', {
  matched_threshold: to(`${detector}.matcher.matched`),
  unmatched_threshold: to(`${detector}.matcher.unmatched`),
  ignore_thresholds: off('thresholds count'),
  negatives_lower_than_unmatched: fixed(true),
  force_match_for_each_row: to(`${detector}.matcher.forceEach`),
  use_matmul_gather: idle('a matter of speed'),
});

const anchors = under('anchor_generator.ssd_anchor_generator', {
  num_layers: changed(
    `${detector}.extraChannels`,
    ({ values }) => [512, 256, 256, 128, 128, 128].slice(0, Math.max(0, Number(values[0]) - 2)),
    'as many maps beyond the backbone’s two',
  ),
  min_scale: to(`${detector}.anchors.minScale`),
  max_scale: to(`${detector}.anchors.maxScale`),
  aspect_ratios: toList(`${detector}.anchors.aspectRatios`),
  interpolated_scale_aspect_ratio: to(`${detector}.anchors.interpolatedAspectRatio`),
  reduce_boxes_in_lowest_layer: to(`${detector}.anchors.reduceLowestLayer`),
});

const predictor = under('box_predictor.convolutional_box_predictor', {
  min_depth: idle('no layers before the predictor'),
  max_depth: idle('no layers before the predictor'),
  num_layers_before_predictor: fixed(0),
  use_dropout: off('no dropout'),
  dropout_keep_probability: idle('no dropout'),
  kernel_size: choose(`${detector}.predictorKernelPx`, { '1': 1, '3': 3 }),
  box_code_size: fixed(4),
  apply_sigmoid_to_scores: off('the loss has the sigmoid'),
  use_depthwise: to(`${detector}.depthwise`),
  class_prediction_bias_init: unsupported('biases start at 0'),
  ...under('conv_hyperparams', ssdLayers),
});

const classification = `${detector}.loss.classification`;
/** The focal loss looks at all anchors. */
const mined =
  (key: string): Rule =>
  (leaf, all) =>
    isFocal(all) ? { kind: 'unsupported', note: 'graft mines without the focal loss only' } : to(key)(leaf, all);

const loss = under('loss', {
  'classification_loss.weighted_sigmoid': idle('model.detector.loss.classification.kind says it'),
  'classification_loss.weighted_sigmoid.anchorwise_output': idle('per anchor'),
  'classification_loss.weighted_sigmoid_focal.alpha': to(`${classification}.alpha`),
  'classification_loss.weighted_sigmoid_focal.gamma': to(`${classification}.gamma`),
  'classification_loss.weighted_sigmoid_focal': idle('model.detector.loss.classification.kind says it'),
  'localization_loss.weighted_smooth_l1': idle('Huber with δ = 1'),
  'localization_loss.weighted_smooth_l1.anchorwise_output': idle('per anchor'),
  'hard_example_miner.num_hard_examples': mined(`${classification}.candidates`),
  'hard_example_miner.iou_threshold': mined(`${classification}.iouThreshold`),
  'hard_example_miner.loss_type': fixed('CLASSIFICATION'),
  'hard_example_miner.max_negatives_per_positive': mined(`${classification}.negativesPerPositive`),
  'hard_example_miner.min_negatives_per_image': mined(`${classification}.minNegatives`),
  classification_weight: to(`${detector}.loss.classWeight`),
  localization_weight: to(`${detector}.loss.boxWeight`),
});

const ssd: Rules = {
  num_classes: classes,
  'similarity_calculator.iou_similarity': idle('overlap of boxes'),
  normalize_loss_by_num_matches: fixed(true),
  encode_background_as_zeros: fixed(false),
  ...boxCoder,
  ...matcher,
  ...anchors,
  ...resizer,
  ...predictor,
  ...loss,
  'feature_extractor.type': ssdBackbone,
  'feature_extractor.min_depth': idle('no layer of these networks is narrower'),
  'feature_extractor.depth_multiplier': idle('it is part of the backbone’s name'),
  'feature_extractor.use_depthwise': to(`${detector}.depthwise`),
  'feature_extractor.override_base_feature_extractor_hyperparams': changed(
    null,
    () => null,
    'the backbone keeps the BatchNorm and the activations that its published weights were trained with',
  ),
  ...under('feature_extractor.conv_hyperparams', ssdLayers),
  ...suppression('post_processing'),
  'post_processing.score_converter': fixed('SIGMOID'),
};

const rpnLayers = layers({
  ...l2,
  'initializer.truncated_normal_initializer.stddev': to(`${detector}.firstStage.deviation`),
});
const denseLayers = layers({
  ...l2,
  'initializer.variance_scaling_initializer.factor': fixed(1),
  'initializer.variance_scaling_initializer.uniform': fixed(true),
  'initializer.variance_scaling_initializer.mode': fixed('FAN_AVG'),
});

const fasterRcnn: Rules = {
  number_of_stages: fixed(2),
  num_classes: classes,
  ...resizer,
  'feature_extractor.type': choose('model.backbone', {
    faster_rcnn_resnet50: 'resnet50',
    faster_rcnn_inception_v2: 'inception-v2',
  }),
  'feature_extractor.first_stage_features_stride': to(`${detector}.anchors.stridePx`),
  'feature_extractor.batch_norm_trainable': off('BatchNorm is frozen'),
  ...under('first_stage_anchor_generator.grid_anchor_generator', {
    scales: toList(`${detector}.anchors.scales`),
    aspect_ratios: toList(`${detector}.anchors.aspectRatios`),
    height: to(`${detector}.anchors.basePx`),
    width: to(`${detector}.anchors.basePx`),
    height_stride: to(`${detector}.anchors.stridePx`),
    width_stride: to(`${detector}.anchors.stridePx`),
  }),
  first_stage_atrous_rate: fixed(1),
  ...under('first_stage_box_predictor_conv_hyperparams', rpnLayers),
  first_stage_box_predictor_kernel_size: fixed(3),
  first_stage_box_predictor_depth: to(`${detector}.firstStage.channels`),
  first_stage_minibatch_size: to(`${detector}.firstStage.minibatch`),
  first_stage_positive_balance_fraction: to(`${detector}.firstStage.positiveShare`),
  first_stage_nms_score_threshold: fixed(0),
  first_stage_nms_iou_threshold: to(`${detector}.firstStage.iouThreshold`),
  first_stage_max_proposals: to(`${detector}.firstStage.proposals`),
  first_stage_localization_loss_weight: to(`${detector}.firstStage.boxWeight`),
  first_stage_objectness_loss_weight: to(`${detector}.firstStage.objectWeight`),
  initial_crop_size: to(`${detector}.secondStage.cropPx`),
  maxpool_kernel_size: fixed(2),
  maxpool_stride: fixed(2),
  'second_stage_box_predictor.mask_rcnn_box_predictor.use_dropout': off('no dropout'),
  'second_stage_box_predictor.mask_rcnn_box_predictor.dropout_keep_probability': idle('no dropout'),
  ...under('second_stage_box_predictor.mask_rcnn_box_predictor.fc_hyperparams', denseLayers),
  second_stage_batch_size: to(`${detector}.secondStage.minibatch`),
  second_stage_balance_fraction: to(`${detector}.secondStage.positiveShare`),
  ...suppression('second_stage_post_processing'),
  'second_stage_post_processing.score_converter': fixed('SOFTMAX'),
  second_stage_localization_loss_weight: to(`${detector}.secondStage.boxWeight`),
  second_stage_classification_loss_weight: to(`${detector}.secondStage.classWeight`),
};

export const modelRules: Rules = { ...under('model.ssd', ssd), ...under('model.faster_rcnn', fasterRcnn) };
