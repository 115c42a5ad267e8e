// The gradient to the kernel of a dense convolution with few channels, as a network's first has: every window's pixels side by
// side are a row, and the gradient a product of matrices summed over them.

#include <algorithm>
#include <cstring>

#include "kernel.h"
#include "matrix-product-turned.h"
#include "operations.h"
#include "window-settings.h"

namespace graft {
namespace {

struct Sides {
  int64_t inHeight, inWidth, in, outHeight, outWidth, kernelHeight, kernelWidth;
  int64_t patch() const { return kernelHeight * kernelWidth * in; }
};

// The pixels [kernelHeight, kernelWidth, in] of one window, zero outside the picture.
void copyPatch(const Sides& s, const float* picture, int64_t top, int64_t left, float* to) {
  const int64_t first = std::max<int64_t>(0, -left), last = std::min(s.kernelWidth, s.inWidth - left);
  const int64_t wide = s.kernelWidth * s.in;
  if (first > 0 || last < s.kernelWidth || top < 0 || top + s.kernelHeight > s.inHeight) {
    std::fill_n(to, s.kernelHeight * wide, 0.f);
  }
  if (last <= first) return;
  for (int64_t row = std::max<int64_t>(0, -top); row < std::min(s.kernelHeight, s.inHeight - top); ++row) {
    std::memcpy(to + row * wide + first * s.in, picture + ((top + row) * s.inWidth + left + first) * s.in,
                (last - first) * s.in * sizeof(float));
  }
}

// Inputs x, dy, kernel (for its shape) → dkernel.
void kernelGradient(void* data, TF_OpKernelContext* context) {
  const WindowSettings& settings = *static_cast<const WindowSettings*>(data);
  Status status;
  const Tensor x = input(context, 0, status), dy = input(context, 1, status), kernel = input(context, 2, status);
  if (status.ok() && (x.rank() != 4 || dy.rank() != 4 || kernel.rank() != 4 || x.dim(0) != dy.dim(0) || dy.size() == 0 ||
                      kernel.size() == 0 || kernel.dim(2) != x.dim(3) || kernel.dim(3) != dy.dim(3))) {
    status.invalid("a convolution takes pictures [n, h, w, in], a kernel [h, w, in, out] and gradients as what comes out");
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dKernel = output(context, 0, kernel.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Sides s{x.dim(1), x.dim(2), x.dim(3), dy.dim(1), dy.dim(2), kernel.dim(0), kernel.dim(1)};
  const int64_t patch = s.patch(), out = dy.dim(3), pixels = s.outHeight * s.outWidth, rows = dy.dim(0) * pixels;
  TurnedProduct sums(patch, out, dKernel.floats());
  const auto patches = floats(sums.block() * patch);
  for (int64_t begin = 0; begin < rows; begin += sums.block()) {
    const int64_t count = std::min(sums.block(), rows - begin);
    for (int64_t row = begin; row < begin + count; ++row) {
      const int64_t image = row / pixels, pixel = row % pixels;
      copyPatch(s, x.floats() + image * s.inHeight * s.inWidth * s.in,
                pixel / s.outWidth * settings.stride - settings.top, pixel % s.outWidth * settings.stride - settings.left,
                patches.get() + (row - begin) * patch);
    }
    sums.add(patches.get(), dy.floats() + begin * out, count);
  }
  sums.finish();
}

void likeThird(TF_ShapeInferenceContext* context, TF_Status* status) { shapeAs(context, 2, 0, status); }

}  // namespace

bool addPatches() {
  return add({"GraftPatchesKernelGrad", {"x: float", "dy: float", "kernel: float"}, {"dkernel: float"},
              {"stride: int", "top: int", "left: int"}, createWindow, kernelGradient, removeWindow, likeThird});
}

}  // namespace graft
