// Convolution of pictures [batch, height, width, in] with a kernel [3, 3, in, out], zeros around the pictures, and its two
// gradients.

#include <algorithm>
#include <cstring>

#include "kernel.h"
#include "operations.h"
#include "pool.h"
#include "winograd.h"

namespace graft {
namespace {

constexpr const char* kShapes =
    "Winograd's convolution takes pictures [n, h, w, in], a kernel [3, 3, in, out] and gradients as what comes out";

void* create(TF_OpKernelConstruction*) { return nullptr; }
void remove(void*) {}

struct Given {
  Tiles tiles;
  int64_t in, out;
};

Given givenBy(const Tensor& x, const Tensor& kernel, Status& status) {
  if (!status.ok()) return {};
  if (!isDense(x, kernel, kKernelPx)) {
    status.invalid(kShapes);
    return {};
  }
  return {{x.dim(0), x.dim(1), x.dim(2)}, kernel.dim(2), kernel.dim(3)};
}

bool isOutput(const Given& given, const Tensor& dy) {
  return dy.shape() == Shape{given.tiles.batch, given.tiles.height, given.tiles.width, given.out};
}

// Rows of tiles that one piece of work goes through.
constexpr int64_t kRowsAtOnce = 4;

// Rows of tiles from `begin` to `end`, of pictures with so many channels.
template <class Use>
void overWindows(const Tiles& tiles, const float* pictures, int64_t channels, int64_t begin, int64_t end,
                 const Use& use) {
  Pool::get().run(static_cast<int>((end - begin + kRowsAtOnce - 1) / kRowsAtOnce), [&](int task) {
    Window window(tiles, channels);
    const int64_t first = begin + task * kRowsAtOnce;
    for (int64_t row = first; row < std::min(end, first + kRowsAtOnce); ++row) {
      window.fill(row, [&](int64_t pixels, float* to) {
        std::memcpy(to, pictures + pixels * tiles.width * channels, tiles.width * channels * sizeof(float));
      });
      use(window, (row - begin) * tiles.columns());
    }
  });
}

Transformed inputsOf(const Tiles& tiles, const float* pictures, int64_t channels, int64_t begin, int64_t end) {
  Transformed inputs((end - begin) * tiles.columns(), channels);
  overWindows(tiles, pictures, channels, begin, end, [&](const Window& window, int64_t tile) {
    window.inputs(inputs, tile);
  });
  return inputs;
}

// With one group of tiles threads share the panels, else the groups.
void convolve(const Tiles& tiles, const float* x, int64_t inner, const float* kernel, int64_t columns, bool turned,
              float* y) {
  const TileGroups groups(tiles, inner);
  WinogradProduct product(tiles, kernel, inner, columns, turned);
  if (groups.count == 1) {
    const Transformed inputs = inputsOf(tiles, x, inner, 0, tiles.rows());
    return Pool::get().run(product.panels(), [&](int panel) { product.multiply(inputs, 0, tiles.rows(), panel, y); });
  }
  Pool::get().run(product.panels(), [&](int panel) { product.keep(panel); });
  Pool::get().run(groups.count, [&](int group) {
    const int64_t begin = groups.begin(group), end = groups.end(group);
    const Transformed inputs = inputsOf(tiles, x, inner, begin, end);
    for (int panel = 0; panel < product.panels(); ++panel) product.multiply(inputs, begin, end, panel, y);
  });
}

// Inputs x, kernel → y.
void forward(void*, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status), kernel = input(context, 1, status);
  const Given given = givenBy(x, kernel, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor y = output(context, 0, {x.dim(0), x.dim(1), x.dim(2), given.out}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  convolve(given.tiles, x.floats(), given.in, kernel.floats(), given.out, false, y.floats());
}

// Inputs dy, kernel, x (for its shape) → dx.
void inputGradient(void*, TF_OpKernelContext* context) {
  Status status;
  const Tensor dy = input(context, 0, status), kernel = input(context, 1, status), x = input(context, 2, status);
  const Given given = givenBy(x, kernel, status);
  if (status.ok() && !isOutput(given, dy)) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dx = output(context, 0, x.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  convolve(given.tiles, dy.floats(), given.out, kernel.floats(), given.in, true, dx.floats());
}

// Inputs x, dy, kernel (for its shape) → dkernel.
void kernelGradient(void*, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status), dy = input(context, 1, status), kernel = input(context, 2, status);
  const Given given = givenBy(x, kernel, status);
  if (status.ok() && !isOutput(given, dy)) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dKernel = output(context, 0, kernel.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const auto& [tiles, in, out] = given;
  const TileGroups groups(tiles, std::max(in, out));
  WinogradKernelSums sums(in, out, false, dKernel.floats());
  for (int group = 0; group < groups.count; ++group) {
    const int64_t begin = groups.begin(group), end = groups.end(group), count = (end - begin) * tiles.columns();
    const Transformed inputs = inputsOf(tiles, x.floats(), in, begin, end);
    const Transformed gradients(count, out);
    overWindows(tiles, dy.floats(), out, begin, end, [&](const Window& window, int64_t tile) {
      window.gradients(gradients, tile);
    });
    sums.add(inputs, gradients, count, Pool::get());
  }
  sums.finish(Pool::get());
}

void anyShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}
void likeThird(TF_ShapeInferenceContext* context, TF_Status* status) { shapeAs(context, 2, 0, status); }

}  // namespace

bool addWinograd() {
  return add({"GraftWinograd", {"x: float", "kernel: float"}, {"y: float"}, {}, create, forward, remove, anyShape}) &&
         add({"GraftWinogradInputGrad", {"dy: float", "kernel: float", "x: float"}, {"dx: float"}, {}, create,
              inputGradient, remove, likeThird}) &&
         add({"GraftWinogradKernelGrad", {"x: float", "dy: float", "kernel: float"}, {"dkernel: float"}, {}, create,
              kernelGradient, remove, likeThird});
}

}  // namespace graft
