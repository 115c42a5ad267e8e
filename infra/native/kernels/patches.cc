// The gradient to the kernel of a dense convolution with few channels, as a network's first has: every window's pixels side by
// side are a row, and the gradient a product of matrices summed over them.

#include <algorithm>
#include <cstring>
#include <memory>

#include "batch-norm-math.h"
#include "kernel.h"
#include "matrix-product-turned.h"
#include "normalization.h"
#include "operations.h"
#include "window-settings.h"

namespace graft {
namespace {

struct Sides {
  int64_t inHeight, inWidth, in, outHeight, outWidth, kernelHeight, kernelWidth;
  int64_t patch() const { return kernelHeight * kernelWidth * in; }
};

// Where a window's output lies; a division a window would take as long as its copy.
struct Place {
  int64_t image = 0, row = 0, column = 0;
  void next(const Sides& s) {
    if (++column < s.outWidth) return;
    column = 0;
    if (++row < s.outHeight) return;
    row = 0, ++image;
  }
};

// A window's rows of `Wide` numbers each, `step` apart in the picture.
template <int64_t Wide>
void copyRows(const float* from, int64_t step, int64_t rows, float* to) {
  for (int64_t row = 0; row < rows; ++row) std::memcpy(to + row * Wide, from + row * step, Wide * sizeof(float));
}

void copyRows(const float* from, int64_t step, int64_t rows, int64_t wide, float* to) {
  // As wide as first convolutions of three colours are: copies of a known size are a few registers.
  if (wide == 9) return copyRows<9>(from, step, rows, to);
  if (wide == 21) return copyRows<21>(from, step, rows, to);
  for (int64_t row = 0; row < rows; ++row) std::memcpy(to + row * wide, from + row * step, wide * sizeof(float));
}

// The pixels [kernelHeight, kernelWidth, in] of one window, zero outside the picture.
void copyPatch(const Sides& s, const float* picture, int64_t top, int64_t left, float* to) {
  const int64_t first = std::max<int64_t>(0, -left), last = std::min(s.kernelWidth, s.inWidth - left);
  const int64_t wide = s.kernelWidth * s.in, step = s.inWidth * s.in;
  const bool isInside = first == 0 && last == s.kernelWidth && top >= 0 && top + s.kernelHeight <= s.inHeight;
  if (isInside) return copyRows(picture + top * step + left * s.in, step, s.kernelHeight, wide, to);
  std::fill_n(to, s.kernelHeight * wide, 0.f);
  if (last <= first) return;
  for (int64_t row = std::max<int64_t>(0, -top); row < std::min(s.kernelHeight, s.inHeight - top); ++row) {
    std::memcpy(to + row * wide + first * s.in, picture + (top + row) * step + (left + first) * s.in,
                (last - first) * s.in * sizeof(float));
  }
}

// Sums the gradient to the kernel; `gradients(first row, rows)` gives those to what the convolution makes, of what lies
// where `want(first row, rows, ahead)` says.
template <class Gradients, class Want>
void sumKernel(const WindowSettings& settings, const Sides& s, int64_t images, int64_t out, const float* x,
               const Gradients& gradients, const Want& want, float* dKernel) {
  const int64_t patch = s.patch(), pixels = s.outHeight * s.outWidth, rows = images * pixels;
  TurnedProduct sums(patch, out, dKernel);
  const auto patches = floats(sums.block() * patch);
  Place place;
  for (int64_t begin = 0; begin < rows; begin += sums.block()) {
    const int64_t count = std::min(sums.block(), rows - begin);
    for (int64_t i = 0; i < count; ++i, place.next(s)) {
      copyPatch(s, x + place.image * s.inHeight * s.inWidth * s.in, place.row * settings.stride - settings.top,
                place.column * settings.stride - settings.left, patches.get() + i * patch);
    }
    Ahead next;
    want(begin + count, std::min(sums.block(), rows - begin - count), next);
    sums.add(patches.get(), gradients(begin, count), count, &next);
  }
  sums.finish();
}

bool fit(const Tensor& x, const Tensor& dy, const Tensor& kernel) {
  return x.rank() == 4 && dy.rank() == 4 && kernel.rank() == 4 && x.dim(0) == dy.dim(0) && dy.size() > 0 &&
         kernel.size() > 0 && kernel.dim(2) == x.dim(3) && kernel.dim(3) == dy.dim(3);
}

constexpr const char* kShapes =
    "a convolution takes pictures [n, h, w, in], a kernel [h, w, in, out] and gradients as what comes out";

Sides sidesOf(const Tensor& x, const Tensor& dy, const Tensor& kernel) {
  return {x.dim(1), x.dim(2), x.dim(3), dy.dim(1), dy.dim(2), kernel.dim(0), kernel.dim(1)};
}

// Inputs x, dy, kernel (for its shape) → dkernel.
void kernelGradient(void* data, TF_OpKernelContext* context) {
  const WindowSettings& settings = *static_cast<const WindowSettings*>(data);
  Status status;
  const Tensor x = input(context, 0, status), dy = input(context, 1, status), kernel = input(context, 2, status);
  if (status.ok() && !fit(x, dy, kernel)) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dKernel = output(context, 0, kernel.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t out = dy.dim(3);
  sumKernel(settings, sidesOf(x, dy, kernel), dy.dim(0), out, x.floats(),
            [&](int64_t row, int64_t) { return dy.floats() + row * out; },
            [&](int64_t row, int64_t count, Ahead& next) { next.want(dy.floats() + row * out, count * out); },
            dKernel.floats());
}

struct PatchSettings : WindowSettings {
  Activation activation = Activation::kLinear;
};

void* createPatches(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<PatchSettings>();
  readSettings(construction, *settings, status);
  readActivation(construction, "activation", settings->activation, status);
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

void removePatches(void* settings) { delete static_cast<PatchSettings*>(settings); }

// The inputs of GraftBatchNormGradPart for the BatchNorm behind the convolution; x, kernel → dkernel. The gradient through that
// BatchNorm is made a block of rows at a time.
void normGradient(void* data, TF_OpKernelContext* context) {
  const PatchSettings& settings = *static_cast<const PatchSettings*>(data);
  Status status;
  const NormGradInputs given(context, status);
  const auto& [dy, y, behind, offset, slope, x, kernel] = given;
  const int64_t channels = status.ok() ? behind.gamma.size() : 0;
  if (status.ok() && (!fit(x, dy, kernel) || dy.dim(3) != channels || !given.fit(channels))) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dKernel = output(context, 0, kernel.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Normalization norm(settings.activation, behind);
  const auto dz = floats(StripSums::block() * channels);
  const auto through = [&](int64_t row, int64_t count) {
    const int64_t at = row * channels;
    norm.gradient(dy.floats() + at, y.floats() + at, count, offset.floats(), slope.floats(), dz.get());
    return dz.get();
  };
  const auto want = [&](int64_t row, int64_t count, Ahead& next) {
    next.want(dy.floats() + row * channels, count * channels);
    next.want(y.floats() + row * channels, count * channels);
  };
  sumKernel(settings, sidesOf(x, dy, kernel), dy.dim(0), channels, x.floats(), through, want, dKernel.floats());
}

template <int From>
void likeKernel(TF_ShapeInferenceContext* context, TF_Status* status) {
  shapeAs(context, From, 0, status);
}

}  // namespace

bool addPatches() {
  return add({"GraftPatchesKernelGrad", {"x: float", "dy: float", "kernel: float"}, {"dkernel: float"},
              {"stride: int", "top: int", "left: int"}, createWindow, kernelGradient, removeWindow, likeKernel<2>}) &&
         add({"GraftPatchesNormGrad",
              {"dy: float", "y: float", "gamma: float", "beta: float", "mean: float", "inverse: float",
               "offset: float", "slope: float", "x: float", "kernel: float"},
              {"dkernel: float"}, {"stride: int", "top: int", "left: int", "activation: int"}, createPatches, normGradient,
              removePatches, likeKernel<9>});
}

}  // namespace graft
