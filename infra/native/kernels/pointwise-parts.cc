// Convolution of one pixel in a step whose batch goes through in parts, together with the BatchNorm behind it: while a block
// of rows is in a core's cache, so that no pass over memory is made for BatchNorm alone. Each runs on one thread.

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "batch-norm-math.h"
#include "kernel.h"
#include "matrix-product-turned.h"
#include "matrix-product.h"
#include "operations.h"

namespace graft {
namespace {

constexpr const char* kShapes = "pictures [n, h, w, in], a kernel [1, 1, in, out], and vectors of what comes out";

bool isOnePixel(const Tensor& x, const Tensor& kernel) {
  return x.rank() == 4 && x.size() > 0 && kernel.rank() == 4 && kernel.size() > 0 && kernel.dim(0) == 1 &&
         kernel.dim(1) == 1 && kernel.dim(2) == x.dim(3);
}

// Inputs x, kernel → y, its mean, and the sum of squares of what differs from it (as GraftBatchNormMoments).
void forward(void*, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status), kernel = input(context, 1, status);
  if (status.ok() && !isOnePixel(x, kernel)) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t inner = x.dim(3), channels = kernel.dim(3), rows = x.size() / inner;
  const Tensor y = output(context, 0, {x.dim(0), x.dim(1), x.dim(2), channels}, status);
  const Tensor mean = output(context, 1, {channels}, status), spread = output(context, 2, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Product product(kernel.floats(), inner, channels, false);
  const int64_t block = product.block();
  std::vector<float> sum(channels), square(channels);
  std::vector<double> sums(channels, 0.0), squares(channels, 0.0);
  for (int64_t begin = 0; begin < rows; begin += block) {
    const int64_t count = std::min(block, rows - begin);
    float* made = y.floats() + begin * channels;
    product.multiply(x.floats() + begin * inner, count, made);
    sumRows(made, y.floats(), count, channels, sum.data(), square.data());
    for (int64_t c = 0; c < channels; ++c) sums[c] += sum[c], squares[c] += square[c];
  }
  keepMoments(sums, squares, rows, y.floats(), mean.floats(), spread.floats());
}

// The inputs of GraftBatchNormGradPart, then x and kernel of the convolution before it → dx, dkernel.
void gradient(void* data, TF_OpKernelContext* context) {
  const NormSettings& settings = *static_cast<const NormSettings*>(data);
  Status status;
  const Tensor dy = input(context, 0, status), y = input(context, 1, status), gamma = input(context, 2, status);
  const Tensor beta = input(context, 3, status), mean = input(context, 4, status), inverse = input(context, 5, status);
  const Tensor offset = input(context, 6, status), slope = input(context, 7, status);
  const Tensor x = input(context, 8, status), kernel = input(context, 9, status);
  if (status.ok()) {
    const int64_t channels = gamma.size();
    bool fits = isOnePixel(x, kernel) && kernel.dim(3) == channels && dy.shape() == y.shape() && y.rank() == 4 &&
                y.size() == x.size() / x.dim(3) * channels && y.dim(3) == channels;
    for (const Tensor* vector : {&beta, &mean, &inverse, &offset, &slope}) fits = fits && vector->size() == channels;
    if (!fits) status.invalid(kShapes);
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dx = output(context, 0, x.shape(), status), dKernel = output(context, 1, kernel.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t channels = gamma.size(), outer = x.dim(3), rows = x.size() / outer;
  const std::vector<float> scale = scaleOf(gamma.floats(), inverse.floats(), channels);
  const Product back(kernel.floats(), channels, outer, true);
  TurnedProduct kernelSums(outer, channels, dKernel.floats());
  const int64_t block = kernelSums.block();
  const auto made = floats(block * channels);
  withActivation(settings.activation, [&](auto activation) {
    for (int64_t begin = 0; begin < rows; begin += block) {
      const int64_t count = std::min(block, rows - begin), at = begin * channels;
      graft::inputGradient<activation.value>(dy.floats() + at, y.floats() + at, count, channels, mean.floats(),
                                             scale.data(), beta.floats(), offset.floats(), slope.floats(), made.get());
      back.multiply(made.get(), count, dx.floats() + begin * outer);
      kernelSums.add(x.floats() + begin * outer, made.get(), count);
    }
  });
  kernelSums.finish();
}

void forwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}
void gradientShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  shapeAs(context, 8, 0, status);
  shapeAs(context, 9, 1, status);
}

}  // namespace

bool addPointwiseParts() {
  return add({"GraftPointwiseMoments", {"x: float", "kernel: float"}, {"y: float", "mean: float", "spread: float"},
              {}, nullptr, forward, nullptr, forwardShapes}) &&
         add({"GraftPointwiseNormGrad",
              {"dy: float", "y: float", "gamma: float", "beta: float", "mean: float", "inverse: float",
               "offset: float", "slope: float", "x: float", "kernel: float"},
              {"dx: float", "dkernel: float"},
              {"epsilon: float", "factor: float", "activation: int"}, createNorm, gradient, removeNorm, gradientShapes});
}

}  // namespace graft
