// Depthwise convolution in a step whose batch goes through in parts, between the BatchNorm before it and the one behind it:
// a few rows of a picture at a time, so that what the first gives and the gradient through the second are nowhere as a
// whole, and no pass over memory is made for either. Each runs on one thread.

#include <algorithm>
#include <memory>
#include <vector>

#include "depthwise-rows.h"
#include "depthwise-settings.h"
#include "kernel.h"
#include "normalization.h"
#include "operations.h"

namespace graft {
namespace {

struct Settings : WindowSettings {
  // Of the BatchNorm before the convolution, and of the one behind it.
  Activation before = Activation::kLinear, activation = Activation::kLinear;
};

template <bool Behind>
void* create(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<Settings>();
  readSettings(construction, *settings, status);
  readActivation(construction, "before", settings->before, status);
  if (Behind) readActivation(construction, "activation", settings->activation, status);
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

void remove(void* settings) { delete static_cast<Settings*>(settings); }

// The same correlation of rows that have zeros at both ends, as many as its windows reach beyond the picture.
Correlation withEnds(const Correlation& p) {
  Correlation wide = p;
  const int64_t reached = (p.outWidth - 1) * p.stride + p.side - p.left;
  wide.inWidth = p.left + std::max(p.inWidth, reached);
  wide.left = 0;
  return wide;
}

// The last rows of a picture, as many as a window has, with zeros at both ends.
class Ring {
 public:
  // What windows over the rows are a correlation `p` of.
  explicit Ring(const Correlation& p)
      : rows_(p.side), begin_(p.left * p.channels), width_(withEnds(p).inRow()), memory_(floats(rows_ * width_)) {
    for (int64_t row = 0; row < rows_; ++row) {
      std::fill(whole(row), at(row), 0.f);
      std::fill(at(row) + p.inRow(), whole(row) + width_, 0.f);
    }
  }
  // Where the picture's columns are.
  float* at(int64_t row) const { return whole(row) + begin_; }
  float* whole(int64_t row) const { return memory_.get() + row % rows_ * width_; }

 private:
  int64_t rows_, begin_, width_;
  FloatArray memory_;
};

// The rows of a picture behind BatchNorm: those that a window reaches, for the correlation `withEnds`.
class NormalizedRows {
 public:
  NormalizedRows(const Correlation& p, const Normalization& norm)
      : p_(p), norm_(norm), ring_(p) {}

  void begin(const float* picture) { picture_ = picture, made_ = 0; }

  // The window of output row `y`; asked for from the first to the last.
  Rows window(int64_t y) {
    const int64_t end = std::min(p_.inHeight, y * p_.stride - p_.top + p_.side);
    for (; made_ < end; ++made_) norm_.apply(picture_ + made_ * p_.inRow(), p_.inWidth, ring_.at(made_));
    return rowsOf(p_, y, [&](int64_t row) { return ring_.whole(row); });
  }

 private:
  const Correlation& p_;
  const Normalization& norm_;
  Ring ring_;
  const float* picture_ = nullptr;
  int64_t made_ = 0;
};

// Inputs x, the vectors of the BatchNorm on it, kernel, sides (an int32 [2]: height and width that come out) → y, its mean,
// and the sum of squares of what differs from it (as GraftBatchNormMoments).
void forward(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const Tensor x = input(context, 0, status);
  const NormVectors before(context, 1, status);
  const Tensor kernel = input(context, 5, status), sides = input(context, 6, status);
  if (status.ok() && (sides.size() != 2 || !isDepthwise(x.shape(), kernel.shape(), x.shape()) || x.size() == 0 ||
                      !before.fit(x.dim(3)))) {
    status.invalid(kDepthwiseShapes);
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t channels = x.dim(3);
  const Shape shape = {x.dim(0), sides.ints()[0], sides.ints()[1], channels};
  const Tensor y = output(context, 0, shape, status);
  const Tensor mean = output(context, 1, {channels}, status), spread = output(context, 2, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Floats zeros(channels, 0.f);
  const Correlation p = correlationOf(settings, x.shape(), kernel, shape, zeros.data());
  const Normalization norm(settings.before, before);
  const CorrelateRow correlate = correlateRowOf(p.side, p.stride);
  const Correlation wide = withEnds(p);
  NormalizedRows pictureRows(p, norm);
  const int64_t pixels = p.outHeight * p.outWidth;
  RunningMoments moments(y.floats(), channels, (x.dim(0) - 1) * pixels);
  for (int64_t image = x.dim(0) - 1; image >= 0; --image) {
    moments.begin(image * pixels);
    pictureRows.begin(x.floats() + image * p.inHeight * p.inRow());
    for (int64_t row = 0; row < p.outHeight; ++row) {
      const int64_t made = image * p.outHeight + row;
      correlate(wide, pictureRows.window(row), y.floats() + made * p.outRow());
      moments.madeUpTo((made + 1) * p.outWidth);
    }
    moments.end();
  }
  moments.keep(y.size() / channels, mean.floats(), spread.floats());
}

// Rows of the gradient to a picture, out of the last rows of the gradient to what the convolution made of it.
class GradientRows {
 public:
  explicit GradientRows(const Correlation& p)
      : p_(p), turned_(turned(p.kernel, p.side, p.channels)), back_(backward(p, turned_.data())),
        wide_(withEnds(back_)), correlate_(correlateRowOf(p.side, 1)), gather_(gatherRowOf(p.side, p.stride)),
        ring_(back_) {}

  // Where row `y` of dy is put before rows of the picture are asked for.
  float* dy(int64_t y) const { return ring_.at(y); }

  // Rows of the picture whose gradient is known once dy is there up to row `y`.
  int64_t known(int64_t y) const {
    return y + 1 == p_.outHeight ? p_.inHeight : std::clamp<int64_t>(p_.stride * (y + 1) - p_.top, 0, p_.inHeight);
  }

  void make(int64_t row, float* dx) const {
    if (p_.stride > 1) return gather_(p_, gatheredRows(p_, row, [&](int64_t y) { return ring_.at(y); }), dx);
    correlate_(wide_, rowsOf(back_, row, [&](int64_t y) { return ring_.whole(y); }), dx);
  }

 private:
  const Correlation& p_;
  Floats turned_;
  Correlation back_, wide_;
  CorrelateRow correlate_;
  GatherRow gather_;
  Ring ring_;
};

// The gradient to the kernel: single precision within a picture, double over the pictures, in order.
class KernelSums {
 public:
  explicit KernelSums(const Correlation& p)
      : p_(p), add_(addRowOf(p.side, p.stride)), picture_(p.side * p.side * p.channels), all_(picture_.size(), 0.0) {}

  void begin() { std::fill(picture_.begin(), picture_.end(), 0.f); }
  void add(const Rows& window, const float* dy) { add_(p_, window, dy, picture_.data()); }
  void end() {
    for (size_t i = 0; i < all_.size(); ++i) all_[i] += picture_[i];
  }
  void keep(float* out) const {
    for (size_t i = 0; i < all_.size(); ++i) out[i] = static_cast<float>(all_[i]);
  }

 private:
  const Correlation& p_;
  AddRow add_;
  Floats picture_;
  std::vector<double> all_;
};

// The inputs of GraftBatchNormGradPart for the BatchNorm behind the convolution; x, kernel; the vectors of the BatchNorm on
// x → the gradient to what that BatchNorm gives, dkernel, and sum and product of GraftBatchNormGradSums for it.
void gradient(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  // Into the memory of dy where both are as large: rows of dy are used up before those of dx are known, and what has just
  // been read is in the cache, where other memory would have to be fetched first.
  const Tensor dx = outputOver(context, 0, 0, 8, status);
  const NormGradInputs inputs(context, status);
  const auto& [dy, y, behind, offset, slope, x, kernel] = inputs;
  const NormVectors before(context, 10, status);
  if (status.ok() && (!isDepthwise(x.shape(), kernel.shape(), dy.shape()) || !inputs.fit(x.dim(3)) ||
                      !before.fit(x.dim(3)))) {
    status.invalid(kDepthwiseShapes);
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t channels = x.dim(3);
  const Tensor dKernel = output(context, 1, kernel.shape(), status);
  const Tensor sum = output(context, 2, {channels}, status), product = output(context, 3, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Floats zeros(channels, 0.f);
  const Correlation p = correlationOf(settings, x.shape(), kernel, dy.shape(), zeros.data());
  const Normalization norm(settings.before, before), normBehind(settings.activation, behind);
  NormalizedRows pictureRows(p, norm);
  const GradientRows gradientRows(p);
  const Correlation wide = withEnds(p);
  KernelSums kernelSums(wide);
  RunningGradients gradients(norm, dx.floats(), x.floats());
  for (int64_t image = x.dim(0) - 1; image >= 0; --image) {
    gradients.begin(image * p.inHeight * p.inWidth);
    pictureRows.begin(x.floats() + image * p.inHeight * p.inRow());
    kernelSums.begin();
    int64_t made = 0;
    for (int64_t row = 0; row < p.outHeight; ++row) {
      const int64_t at = (image * p.outHeight + row) * p.outRow();
      float* dz = gradientRows.dy(row);
      normBehind.gradient(dy.floats() + at, y.floats() + at, p.outWidth, offset.floats(), slope.floats(), dz);
      kernelSums.add(pictureRows.window(row), dz);
      for (; made < gradientRows.known(row); ++made) {
        gradientRows.make(made, dx.floats() + (image * p.inHeight + made) * p.inRow());
      }
      gradients.madeUpTo((image * p.inHeight + made) * p.inWidth);
    }
    kernelSums.end();
    gradients.end();
  }
  kernelSums.keep(dKernel.floats());
  gradients.keep(sum.floats(), product.floats());
}

void forwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}
void gradientShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  shapeAs(context, 8, 0, status);
  shapeAs(context, 9, 1, status);
  shapeAs(context, 10, 2, status);
  shapeAs(context, 10, 3, status);
}

}  // namespace

bool addDepthwiseParts() {
  return add({"GraftNormDepthwiseMoments",
              {"x: float", "gamma: float", "beta: float", "mean: float", "inverse: float", "kernel: float",
               "sides: int32"},
              {"y: float", "moments_mean: float", "moments_spread: float"},
              {"stride: int", "top: int", "left: int", "before: int"}, create<false>, forward, remove, forwardShapes}) &&
         add({"GraftNormDepthwiseNormGrad",
              {"dy: float", "y: float", "gamma: float", "beta: float", "mean: float", "inverse: float",
               "offset: float", "slope: float", "x: float", "kernel: float", "gamma_before: float",
               "beta_before: float", "mean_before: float", "inverse_before: float"},
              {"dx: float", "dkernel: float", "sum: float", "product: float"},
              {"stride: int", "top: int", "left: int", "before: int", "activation: int"}, create<true>, gradient,
              remove, gradientShapes});
}

}  // namespace graft
