// Convolution of pictures [batch, height, width, in] with a kernel [1, 1, in, out], and its two gradients: products of
// matrices whose rows are pixels. With a stride the pixels in between are left out.

#include <algorithm>
#include <cstring>
#include <memory>

#include "kernel.h"
#include "matrix-product-turned.h"
#include "matrix-product.h"
#include "operations.h"

namespace graft {
namespace {

struct Settings {
  int32_t stride = 1;
};

void* create(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<Settings>();
  TF_OpKernelConstruction_GetAttrInt32(construction, "stride", &settings->stride, status.get());
  if (status.ok() && settings->stride < 1) status.invalid("stride is at least 1");
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

void remove(void* settings) { delete static_cast<Settings*>(settings); }

// The pictures that come in and out.
struct Sides {
  int64_t batch, inHeight, inWidth, in, outHeight, outWidth, out, stride;
  int64_t outPixels() const { return batch * outHeight * outWidth; }
  Shape inShape() const { return {batch, inHeight, inWidth, in}; }
  Shape outShape() const { return {batch, outHeight, outWidth, out}; }
};

bool sidesOf(const Settings& settings, const Shape& x, const Shape& kernel, Sides& sides) {
  if (x.size() != 4 || kernel.size() != 4 || kernel[0] != 1 || kernel[1] != 1 || kernel[2] != x[3]) return false;
  if (std::any_of(x.begin(), x.end(), [](int64_t side) { return side < 1; }) || kernel[3] < 1) return false;
  const int64_t stride = settings.stride;
  sides = {x[0], x[1], x[2], x[3], (x[1] - 1) / stride + 1, (x[2] - 1) / stride + 1, kernel[3], stride};
  return true;
}

constexpr const char* kShapes =
    "a convolution of one pixel takes pictures [n, h, w, in], a kernel [1, 1, in, out] and gradients as what comes out";

// Calls `copy(pixel that comes in, pixel that comes out)` for every row of pixels that comes out.
template <class Copy>
void overKeptPixels(const Sides& s, const Copy& copy) {
  for (int64_t image = 0; image < s.batch; ++image) {
    for (int64_t y = 0; y < s.outHeight; ++y) {
      for (int64_t x = 0; x < s.outWidth; ++x) {
        copy((image * s.inHeight + y * s.stride) * s.inWidth + x * s.stride,
             (image * s.outHeight + y) * s.outWidth + x);
      }
    }
  }
}

// The pixels of x that a stride keeps; `held` owns them where they are not all.
const float* keptPixels(const Sides& s, const float* x, FloatArray& held) {
  if (s.stride == 1) return x;
  held = floats(s.outPixels() * s.in);
  overKeptPixels(s, [&](int64_t from, int64_t to) {
    std::memcpy(held.get() + to * s.in, x + from * s.in, s.in * sizeof(float));
  });
  return held.get();
}

// Inputs x, kernel → y.
void forward(void* data, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status), kernel = input(context, 1, status);
  Sides sides{};
  if (status.ok() && !sidesOf(*static_cast<Settings*>(data), x.shape(), kernel.shape(), sides)) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor y = output(context, 0, sides.outShape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  FloatArray held;
  multiply(keptPixels(sides, x.floats(), held), sides.outPixels(), sides.in, kernel.floats(), sides.out, false,
           y.floats());
}

Sides gradientSides(const void* data, const Tensor& x, const Tensor& kernel, const Tensor& dy, Status& status) {
  Sides sides{};
  if (!status.ok()) return sides;
  const bool fits = sidesOf(*static_cast<const Settings*>(data), x.shape(), kernel.shape(), sides);
  if (!fits || dy.shape() != sides.outShape()) status.invalid(kShapes);
  return sides;
}

// Inputs dy, kernel, x (for its shape) → dx.
void inputGradient(void* data, TF_OpKernelContext* context) {
  Status status;
  const Tensor dy = input(context, 0, status), kernel = input(context, 1, status), x = input(context, 2, status);
  const Sides sides = gradientSides(data, x, kernel, dy, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dx = output(context, 0, sides.inShape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  FloatArray held;
  if (sides.stride > 1) held = floats(sides.outPixels() * sides.in);
  float* kept = sides.stride > 1 ? held.get() : dx.floats();
  multiply(dy.floats(), sides.outPixels(), sides.out, kernel.floats(), sides.in, true, kept);
  if (sides.stride == 1) return;
  std::fill_n(dx.floats(), dx.size(), 0.f);
  overKeptPixels(sides, [&](int64_t to, int64_t from) {
    std::memcpy(dx.floats() + to * sides.in, kept + from * sides.in, sides.in * sizeof(float));
  });
}

// Inputs x, dy, kernel (for its shape) → dkernel.
void kernelGradient(void* data, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status), dy = input(context, 1, status), kernel = input(context, 2, status);
  const Sides sides = gradientSides(data, x, kernel, dy, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dKernel = output(context, 0, kernel.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  FloatArray held;
  multiplyTurned(keptPixels(sides, x.floats(), held), sides.in, dy.floats(), sides.out, sides.outPixels(),
                 dKernel.floats());
}

void anyShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}
void likeThird(TF_ShapeInferenceContext* context, TF_Status* status) { shapeAs(context, 2, 0, status); }

}  // namespace

bool addPointwise() {
  return add({"GraftPointwise", {"x: float", "kernel: float"}, {"y: float"}, {"stride: int"},
              create, forward, remove, anyShape}) &&
         add({"GraftPointwiseInputGrad", {"dy: float", "kernel: float", "x: float"}, {"dx: float"}, {"stride: int"},
              create, inputGradient, remove, likeThird}) &&
         add({"GraftPointwiseKernelGrad", {"x: float", "dy: float", "kernel: float"}, {"dkernel: float"},
              {"stride: int"}, create, kernelGradient, remove, likeThird});
}

}  // namespace graft
