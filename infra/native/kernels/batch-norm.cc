// BatchNorm over a batch with the activation behind it, and the gradient of both (Ioffe and Szegedy 1502.03167, algorithm 1).
// Both are bound by memory: one pass for sums and one for values, where FusedBatchNormV3, Relu6 and their gradients take
// nine passes over tensors of the same size.

#include <cmath>
#include <memory>
#include <vector>

#include "batch-norm-math.h"
#include "kernel.h"
#include "operations.h"
#include "pool.h"

namespace graft {
namespace {

template <Activation A>
void forwardBlocks(const Blocks& blocks, const float* x, const float* mean, const float* scale, const float* beta,
                   float* y) {
  Pool::get().run(blocks.count, [&](int block) {
    const int64_t begin = blocks.begin(block), at = begin * blocks.channels;
    normalizeRows<A>(x + at, blocks.end(block) - begin, blocks.channels, mean, scale, beta, y + at);
  });
}

// Inputs x, gamma, beta, moving_mean, moving_variance → y, the two averages after it, and mean and 1/√(variance + ε).
void forward(void* data, TF_OpKernelContext* context) {
  const NormSettings& settings = *static_cast<const NormSettings*>(data);
  Status status;
  const Tensor x = input(context, 0, status), gamma = input(context, 1, status), beta = input(context, 2, status);
  const Tensor movingMean = input(context, 3, status), movingVariance = input(context, 4, status);
  const int64_t channels = gamma.size();
  if (status.ok() && (x.rank() < 2 || x.dim(x.rank() - 1) != channels || beta.size() != channels ||
                      movingMean.size() != channels || movingVariance.size() != channels || x.size() == 0)) {
    status.invalid("GraftBatchNorm takes x [..., channels] and four vectors [channels]");
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor y = output(context, 0, x.shape(), status);
  const Tensor newMean = output(context, 1, {channels}, status), newVariance = output(context, 2, {channels}, status);
  const Tensor mean = output(context, 3, {channels}, status), inverse = output(context, 4, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());

  const Blocks blocks(x.size() / channels, channels);
  Floats scale(channels);
  const auto [sum, square] = momentSums(blocks, x.floats());
  const double count = static_cast<double>(blocks.rows);
  for (int64_t c = 0; c < channels; ++c) {
    const double shifted = sum[c] / count;
    const double variance = std::max(0.0, square[c] / count - shifted * shifted);
    const double average = x.floats()[c] + shifted;
    // The comparison above would turn what is no number into zero.
    const double spread = std::isfinite(shifted) ? variance : shifted;
    mean.floats()[c] = static_cast<float>(average);
    inverse.floats()[c] = static_cast<float>(1.0 / std::sqrt(spread + settings.epsilon));
    scale[c] = gamma.floats()[c] * inverse.floats()[c];
    const double unbiased = spread * count / std::max(1.0, count - 1.0);
    const double factor = settings.factor;
    newMean.floats()[c] = static_cast<float>((1.0 - factor) * movingMean.floats()[c] + factor * average);
    newVariance.floats()[c] = static_cast<float>((1.0 - factor) * movingVariance.floats()[c] + factor * unbiased);
  }
  const float *in = x.floats(), *middle = mean.floats(), *shift = beta.floats();
  withActivation(settings.activation, [&](auto activation) {
    forwardBlocks<activation.value>(blocks, in, middle, scale.data(), shift, y.floats());
  });
}

struct GradientTensors {
  const float *dy, *x, *gamma, *beta, *mean, *inverse;
  float *dx, *dGamma, *dBeta;
};

template <Activation A>
void backwardBlocks(const Blocks& blocks, const GradientTensors& t) {
  const int64_t channels = blocks.channels;
  const Floats scale = scaleOf(t.gamma, t.inverse, channels);
  Floats offset(channels), slope(channels);
  const auto [sum, product] = gradientSums<A>(blocks, t.dy, t.x, t.mean, scale.data(), t.beta);
  const double count = static_cast<double>(blocks.rows);
  for (int64_t c = 0; c < channels; ++c) {
    t.dBeta[c] = static_cast<float>(sum[c]);
    t.dGamma[c] = static_cast<float>(product[c] * t.inverse[c]);
    offset[c] = static_cast<float>(scale[c] * sum[c] / count);
    slope[c] = static_cast<float>(scale[c] * product[c] * t.inverse[c] * t.inverse[c] / count);
  }
  Pool::get().run(blocks.count, [&](int block) {
    const int64_t begin = blocks.begin(block), at = begin * channels;
    inputGradient<A>(t.dy + at, t.x + at, blocks.end(block) - begin, channels, t.mean, scale.data(), t.beta,
                     offset.data(), slope.data(), t.dx + at);
  });
}

// Inputs dy, x, gamma, beta, mean, inverse → dx, dgamma, dbeta.
void backward(void* data, TF_OpKernelContext* context) {
  const NormSettings& settings = *static_cast<const NormSettings*>(data);
  Status status;
  const Tensor dx = outputOver(context, 0, 0, 1, status);
  const Tensor dy = input(context, 0, status), x = input(context, 1, status), gamma = input(context, 2, status);
  const Tensor beta = input(context, 3, status), mean = input(context, 4, status), inverse = input(context, 5, status);
  const int64_t channels = gamma.size();
  if (status.ok() && (dy.size() != x.size() || x.rank() < 2 || x.dim(x.rank() - 1) != channels || x.size() == 0 ||
                      beta.size() != channels || mean.size() != channels || inverse.size() != channels)) {
    status.invalid("GraftBatchNormGrad takes dy and x [..., channels] and four vectors [channels]");
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dGamma = output(context, 1, {channels}, status), dBeta = output(context, 2, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const GradientTensors tensors{dy.floats(),      x.floats(),  gamma.floats(),  beta.floats(), mean.floats(),
                                inverse.floats(), dx.floats(), dGamma.floats(), dBeta.floats()};
  const Blocks blocks(x.size() / channels, channels);
  withActivation(settings.activation, [&](auto activation) { backwardBlocks<activation.value>(blocks, tensors); });
}

void forwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  shapeAs(context, 0, 0, status);
  for (int index = 1; index < 5; ++index) shapeAs(context, 1, index, status);
}

void backwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  shapeAs(context, 1, 0, status);
  shapeAs(context, 2, 1, status);
  shapeAs(context, 2, 2, status);
}

}  // namespace

bool addBatchNorm() {
  const auto attributes = {"epsilon: float", "factor: float", "activation: int"};
  return add({"GraftBatchNorm",
              {"x: float", "gamma: float", "beta: float", "moving_mean: float", "moving_variance: float"},
              {"y: float", "new_mean: float", "new_variance: float", "mean: float", "inverse: float"},
              attributes, createNorm, forward, removeNorm, forwardShapes}) &&
         add({"GraftBatchNormGrad",
              {"dy: float", "x: float", "gamma: float", "beta: float", "mean: float", "inverse: float"},
              {"dx: float", "dgamma: float", "dbeta: float"},
              attributes, createNorm, backward, removeNorm, backwardShapes});
}

}  // namespace graft
