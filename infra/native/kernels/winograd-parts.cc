// Convolution of 3 × 3 pixels in a step whose batch goes through in parts, together with the BatchNorm behind it, and with the
// one before it where nothing else reads what that gives (as pointwise-parts.cc). Each runs on one thread.

#include <algorithm>
#include <cstring>
#include <optional>

#include "kernel.h"
#include "normalization.h"
#include "operations.h"
#include "settings-of-parts.h"
#include "winograd.h"

namespace graft {
namespace {

constexpr const char* kShapes = "pictures [n, h, w, in], a kernel [3, 3, in, out], and vectors of what comes out";

// Rows of x for a window: behind the BatchNorm before the convolution where there is one.
auto rowsOf(const Tensor& x, const std::optional<Normalization>& norm) {
  return [from = x.floats(), width = x.dim(2), size = x.dim(2) * x.dim(3), &norm](int64_t row, float* to) {
    if (norm) return norm->apply(from + row * size, width, to);
    std::memcpy(to, from + row * size, size * sizeof(float));
  };
}

// Pixels that are there once rows of tiles up to `end` are.
int64_t pixelsUpTo(const Tiles& tiles, int64_t end) {
  return end == tiles.rows() ? tiles.batch * tiles.height * tiles.width : tiles.pixelsBefore(end);
}

// Keeps what the kernel becomes where it is wanted more than once.
WinogradProduct productOf(const Tiles& tiles, const TileGroups& groups, const float* kernel, int64_t inner,
                          int64_t columns, bool turned) {
  WinogradProduct product(tiles, kernel, inner, columns, turned);
  for (int panel = 0; groups.count > 1 && panel < product.panels(); ++panel) product.keep(panel);
  return product;
}

// As pointwise-parts.cc.
template <bool Before>
void forward(void* data, TF_OpKernelContext* context) {
  const PartSettings& settings = *static_cast<const PartSettings*>(data);
  Status status;
  const Tensor x = input(context, 0, status), kernel = input(context, Before ? 5 : 1, status);
  std::optional<NormVectors> before;
  if (Before) before.emplace(context, 1, status);
  if (status.ok() && (!isDense(x, kernel, kKernelPx) || (Before && !before->fit(x.dim(3))))) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t inner = x.dim(3), channels = kernel.dim(3);
  const Tiles tiles{x.dim(0), x.dim(1), x.dim(2)};
  const Tensor y = output(context, 0, {tiles.batch, tiles.height, tiles.width, channels}, status);
  const Tensor mean = output(context, 1, {channels}, status), spread = output(context, 2, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  std::optional<Normalization> norm;
  if (Before) norm.emplace(settings.before, *before);
  const TileGroups groups(tiles, inner);
  const WinogradProduct product = productOf(tiles, groups, kernel.floats(), inner, channels, false);
  const Transformed inputs(groups.size * tiles.columns(), inner);
  Window window(tiles, inner);
  RunningMoments moments(y.floats(), channels, 0);
  for (int group = 0; group < groups.count; ++group) {
    const int64_t begin = groups.begin(group), end = groups.end(group);
    for (int64_t row = begin; row < end; ++row) {
      window.fill(row, rowsOf(x, norm));
      window.inputs(inputs, (row - begin) * tiles.columns());
    }
    for (int panel = 0; panel < product.panels(); ++panel) product.multiply(inputs, begin, end, panel, y.floats());
    moments.madeUpTo(pixelsUpTo(tiles, end));
  }
  moments.end();
  moments.keep(tiles.batch * tiles.height * tiles.width, mean.floats(), spread.floats());
}

// Both gradients, a group of tiles after the other: `dzRow(row, to)` and `xRow(row, to)` give rows of pixels, `made(pixels)` is
// told how many of dx are there.
template <class DzRow, class XRow, class Made>
void bothGradients(const Tiles& tiles, const Tensor& kernel, const DzRow& dzRow, const XRow& xRow, float* dx,
                   float* dKernel, const Made& made) {
  const int64_t outer = kernel.dim(2), channels = kernel.dim(3);
  const TileGroups groups(tiles, std::max(outer, channels));
  const WinogradProduct back = productOf(tiles, groups, kernel.floats(), channels, outer, true);
  WinogradKernelSums sums(outer, channels, groups.count == 1, dKernel);
  Alone alone;
  const int64_t most = groups.size * tiles.columns();
  const Transformed inputs(most, outer), gradients(most, channels), backwards(most, channels);
  Window dzWindow(tiles, channels), xWindow(tiles, outer);
  for (int group = 0; group < groups.count; ++group) {
    const int64_t begin = groups.begin(group), end = groups.end(group);
    for (int64_t row = begin; row < end; ++row) {
      const int64_t tile = (row - begin) * tiles.columns();
      dzWindow.fill(row, dzRow);
      dzWindow.inputs(backwards, tile);
      dzWindow.gradients(gradients, tile);
      xWindow.fill(row, xRow);
      xWindow.inputs(inputs, tile);
    }
    for (int panel = 0; panel < back.panels(); ++panel) back.multiply(backwards, begin, end, panel, dx);
    sums.add(inputs, gradients, (end - begin) * tiles.columns(), alone);
    made(pixelsUpTo(tiles, end));
  }
  sums.finish(alone);
}

// As pointwise-parts.cc.
template <bool Before>
void gradient(void* data, TF_OpKernelContext* context) {
  const PartSettings& settings = *static_cast<const PartSettings*>(data);
  Status status;
  const NormGradInputs given(context, status);
  const auto& [dy, y, behind, offset, slope, x, kernel] = given;
  std::optional<NormVectors> before;
  if (Before) before.emplace(context, 10, status);
  const int64_t channels = status.ok() ? behind.gamma.size() : 0;
  if (status.ok() && (!isDense(x, kernel, kKernelPx) || kernel.dim(3) != channels || !given.fit(channels) ||
                      dy.shape() != Shape{x.dim(0), x.dim(1), x.dim(2), channels} ||
                      (Before && !before->fit(x.dim(3))))) {
    status.invalid(kShapes);
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t outer = x.dim(3);
  const Tensor dx = output(context, 0, x.shape(), status), dKernel = output(context, 1, kernel.shape(), status);
  const Tensor sum = Before ? output(context, 2, {outer}, status) : Tensor();
  const Tensor product = Before ? output(context, 3, {outer}, status) : Tensor();
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  std::optional<Normalization> norm;
  if (Before) norm.emplace(settings.before, *before);
  std::optional<RunningGradients> gradients;
  if (Before) gradients.emplace(*norm, dx.floats(), x.floats());
  const Normalization normBehind(settings.activation, behind);
  const Tiles tiles{x.dim(0), x.dim(1), x.dim(2)};
  const auto dzRow = [&](int64_t row, float* to) {
    const int64_t at = row * tiles.width * channels;
    normBehind.gradient(dy.floats() + at, y.floats() + at, tiles.width, offset.floats(), slope.floats(), to);
  };
  bothGradients(tiles, kernel, dzRow, rowsOf(x, norm), dx.floats(), dKernel.floats(), [&](int64_t pixels) {
    if (gradients) gradients->madeUpTo(pixels);
  });
  if (gradients) gradients->end(), gradients->keep(sum.floats(), product.floats());
}

}  // namespace

bool addWinogradParts() {
  return addParts({"GraftWinogradMoments", forward<false>, "GraftNormWinogradMoments", forward<true>,
                   "GraftWinogradNormGrad", gradient<false>, "GraftNormWinogradNormGrad", gradient<true>});
}

}  // namespace graft
