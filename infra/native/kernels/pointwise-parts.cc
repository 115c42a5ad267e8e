// Convolution of one pixel in a step whose batch goes through in parts, together with the BatchNorm behind it, and with the
// one before it where nothing else reads what that gives: while a block of rows is in a core's cache, so that no pass over
// memory is made for BatchNorm alone. Each runs on one thread.

#include <algorithm>
#include <memory>
#include <optional>

#include "kernel.h"
#include "matrix-product-turned.h"
#include "matrix-product.h"
#include "normalization.h"
#include "operations.h"
#include "settings-of-parts.h"
#include "shortcut-math.h"

namespace graft {
namespace {

constexpr const char* kShapes = "pictures [n, h, w, in], a kernel [1, 1, in, out], and vectors of what comes out";

// Rows of the convolution's input, a block at a time: behind the BatchNorm before it where there is one.
class InputRows {
 public:
  InputRows(const float* x, int64_t channels, const Normalization* norm, int64_t block)
      : x_(x), channels_(channels), norm_(norm), made_(norm != nullptr ? floats(block * channels) : nullptr) {}

  const float* rows(int64_t begin, int64_t count) const {
    const float* from = x_ + begin * channels_;
    if (norm_ == nullptr) return from;
    norm_->apply(from, count, made_.get());
    return made_.get();
  }

  void want(int64_t begin, int64_t count, Ahead& next) const { next.want(x_ + begin * channels_, count * channels_); }

 private:
  const float* x_;
  int64_t channels_;
  const Normalization* norm_;
  FloatArray made_;
};

// The same where they are sums with a shortcut, which are kept too.
class SummedRows {
 public:
  SummedRows(const PartSettings& settings, const Tensor& x, const NormVectors& norm, const Tensor& shortcut,
             const Tensor& sum)
      : activation_(settings.before), x_(x.floats()), shortcut_(shortcut.floats()), mean_(norm.mean.floats()),
        beta_(norm.beta.floats()), channels_(x.dim(3)),
        scale_(scaleOf(norm.gamma.floats(), norm.inverse.floats(), channels_)), sum_(sum.floats()) {}

  const float* rows(int64_t begin, int64_t count) const {
    const int64_t at = begin * channels_;
    addShortcut(activation_, x_ + at, shortcut_ + at, count, channels_, mean_, scale_.data(), beta_, sum_ + at);
    return sum_ + at;
  }

  void want(int64_t begin, int64_t count, Ahead& next) const {
    next.want(x_ + begin * channels_, count * channels_);
    next.want(shortcut_ + begin * channels_, count * channels_);
  }

