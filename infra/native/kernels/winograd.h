// Products of Winograd's algorithm: for each of a tile's 36 positions one product of matrices whose rows are tiles.
#ifndef GRAFT_KERNELS_WINOGRAD_H_
#define GRAFT_KERNELS_WINOGRAD_H_

#include <memory>
#include <vector>

#include "matrix-product-turned.h"
#include "matrix-product.h"
#include "winograd-tiles.h"

namespace graft {

constexpr int kKernelPixels = kKernelPx * kKernelPx;

// Does by itself what a pool would share out.
struct Alone {
  template <class Work>
  void run(int count, const Work& work) {
    for (int i = 0; i < count; ++i) work(i);
  }
};

// A convolution of tiles with a kernel [3, 3, inner, columns]; `turned`, by which gradients go back to what came in: the kernel
// is there as [3, 3, columns, inner] and turned by half a circle.
class WinogradProduct {
 public:
  WinogradProduct(const Tiles& tiles, const float* kernel, int64_t inner, int64_t columns, bool turned)
      : tiles_(tiles), kernel_(kernel), inner_(inner), columns_(columns), turned_(turned),
        panels_(panelsOf(columns, kMaxVectors)), kept_(panels_.size()) {}

  int panels() const { return static_cast<int>(panels_.size()); }

  // Keeps what a panel's part of the kernel becomes, for more than one group of tiles.
  void keep(int panel) { kept_[panel] = std::make_unique<Transformed>(kernelOf(panels_[panel])); }

  // Columns of a panel of y [pixels, columns], for the rows of tiles from `begin` to `end`, of which `inputs` are.
  void multiply(const Transformed& inputs, int64_t begin, int64_t end, int panel, float* y) const {
    if (kept_[panel]) return multiply(inputs, begin, end, panels_[panel], *kept_[panel], y);
    multiply(inputs, begin, end, panels_[panel], kernelOf(panels_[panel]), y);
  }

 private:
  void multiply(const Transformed& inputs, int64_t begin, int64_t end, const Panel& panel, const Transformed& kernel,
                float* y) const {
    const int64_t across = tiles_.columns(), tiles = (end - begin) * across;
    const Transformed products(tiles, panel.padded());
    withVectors<kMaxVectors>(panel.vectors, [&](auto vectors) {
      for (int position = 0; position < kPositions; ++position) {
        rowsTimesPanel<vectors.value>(tiles, inner_, inputs.at(position), kernel.at(position), nullptr, panel,
                                      products.at(position), panel.padded());
      }
    });
    for (int64_t row = begin; row < end; ++row) {
      keepOutputs(tiles_, row, products, (row - begin) * across, panel.width, y + panel.begin, columns_);
    }
  }

  // G g Gᵀ for the columns of a panel, rows of which lie one behind the other.
  Transformed kernelOf(const Panel& panel) const {
    const int64_t wide = panel.padded();
    const bool inPlace = !turned_ && panel.width == wide;
    FloatArray packs[kKernelPixels];
    const float* pixels[kKernelPixels];
    for (int q = 0; q < kKernelPixels; ++q) {
      const float* from = kernel_ + (turned_ ? kKernelPixels - 1 - q : q) * inner_ * columns_;
      if (!inPlace) packs[q] = packed(from, inner_, columns_, turned_, {panel});
      pixels[q] = inPlace ? from + panel.begin : packs[q].get();
    }
    Transformed result(inner_, wide);
    const int64_t positions = result.stride(), stride = inPlace ? columns_ : wide;
    for (int64_t k = 0; k < inner_; ++k) {
      for (int64_t c = 0; c < wide; c += kLanes) {
        const int64_t place = k * stride + c;
        float* to = result.at(0) + k * wide + c;
        bothWays<OfKernel, kLanes>(
            [&](int row, int x) { return at<kLanes>(pixels[row * kKernelPx + x] + place); },
            [=](int row, int x, Register lanes) { at<kLanes>(to + (row * kWindowPx + x) * positions) = lanes; });
      }
    }
    return result;
  }

  const Tiles tiles_;
  const float* kernel_;
  int64_t inner_, columns_;
  bool turned_;
  std::vector<Panel> panels_;
  std::vector<std::unique_ptr<Transformed>> kept_;
};

// The gradient to a kernel [3, 3, inner, columns], summed over groups of tiles.
class WinogradKernelSums {
 public:
  // With but one group, sums of some rows of it are turned into the gradient while they are in the cache.
  WinogradKernelSums(int64_t inner, int64_t columns, bool one, float* dKernel)
      : inner_(inner), columns_(columns), share_(one ? std::min(inner, kShare) : inner), dKernel_(dKernel),
        sums_(share_, columns) {}

  // `runner` shares the positions out.
  template <class Runner>
  void add(const Transformed& inputs, const Transformed& gradients, int64_t tiles, Runner& runner) {
    for (int64_t begin = 0; begin < inner_; begin += share_) {
      const int64_t count = std::min(share_, inner_ - begin);
      runner.run(kPositions, [&](int position) { addPosition(inputs, gradients, tiles, position, begin, count); });
      if (share_ < inner_) turn(0, begin, count);
    }
    first_ = false;
  }

  template <class Runner>
  void finish(Runner& runner) {
    if (share_ < inner_) return;
    const int64_t some = (inner_ + kPositions - 1) / kPositions;
    runner.run(static_cast<int>((inner_ + some - 1) / some), [&](int task) {
      turn(task * some, task * some, std::min(some, inner_ - task * some));
    });
  }

 private:
  static constexpr int64_t kShare = 64;

  void addPosition(const Transformed& inputs, const Transformed& gradients, int64_t tiles, int position, int64_t begin,
                   int64_t count) {
    StripSums sums(count, inner_, columns_, sums_.at(position), first_);
    for (int64_t tile = 0; tile < tiles; tile += sums.block()) {
      sums.add(inputs.at(position) + tile * inner_ + begin, gradients.at(position) + tile * columns_,
               std::min(sums.block(), tiles - tile));
    }
  }

  // Gᵀ m G of rows of the sums, which are rows of the kernel from `begin` on.
  void turn(int64_t first, int64_t begin, int64_t count) {
    const int64_t positions = sums_.stride(), pixels = inner_ * columns_;
    overChannels(count * columns_, [&](auto width, int64_t k) {
      constexpr int W = decltype(width)::value;
      const float* from = sums_.at(0) + first * columns_ + k;
      float* to = dKernel_ + begin * columns_ + k;
      bothWays<ToKernel, W>(
          [=](int row, int x) { return at<W>(from + (row * kWindowPx + x) * positions); },
          [=](int row, int x, Lanes<W> lanes) { at<W>(to + (row * kKernelPx + x) * pixels) = lanes; });
    });
  }

  int64_t inner_, columns_, share_;
  float* dKernel_;
  Transformed sums_;
  bool first_ = true;
};

}  // namespace graft

#endif  // GRAFT_KERNELS_WINOGRAD_H_
