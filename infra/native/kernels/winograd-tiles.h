// Pictures as the tiles of Winograd's algorithm: 4 × 4 pixels each, of the 6 × 6 that a 3 × 3 kernel takes them from.
#ifndef GRAFT_KERNELS_WINOGRAD_TILES_H_
#define GRAFT_KERNELS_WINOGRAD_TILES_H_

#include <algorithm>
#include <cstdint>

#include "lanes.h"
#include "winograd-math.h"

namespace graft {

// Of a batch of pictures. A row of tiles is four rows of a picture's pixels, or what is left of it.
struct Tiles {
  int64_t batch, height, width;

  int64_t columns() const { return (width + kTilePx - 1) / kTilePx; }
  int64_t rowsOfOne() const { return (height + kTilePx - 1) / kTilePx; }
  int64_t rows() const { return batch * rowsOfOne(); }
  int64_t image(int64_t row) const { return row / rowsOfOne(); }
  // The first row of pixels of a row of tiles, in its picture.
  int64_t top(int64_t row) const { return row % rowsOfOne() * kTilePx; }
  // The pixels of the whole batch up to a row of tiles.
  int64_t pixelsBefore(int64_t row) const { return (image(row) * height + top(row)) * width; }
};

// Rows of tiles that go through together, so that what becomes of them stays in a core's caches; as many in each.
struct TileGroups {
  int64_t rows, size;
  int count;
  TileGroups(const Tiles& tiles, int64_t channels) : rows(tiles.rows()) {
    const int64_t wanted = std::clamp<int64_t>(8192 / channels, 64, 256);
    const int64_t most = std::max<int64_t>(1, wanted / tiles.columns());
    const int64_t least = (rows + most - 1) / most;
    size = (rows + least - 1) / least;
    count = static_cast<int>((rows + size - 1) / size);
  }
  int64_t begin(int group) const { return group * size; }
  int64_t end(int group) const { return std::min(rows, (group + 1) * size); }
};

// Matrices [rows, width], one for each of a tile's 36 positions.
class Transformed {
 public:
  // A line more than they need, as writing to 36 places at a distance of a power of two leaves no room in the first cache.
  Transformed(int64_t rows, int64_t width)
      : stride_((rows * width + 31) / 16 * 16), width_(width), memory_(floats(kPositions * stride_)) {}

  float* at(int position) const { return memory_.get() + position * stride_; }
  int64_t stride() const { return stride_; }
  int64_t width() const { return width_; }

 private:
  int64_t stride_, width_;
  FloatArray memory_;
};

// The pixels that a row of tiles is made from: with a row above and below and a pixel on both sides, zero outside the picture.
class Window {
 public:
  Window(const Tiles& tiles, int64_t channels)
      : tiles_(tiles), channels_(channels), stride_((tiles.columns() * kTilePx + 2) * channels),
        pixels_(kWindowPx * stride_, 0.f) {}

  // `make(row, to)` gives a row of the batch's pixels.
  template <class Make>
  void fill(int64_t tileRow, const Make& make) {
    const int64_t first = tiles_.top(tileRow) - 1, picture = tiles_.image(tileRow) * tiles_.height;
    for (int64_t r = 0; r < kWindowPx; ++r) {
      float* to = pixels_.data() + r * stride_ + channels_;
      const int64_t y = first + r;
      if (y >= 0 && y < tiles_.height) {
        make(picture + y, to);
      } else {
        std::fill_n(to, tiles_.width * channels_, 0.f);
      }
    }
  }

  // Bᵀ d B of its tiles, the first of which is `tile` of those.
  void inputs(const Transformed& to, int64_t tile) const { transform<OfInput>(0, to, tile); }

  // A dy Aᵀ of its tiles without what is around them.
  void gradients(const Transformed& to, int64_t tile) const { transform<OfGradient>(1, to, tile); }

 private:
  template <class Transform>
  void transform(int64_t edge, const Transformed& result, int64_t tile) const {
    const int64_t channels = channels_, stride = stride_, positions = result.stride();
    for (int64_t column = 0; column < tiles_.columns(); ++column) {
      const float* place = pixels_.data() + edge * stride + (column * kTilePx + edge) * channels;
      float* out = result.at(0) + (tile + column) * channels;
      overChannels(channels, [=](auto width, int64_t c) {
        constexpr int W = decltype(width)::value;
        const float* from = place + c;
        float* to = out + c;
        bothWays<Transform, W>(
            [=](int row, int x) { return at<W>(from + row * stride + x * channels); },
            [=](int row, int x, Lanes<W> lanes) { at<W>(to + (row * kWindowPx + x) * positions) = lanes; });
      });
    }
  }

  const Tiles tiles_;
  int64_t channels_, stride_;
  Floats pixels_;
};

// Aᵀ m A of a row of tiles, of which `tile` is the first: columns of y [pixels, channels] from `to` on, as many as m is wide.
inline void keepOutputs(const Tiles& tiles, int64_t tileRow, const Transformed& m, int64_t tile, int64_t columns,
                        float* to, int64_t channels) {
  float* first = to + tiles.pixelsBefore(tileRow) * channels;
  const int64_t down = std::min<int64_t>(kTilePx, tiles.height - tiles.top(tileRow)), positions = m.stride();
  for (int64_t column = 0; column < tiles.columns(); ++column) {
    const int64_t across = std::min<int64_t>(kTilePx, tiles.width - column * kTilePx), wide = tiles.width * channels;
    overChannels(columns, [&](auto width, int64_t c) {
      constexpr int W = decltype(width)::value;
      const float* from = m.at(0) + (tile + column) * m.width() + c;
      float* pixels = first + column * kTilePx * channels + c;
      bothWays<ToOutput, W>(
          [=](int row, int x) { return at<W>(from + (row * kWindowPx + x) * positions); },
          [=](int row, int x, Lanes<W> lanes) {
            if (row < down && x < across) at<W>(pixels + row * wide + x * channels) = lanes;
          });
    });
  }
}

}  // namespace graft

#endif  // GRAFT_KERNELS_WINOGRAD_TILES_H_
