import * as tf from '@tensorflow/tfjs';

/**
 * Sigmoid cross-entropy of logits against targets in [0, 1], element by element (tf.nn.sigmoid_cross_entropy_with_logits):
 * max(x, 0) − x·z + ln(1 + e^−|x|), which overflows nowhere.
 */
export function sigmoidCrossEntropy(logits: tf.Tensor, targets: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.relu(logits).sub(logits.mul(targets)).add(logits.abs().neg().exp().log1p()));
}

export interface FocalOptions {
  /** How much less an easy example counts; 0 is plain cross-entropy. */
  readonly gamma: number;
  /** Weight of the positives, 1 − alpha of the negatives; null for none. */
  readonly alpha: number | null;
}

/** Lin et al. 1708.02002 eq. 5, element by element: α_t·(1 − p_t)^γ · cross-entropy. */
export function sigmoidFocal(logits: tf.Tensor, targets: tf.Tensor, { gamma, alpha }: FocalOptions): tf.Tensor {
  return tf.tidy(() => {
    const p = tf.sigmoid(logits);
    const opposite = tf.sub(1, targets);
    // 1 − p_t: how far off it is.
    const off = targets.mul(tf.sub(1, p)).add(opposite.mul(p));
    const entropy = sigmoidCrossEntropy(logits, targets);
    const modulated = gamma === 0 ? entropy : tf.pow(off, gamma).mul(entropy);
    return alpha === null ? modulated : modulated.mul(targets.mul(alpha).add(opposite.mul(1 - alpha)));
  });
}

/** −Σ target·log softmax over the last axis: [..., classes] → [...]. */
export function softmaxCrossEntropy(logits: tf.Tensor, targets: tf.Tensor): tf.Tensor {
  return tf.tidy(() => targets.mul(tf.logSoftmax(logits, -1)).sum(-1).neg());
}
