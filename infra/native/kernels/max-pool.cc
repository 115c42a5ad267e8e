// The gradient of a max pooling: TensorFlow's own looks for every window's largest value again, a number at a time.

#include <algorithm>
#include <memory>

#include "kernel.h"
#include "lanes.h"
#include "operations.h"
#include "pool.h"

namespace graft {
namespace {

struct Settings {
  int32_t window = 1, stride = 1, top = 0, left = 0;
};

void* create(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<Settings>();
  const std::initializer_list<std::pair<const char*, int32_t*>> attributes = {
      {"window", &settings->window}, {"stride", &settings->stride}, {"top", &settings->top}, {"left", &settings->left}};
  for (const auto& [name, value] : attributes) {
    if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, name, value, status.get());
  }
  if (status.ok() && (settings->window < 1 || settings->stride < 1)) status.invalid("a window and a stride are at least 1");
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

void remove(void* settings) { delete static_cast<Settings*>(settings); }

// Of one picture.
struct Sides {
  int64_t inHeight, inWidth, outHeight, outWidth, channels;
};

// Adds dy of one window to the first of its pixels, row by row, that is as large as y.
template <int W>
inline void giveToLargest(const Settings& settings, const Sides& s, const float* x, Lanes<W> y, Lanes<W> dy, int64_t top,
                          int64_t left, int64_t c, float* dx) {
  const int64_t bottom = std::min<int64_t>(s.inHeight, top + settings.window);
  const int64_t right = std::min<int64_t>(s.inWidth, left + settings.window);
  for (int64_t row = std::max<int64_t>(0, top); row < bottom; ++row) {
    for (int64_t column = std::max<int64_t>(0, left); column < right; ++column) {
      const int64_t place = (row * s.inWidth + column) * s.channels + c;
      const auto largest = at<W>(x + place) == y;
      at<W>(dx + place) += largest ? dy : Lanes<W>{};
      dy = largest ? Lanes<W>{} : dy;
    }
  }
}

void gradientOfOne(const Settings& settings, const Sides& s, const float* x, const float* y, const float* dy, float* dx) {
  std::fill_n(dx, s.inHeight * s.inWidth * s.channels, 0.f);
  for (int64_t row = 0; row < s.outHeight; ++row) {
    for (int64_t column = 0; column < s.outWidth; ++column) {
      const int64_t place = (row * s.outWidth + column) * s.channels;
      overChannels(s.channels, [&](auto width, int64_t c) {
        constexpr int W = decltype(width)::value;
        giveToLargest<W>(settings, s, x, at<W>(y + place + c), at<W>(dy + place + c),
                         row * settings.stride - settings.top, column * settings.stride - settings.left, c, dx);
      });
    }
  }
}

// Inputs x, y, dy → dx.
void gradient(void* data, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status), y = input(context, 1, status), dy = input(context, 2, status);
  if (status.ok() && (x.rank() != 4 || y.rank() != 4 || y.shape() != dy.shape() || x.dim(0) != y.dim(0) ||
                      x.dim(3) != y.dim(3))) {
    status.invalid("a max pooling takes pictures [n, h, w, c], what came out and gradients as that");
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dx = output(context, 0, x.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Sides sides{x.dim(1), x.dim(2), y.dim(1), y.dim(2), x.dim(3)};
  const int64_t in = sides.inHeight * sides.inWidth * sides.channels;
  const int64_t out = sides.outHeight * sides.outWidth * sides.channels;
  Pool::get().run(static_cast<int>(x.dim(0)), [&](int image) {
    gradientOfOne(*static_cast<const Settings*>(data), sides, x.floats() + image * in, y.floats() + image * out,
                  dy.floats() + image * out, dx.floats() + image * in);
  });
}

void likeFirst(TF_ShapeInferenceContext* context, TF_Status* status) { shapeAs(context, 0, 0, status); }

}  // namespace

bool addMaxPool() {
  return add({"GraftMaxPoolGrad", {"x: float", "y: float", "dy: float"}, {"dx: float"},
              {"window: int", "stride: int", "top: int", "left: int"}, create, gradient, remove, likeFirst});
}

}  // namespace graft
