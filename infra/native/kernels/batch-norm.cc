// BatchNorm over a batch with the activation behind it, and the gradient of both (Ioffe and Szegedy 1502.03167, algorithm 1).
// Both are bound by memory: one pass for sums and one for values, where FusedBatchNormV3, Relu6 and their gradients take
// nine passes over tensors of the same size.

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "kernel.h"
#include "operations.h"
#include "pool.h"

namespace graft {
namespace {

enum class Activation : int { kLinear = 0, kRelu = 1, kRelu6 = 2 };

struct Settings {
  float epsilon = 0;
  float factor = 0;
  Activation activation = Activation::kLinear;
};

void* create(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<Settings>();
  int32_t activation = 0;
  TF_OpKernelConstruction_GetAttrFloat(construction, "epsilon", &settings->epsilon, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrFloat(construction, "factor", &settings->factor, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, "activation", &activation, status.get());
  if (status.ok() && (activation < 0 || activation > 2)) status.invalid("activation is 0, 1 or 2");
  if (!status.ok()) {
    TF_OpKernelConstruction_Failure(construction, status.get());
    return nullptr;
  }
  settings->activation = static_cast<Activation>(activation);
  return settings.release();
}

void remove(void* settings) { delete static_cast<Settings*>(settings); }

// The rows that are summed in single precision before they are added up in double: a function of the shape alone.
struct Blocks {
  int64_t rows, channels, size;
  int count;
  Blocks(int64_t all, int64_t width) : rows(all), channels(width) {
    size = std::clamp<int64_t>(32768 / std::max<int64_t>(width, 1), 16, 2048);
    count = static_cast<int>((all + size - 1) / size);
  }
  int64_t begin(int block) const { return block * size; }
  int64_t end(int block) const { return std::min(rows, (block + 1) * size); }
};

// Sums of x − x₀ and of its square: x₀, the first row, keeps the variance from cancelling out.
void sumRows(const float* __restrict x, const float* __restrict first, int64_t rows, int64_t channels,
             float* __restrict sum, float* __restrict square) {
  std::fill(sum, sum + channels, 0.f);
  std::fill(square, square + channels, 0.f);
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4, x += 4 * channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float a = x[c] - first[c], b = x[c + channels] - first[c];
      const float d = x[c + 2 * channels] - first[c], e = x[c + 3 * channels] - first[c];
      sum[c] += (a + b) + (d + e);
      square[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; row < rows; ++row, x += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float a = x[c] - first[c];
      sum[c] += a;
      square[c] += a * a;
    }
  }
}

template <Activation A>
inline float activated(float z) {
  if (A == Activation::kLinear) return z;
  // Written so that what is no number stays none.
  const float positive = z < 0.f ? 0.f : z;
  if (A == Activation::kRelu) return positive;
  return positive > 6.f ? 6.f : positive;
}

template <Activation A>
inline float passed(float z, float dy) {
  if (A == Activation::kLinear) return dy;
  if (A == Activation::kRelu) return z > 0.f ? dy : 0.f;
  return (z > 0.f) & (z < 6.f) ? dy : 0.f;
}

template <Activation A>
void normalizeRows(const float* __restrict x, int64_t rows, int64_t channels, const float* __restrict mean,
                   const float* __restrict scale, const float* __restrict beta, float* __restrict y) {
  for (int64_t row = 0; row < rows; ++row, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) y[c] = activated<A>((x[c] - mean[c]) * scale[c] + beta[c]);
  }
}

template <Activation A>
void forwardBlocks(const Blocks& blocks, const float* x, const float* mean, const float* scale, const float* beta,
                   float* y) {
  Pool::get().run(blocks.count, [&](int block) {
    const int64_t begin = blocks.begin(block), at = begin * blocks.channels;
    normalizeRows<A>(x + at, blocks.end(block) - begin, blocks.channels, mean, scale, beta, y + at);
  });
}

// Sums over the batch of the gradient behind the activation, and of it times x − mean.
template <Activation A>
void sumGradients(const float* __restrict dy, const float* __restrict x, int64_t rows, int64_t channels,
                  const float* __restrict mean, const float* __restrict scale, const float* __restrict beta,
                  float* __restrict sum, float* __restrict product) {
  std::fill(sum, sum + channels, 0.f);
  std::fill(product, product + channels, 0.f);
  int64_t row = 0;
  for (; row + 2 <= rows; row += 2, x += 2 * channels, dy += 2 * channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float a = x[c] - mean[c], b = x[c + channels] - mean[c];
      const float da = passed<A>(a * scale[c] + beta[c], dy[c]);
      const float db = passed<A>(b * scale[c] + beta[c], dy[c + channels]);
      sum[c] += da + db;
      product[c] += da * a + db * b;
    }
  }
  for (; row < rows; ++row, x += channels, dy += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float a = x[c] - mean[c];
      const float da = passed<A>(a * scale[c] + beta[c], dy[c]);
      sum[c] += da;
      product[c] += da * a;
    }
  }
}

