// BatchNorm over a batch that is there in parts, each of which another thread works on: what the parts have in common is
// merged, in double precision and in the order of the parts (Chan, Golub and LeVeque, "Updating formulae and a pairwise
// algorithm for computing sample variances", 1979).

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "batch-norm-math.h"
#include "kernel.h"
#include "operations.h"

namespace graft {
namespace {

struct Settings : NormSettings {
  // Rows of one part.
  int64_t rows = 0;
};

void* create(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<Settings>();
  int32_t rows = 0;
  readSettings(construction, *settings, status);
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, "rows", &rows, status.get());
  if (status.ok() && rows < 1) status.invalid("a part has rows");
  settings->rows = rows;
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

void remove(void* settings) { delete static_cast<Settings*>(settings); }

std::vector<Tensor> inputs(TF_OpKernelContext* context, Status& status) {
  std::vector<Tensor> all;
  for (int index = 0; index < TF_NumInputs(context) && status.ok(); ++index) {
    all.push_back(input(context, index, status));
  }
  return all;
}

// Whether x is [rows of a part, …, channels] and each of the tensors from `from` on a vector of channels.
void check(const std::vector<Tensor>& all, size_t from, Status& status) {
  if (!status.ok()) return;
  const int64_t channels = all[from].size();
  bool fits = channels > 0;
  for (size_t index = from; index < all.size(); ++index) fits = fits && all[index].size() == channels;
  for (size_t index = 0; index < from; ++index) {
    const Tensor& x = all[index];
    fits = fits && x.rank() >= 2 && x.dim(x.rank() - 1) == channels && x.size() > 0 && x.size() == all[0].size();
  }
  if (!fits) status.invalid("parts are [..., channels], the others vectors [channels]");
}

// x → its mean, and the sum of squares of what differs from it; [channels].
void moments(void*, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t channels = x.rank() > 0 ? x.dim(x.rank() - 1) : 0;
  if (channels < 1 || x.size() == 0) status.invalid("a part is [..., channels], and not empty");
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor mean = output(context, 0, {channels}, status), spread = output(context, 1, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Blocks blocks(x.size() / channels, channels);
  const auto [sum, square] = momentSums(blocks, x.floats());
  keepMoments(sum.data(), square.data(), channels, blocks.rows, x.floats(), mean.floats(), spread.floats());
}

// The sum of `count` vectors from `first` on, in their order. As all that merges parts in whole registers: meanwhile every
// thread waits.
std::vector<double> summed(const std::vector<Tensor>& all, size_t first, size_t count) {
  const int64_t channels = all[first].size();
  std::vector<double> sums(channels, 0.0);
  for (size_t index = first; index < first + count; ++index) {
    const float* part = all[index].floats();
    for (int64_t c = 0; c < channels; ++c) sums[c] += part[c];
  }
  return sums;
}

// Means and spreads of all parts, the two averages → mean, 1/√(variance + ε), the two averages after it.
void merge(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const std::vector<Tensor> all = inputs(context, status);
  check(all, 0, status);
  const int64_t channels = status.ok() ? all[0].size() : 0;
  const Tensor mean = output(context, 0, {channels}, status), inverse = output(context, 1, {channels}, status);
  const Tensor newMean = output(context, 2, {channels}, status), newVariance = output(context, 3, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const size_t parts = (all.size() - 2) / 2;
  const double rows = static_cast<double>(settings.rows), count = rows * static_cast<double>(parts);
  std::vector<double> average = summed(all, 0, parts), squared(channels, 0.0);
  for (double& each : average) each /= static_cast<double>(parts);
  for (size_t part = 0; part < parts; ++part) {
    const float *partMean = all[part].floats(), *spread = all[parts + part].floats();
    for (int64_t c = 0; c < channels; ++c) {
      const double apart = partMean[c] - average[c];
      squared[c] += spread[c] + rows * apart * apart;
    }
  }
  const double factor = settings.factor, epsilon = settings.epsilon, others = std::max(1.0, count - 1.0);
  const float *movingMean = all[2 * parts].floats(), *movingVariance = all[2 * parts + 1].floats();
  float* __restrict merged = mean.floats();
  float* __restrict inverses = inverse.floats();
  float* __restrict newMeans = newMean.floats();
  float* __restrict newVariances = newVariance.floats();
  for (int64_t c = 0; c < channels; ++c) {
    merged[c] = static_cast<float>(average[c]);
    inverses[c] = static_cast<float>(1.0 / std::sqrt(squared[c] / count + epsilon));
    newMeans[c] = static_cast<float>((1.0 - factor) * movingMean[c] + factor * average[c]);
    newVariances[c] = static_cast<float>((1.0 - factor) * movingVariance[c] + factor * (squared[c] / others));
  }
}

Floats scaleOf(const Tensor& gamma, const Tensor& inverse) {
  return graft::scaleOf(gamma.floats(), inverse.floats(), gamma.size());
}

// x, gamma, beta, mean, inverse → y, behind the activation.
void normalize(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const std::vector<Tensor> all = inputs(context, status);
  check(all, 1, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor& x = all[0];
  const Tensor y = output(context, 0, x.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t channels = all[1].size();
  const Floats scale = scaleOf(all[1], all[4]);
  withActivation(settings.activation, [&](auto activation) {
    normalizeRows<activation.value>(x.floats(), x.size() / channels, channels, all[3].floats(), scale.data(),
                                    all[2].floats(), y.floats());
  });
}

// dy, x, gamma, beta, mean, inverse → sums of the gradient behind the activation, and of it times x − mean.
void sumGradient(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const std::vector<Tensor> all = inputs(context, status);
  check(all, 2, status);
  const int64_t channels = status.ok() ? all[2].size() : 0;
  const Tensor sum = output(context, 0, {channels}, status), product = output(context, 1, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const float *dy = all[0].floats(), *x = all[1].floats(), *beta = all[3].floats(), *mean = all[4].floats();
  const Floats scale = scaleOf(all[2], all[5]);
  const Blocks blocks(all[1].size() / channels, channels);
  withActivation(settings.activation, [&](auto activation) {
    const auto [sums, products] = gradientSums<activation.value>(blocks, dy, x, mean, scale.data(), beta);
    for (int64_t c = 0; c < channels; ++c) {
      sum.floats()[c] = static_cast<float>(sums[c]);
      product.floats()[c] = static_cast<float>(products[c]);
    }
  });
}

// Sums and products of all parts, gamma, inverse → dgamma, dbeta, and what `gradient` takes off for each row.
void mergeGradients(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const std::vector<Tensor> all = inputs(context, status);
  check(all, 0, status);
  const int64_t channels = status.ok() ? all[0].size() : 0;
  const Tensor dGamma = output(context, 0, {channels}, status), dBeta = output(context, 1, {channels}, status);
  const Tensor offset = output(context, 2, {channels}, status), slope = output(context, 3, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const size_t parts = (all.size() - 2) / 2;
  const float *gamma = all[2 * parts].floats(), *inverse = all[2 * parts + 1].floats();
  const double count = static_cast<double>(settings.rows) * static_cast<double>(parts);
  const std::vector<double> sum = summed(all, 0, parts), product = summed(all, parts, parts);
  float* __restrict dGammas = dGamma.floats();
  float* __restrict dBetas = dBeta.floats();
  float* __restrict offsets = offset.floats();
  float* __restrict slopes = slope.floats();
  for (int64_t c = 0; c < channels; ++c) {
    const float scale = gamma[c] * inverse[c];
    dBetas[c] = static_cast<float>(sum[c]);
    dGammas[c] = static_cast<float>(product[c] * inverse[c]);
    offsets[c] = static_cast<float>(scale * sum[c] / count);
    slopes[c] = static_cast<float>(scale * product[c] * inverse[c] * inverse[c] / count);
  }
}

// dy, x, gamma, beta, mean, inverse, offset, slope → dx.
void gradient(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const Tensor dx = outputOver(context, 0, 0, 1, status);
  const std::vector<Tensor> all = inputs(context, status);
  check(all, 2, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor& x = all[1];
  const int64_t channels = all[2].size();
  const Floats scale = scaleOf(all[2], all[5]);
  withActivation(settings.activation, [&](auto activation) {
    inputGradient<activation.value>(all[0].floats(), x.floats(), x.size() / channels, channels, all[4].floats(),
                                    scale.data(), all[3].floats(), all[6].floats(), all[7].floats(), dx.floats());
  });
}

void partShapes(TF_ShapeInferenceContext* context, TF_Status* status) { shapeAs(context, 0, 0, status); }

template <int From, int Count>
void vectorShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  for (int index = 0; index < Count; ++index) shapeAs(context, From, index, status);
}

// The last side of x.
void momentShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  for (int index = 0; index < 2; ++index) TF_ShapeInferenceContextSetUnknownShape(context, status);
}

}  // namespace

bool addBatchNormParts() {
  const auto attributes = {"epsilon: float", "factor: float", "activation: int", "rows: int"};
  const auto merging = {"epsilon: float", "factor: float", "activation: int", "rows: int", "parts: int >= 1"};
  return add({"GraftBatchNormMoments", {"x: float"}, {"mean: float", "spread: float"},
              attributes, create, moments, remove, momentShapes}) &&
         add({"GraftBatchNormMerge",
              {"means: parts * float", "spreads: parts * float", "moving_mean: float", "moving_variance: float"},
              {"mean: float", "inverse: float", "new_mean: float", "new_variance: float"},
              merging, create, merge, remove, vectorShapes<0, 4>}) &&
         add({"GraftBatchNormPart",
              {"x: float", "gamma: float", "beta: float", "mean: float", "inverse: float"}, {"y: float"},
              attributes, create, normalize, remove, partShapes}) &&
         add({"GraftBatchNormGradSums",
              {"dy: float", "x: float", "gamma: float", "beta: float", "mean: float", "inverse: float"},
              {"sum: float", "product: float"},
              attributes, create, sumGradient, remove, vectorShapes<2, 2>}) &&
         add({"GraftBatchNormGradMerge",
              {"sums: parts * float", "products: parts * float", "gamma: float", "inverse: float"},
              {"dgamma: float", "dbeta: float", "offset: float", "slope: float"},
              merging, create, mergeGradients, remove, vectorShapes<0, 4>}) &&
         add({"GraftBatchNormGradPart",
              {"dy: float", "x: float", "gamma: float", "beta: float", "mean: float", "inverse: float",
               "offset: float", "slope: float"},
              {"dx: float"},
              attributes, create, gradient, remove, partShapes});
}

}  // namespace graft