 private:
  Activation activation_;
  const float *x_, *shortcut_, *mean_, *beta_;
  int64_t channels_;
  Floats scale_;
  float* sum_;
};

// A convolution of so many rows that `inputs` gives, and the moments of what it makes.
template <class Inputs>
void convolve(const Product& product, const Inputs& inputs, int64_t rows, int64_t channels, float* y, float* mean,
              float* spread) {
  const int64_t block = product.block();
  RunningMoments moments(y, channels, 0);
  for (int64_t begin = 0; begin < rows; begin += block) {
    const int64_t count = std::min(block, rows - begin);
    const float* from = inputs.rows(begin, count);
    Ahead next;
    inputs.want(begin + count, std::min(block, rows - begin - count), next);
    product.multiply(from, count, y + begin * channels, &next);
    moments.madeUpTo(begin + count);
  }
  moments.end();
  moments.keep(rows, mean, spread);
}

// Inputs x, the vectors of the BatchNorm on it if `Before`, kernel → y, its mean, and the sum of squares of what differs
// from it (as GraftBatchNormMoments).
template <bool Before>
void forward(void* data, TF_OpKernelContext* context) {
  const PartSettings& settings = *static_cast<const PartSettings*>(data);
  Status status;
  const Tensor x = input(context, 0, status), kernel = input(context, Before ? 5 : 1, status);
  std::optional<NormVectors> before;
  if (Before) before.emplace(context, 1, status);
  if (status.ok() && (!isDense(x, kernel, 1) || (Before && !before->fit(x.dim(3))))) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t inner = x.dim(3), channels = kernel.dim(3), rows = x.size() / inner;
  const Tensor y = output(context, 0, {x.dim(0), x.dim(1), x.dim(2), channels}, status);
  const Tensor mean = output(context, 1, {channels}, status), spread = output(context, 2, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  std::optional<Normalization> norm;
  if (Before) norm.emplace(settings.before, *before);
  const Product product(kernel.floats(), inner, channels, false);
  const InputRows inputs(x.floats(), inner, norm ? &*norm : nullptr, product.block());
  convolve(product, inputs, rows, channels, y.floats(), mean.floats(), spread.floats());
}

// Inputs x, the vectors of the BatchNorm on it, the shortcut that is added to what it gives, kernel → their sum behind the
// activation, and of its convolution y, mean and spread as above.
void forwardSum(void* data, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status);
  const NormVectors before(context, 1, status);
  const Tensor shortcut = input(context, 5, status), kernel = input(context, 6, status);
  if (status.ok() && (!isDense(x, kernel, 1) || !before.fit(x.dim(3)) || shortcut.shape() != x.shape())) {
    status.invalid(kShapes);
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t inner = x.dim(3), channels = kernel.dim(3);
  const Tensor sum = output(context, 0, x.shape(), status);
  const Tensor y = output(context, 1, {x.dim(0), x.dim(1), x.dim(2), channels}, status);
  const Tensor mean = output(context, 2, {channels}, status), spread = output(context, 3, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Product product(kernel.floats(), inner, channels, false);
  const SummedRows inputs(*static_cast<const PartSettings*>(data), x, before, shortcut, sum);
  convolve(product, inputs, x.size() / inner, channels, y.floats(), mean.floats(), spread.floats());
}

// Where a convolution's input is a sum with a shortcut: the gradient to that sum from elsewhere, which is added to dx, and the
// input and mean of the BatchNorm in the sum.
struct Shortcut {
  Tensor gradient, x, mean;
  Shortcut(TF_OpKernelContext* context, int first, Status& status)
      : gradient(input(context, first, status)), x(input(context, first + 1, status)),
        mean(input(context, first + 2, status)) {}
  bool fit(const Tensor& dx) const {
    return gradient.shape() == dx.shape() && x.shape() == dx.shape() && mean.size() == dx.dim(3);
  }

  // As GraftShortcutGradSums, over rows of dx from `begin` on, behind which those of the sum's ReLU are.
  void add(bool activated, float* dx, const float* behind, int64_t begin, int64_t rows, RunningSums& sums) const {
    const int64_t channels = mean.size(), at = begin * channels;
    const auto run = activated ? sumPassed<true, true> : sumPassed<true, false>;
    sums.add([&](float* sum, float* product) {
      run(dx, gradient.floats() + at, behind, x.floats() + at, mean.floats(), rows, channels, dx, sum, product);
    });
  }
};

// What is at a convolution's input: nothing of its own, a BatchNorm whose gradient is summed too, a sum with a shortcut.
enum class At { kInput, kNorm, kShortcut };

// The inputs of GraftBatchNormGradPart for the BatchNorm behind the convolution; x, kernel; the vectors of a BatchNorm on x, or
// of a shortcut what `Shortcut` has → dx, dkernel (with a shortcut the other way round), and for both sum and product of
// GraftBatchNormGradSums.
template <At Where>
void gradient(void* data, TF_OpKernelContext* context) {
  const PartSettings& settings = *static_cast<const PartSettings*>(data);
  Status status;
  const NormGradInputs given(context, status);
  const auto& [dy, y, behind, offset, slope, x, kernel] = given;
  std::optional<NormVectors> before;
  std::optional<Shortcut> shortcut;
  if (Where == At::kNorm) before.emplace(context, 10, status);
  if (Where == At::kShortcut) shortcut.emplace(context, 10, status);
  const int64_t channels = status.ok() ? behind.gamma.size() : 0;
  if (status.ok() && (!isDense(x, kernel, 1) || kernel.dim(3) != channels || !given.fit(channels) ||
                      y.size() != x.size() / x.dim(3) * channels || (before && !before->fit(x.dim(3))) ||
                      (shortcut && !shortcut->fit(x)))) {
    status.invalid(kShapes);
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t outer = x.dim(3), rows = x.size() / outer;
  const int first = Where == At::kShortcut ? 1 : 0;
  const Tensor dx = output(context, first, x.shape(), status);
  const Tensor dKernel = output(context, 1 - first, kernel.shape(), status);
  const bool sums = Where != At::kInput;
  const Tensor sum = sums ? output(context, 2, {outer}, status) : Tensor();
  const Tensor product = sums ? output(context, 3, {outer}, status) : Tensor();
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  std::optional<Normalization> norm;
  if (before) norm.emplace(settings.before, *before);
  std::optional<RunningGradients> gradients;
  if (before) gradients.emplace(*norm, dx.floats(), x.floats());
  RunningSums shortcutSums(shortcut ? outer : 0);
  const Normalization normBehind(settings.activation, behind);
  const Product back(kernel.floats(), channels, outer, true);
  TurnedProduct kernelSums(outer, channels, dKernel.floats());
  const int64_t block = kernelSums.block();
  const auto dz = floats(block * channels);
  const InputRows inputs(x.floats(), outer, norm ? &*norm : nullptr, block);
  for (int64_t begin = 0; begin < rows; begin += block) {
    const int64_t count = std::min(block, rows - begin), at = begin * channels;
    normBehind.gradient(dy.floats() + at, y.floats() + at, count, offset.floats(), slope.floats(), dz.get());
    Ahead these, next;
    these.want(x.floats() + begin * outer, count * outer);
    if (shortcut) these.want(shortcut->gradient.floats() + begin * outer, count * outer);
    back.multiply(dz.get(), count, dx.floats() + begin * outer, &these);
    const int64_t later = std::min(block, rows - begin - count) * channels;
    next.want(dy.floats() + at + count * channels, later);
    next.want(y.floats() + at + count * channels, later);
    if (shortcut) next.want(shortcut->x.floats() + begin * outer, count * outer);
    const float* inputRows = inputs.rows(begin, count);
    kernelSums.add(inputRows, dz.get(), count, &next);
    if (gradients) gradients->madeUpTo(begin + count);
    if (shortcut) {
      shortcut->add(settings.activated, dx.floats() + begin * outer, inputRows, begin, count, shortcutSums);
    }
  }
  kernelSums.finish();
  if (gradients) gradients->end(), gradients->keep(sum.floats(), product.floats());
  if (shortcut) shortcutSums.keep(sum.floats(), product.floats());
}

void* createShortcut(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<PartSettings>();
  int32_t activated = 0;
  readActivation(construction, "activation", settings->activation, status);
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, "activated", &activated, status.get());
  settings->activated = activated != 0;
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

void shortcutShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  shapeAs(context, 9, 0, status);
  shapeAs(context, 8, 1, status);
  shapeAs(context, 12, 2, status);
  shapeAs(context, 12, 3, status);
}

void sumShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  shapeAs(context, 0, 0, status);
  for (int index = 1; index < 4; ++index) TF_ShapeInferenceContextSetUnknownShape(context, status);
}

}  // namespace

bool addPointwiseParts() {
  return addParts({"GraftPointwiseMoments", forward<false>, "GraftNormPointwiseMoments", forward<true>,
                   "GraftPointwiseNormGrad", gradient<At::kInput>, "GraftNormPointwiseNormGrad", gradient<At::kNorm>}) &&
         add({"GraftPointwiseNormGradSums",
              {"dy: float", "y: float", "gamma: float", "beta: float", "mean: float", "inverse: float",
               "offset: float", "slope: float", "x: float", "kernel: float", "shortcut: float", "summed: float",
               "summed_mean: float"},
              {"dkernel: float", "dx: float", "sum: float", "product: float"}, {"activation: int", "activated: int"},
              createShortcut, gradient<At::kShortcut>, removePart, shortcutShapes}) &&
         add({"GraftShortcutPointwiseMoments",
              {"x: float", "gamma: float", "beta: float", "mean: float", "inverse: float", "shortcut: float",
               "kernel: float"},
              {"sum: float", "y: float", "moments_mean: float", "moments_spread: float"}, {"before: int"},
              createPart<true, false>, forwardSum, removePart, sumShapes});
}

}  // namespace graft