// dx = scale · dz − offset − (x − mean) · slope. `dx` may be `dy`.
template <Activation A>
void inputGradient(const float* dy, const float* __restrict x, int64_t rows, int64_t channels,
                   const float* __restrict mean, const float* __restrict scale, const float* __restrict beta,
                   const float* __restrict offset, const float* __restrict slope, float* dx) {
  for (int64_t row = 0; row < rows; ++row, x += channels, dy += channels, dx += channels) {
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; ++c) {
      const float a = x[c] - mean[c];
      const float dz = passed<A>(a * scale[c] + beta[c], dy[c]);
      dx[c] = scale[c] * dz - offset[c] - a * slope[c];
    }
  }
}

// The blocks' sums, added up in double and in order.
std::vector<double> total(const std::vector<float>& partial, const Blocks& blocks) {
  std::vector<double> sums(blocks.channels, 0.0);
  for (int block = 0; block < blocks.count; ++block) {
    const float* row = partial.data() + block * blocks.channels;
    for (int64_t c = 0; c < blocks.channels; ++c) sums[c] += row[c];
  }
  return sums;
}

// Inputs x, gamma, beta, moving_mean, moving_variance → y, the two averages after it, and mean and 1/√(variance + ε).
void forward(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
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
  std::vector<float> sums(blocks.count * channels), squares(blocks.count * channels), scale(channels);
  Pool::get().run(blocks.count, [&](int block) {
    const int64_t begin = blocks.begin(block);
    sumRows(x.floats() + begin * channels, x.floats(), blocks.end(block) - begin, channels,
            sums.data() + block * channels, squares.data() + block * channels);
  });
  const std::vector<double> sum = total(sums, blocks), square = total(squares, blocks);
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
  switch (settings.activation) {
    case Activation::kLinear:
      return forwardBlocks<Activation::kLinear>(blocks, in, middle, scale.data(), shift, y.floats());
    case Activation::kRelu:
      return forwardBlocks<Activation::kRelu>(blocks, in, middle, scale.data(), shift, y.floats());
    case Activation::kRelu6:
      return forwardBlocks<Activation::kRelu6>(blocks, in, middle, scale.data(), shift, y.floats());
  }
}

struct GradientTensors {
  const float *dy, *x, *gamma, *beta, *mean, *inverse;
  float *dx, *dGamma, *dBeta;
};

template <Activation A>
void backwardBlocks(const Blocks& blocks, const GradientTensors& t) {
  const int64_t channels = blocks.channels;
  std::vector<float> scale(channels), offset(channels), slope(channels);
  std::vector<float> sums(blocks.count * channels), products(blocks.count * channels);
  for (int64_t c = 0; c < channels; ++c) scale[c] = t.gamma[c] * t.inverse[c];
  Pool::get().run(blocks.count, [&](int block) {
    const int64_t begin = blocks.begin(block), at = begin * channels;
    sumGradients<A>(t.dy + at, t.x + at, blocks.end(block) - begin, channels, t.mean, scale.data(), t.beta,
                    sums.data() + block * channels, products.data() + block * channels);
  });
  const std::vector<double> sum = total(sums, blocks), product = total(products, blocks);
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
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const Tensor dy = input(context, 0, status), x = input(context, 1, status), gamma = input(context, 2, status);
  const Tensor beta = input(context, 3, status), mean = input(context, 4, status), inverse = input(context, 5, status);
  const int64_t channels = gamma.size();
  if (status.ok() && (dy.size() != x.size() || x.rank() < 2 || x.dim(x.rank() - 1) != channels || x.size() == 0 ||
                      beta.size() != channels || mean.size() != channels || inverse.size() != channels)) {
    status.invalid("GraftBatchNormGrad takes dy and x [..., channels] and four vectors [channels]");
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dx = outputOver(context, 0, 0, x.shape(), status);
  const Tensor dGamma = output(context, 1, {channels}, status), dBeta = output(context, 2, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const GradientTensors tensors{dy.floats(),      x.floats(),  gamma.floats(),  beta.floats(), mean.floats(),
                                inverse.floats(), dx.floats(), dGamma.floats(), dBeta.floats()};
  const Blocks blocks(x.size() / channels, channels);
  switch (settings.activation) {
    case Activation::kLinear:
      return backwardBlocks<Activation::kLinear>(blocks, tensors);
    case Activation::kRelu:
      return backwardBlocks<Activation::kRelu>(blocks, tensors);
    case Activation::kRelu6:
      return backwardBlocks<Activation::kRelu6>(blocks, tensors);
  }
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
              attributes, create, forward, remove, forwardShapes}) &&
         add({"GraftBatchNormGrad",
              {"dy: float", "x: float", "gamma: float", "beta: float", "mean: float", "inverse: float"},
              {"dx: float", "dgamma: float", "dbeta: float"},
              attributes, create, backward, remove, backwardShapes});
}

}  // namespace graft
