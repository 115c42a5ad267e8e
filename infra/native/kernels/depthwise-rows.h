// Rows of a depthwise convolution of pictures [batch, height, width, channels] with a kernel [side, side, channels, 1], and
// of its two gradients. Channels lie next to each other, so every product is one of vectors; a few neighbouring pixels
// share what they read of the kernel and of the picture.
#ifndef GRAFT_KERNELS_DEPTHWISE_ROWS_H_
#define GRAFT_KERNELS_DEPTHWISE_ROWS_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "lanes.h"

namespace graft {

constexpr int kMaxSide = 7;

// A correlation: out[y, x] = Σ in[y·stride + i − top, x·stride + j − left] · kernel[i, j].
struct Correlation {
  const float* kernel;
  int64_t inHeight, inWidth, outHeight, outWidth, channels;
  int side, stride, top, left;
  // As many zeros as there are channels.
  const float* zeros;

  int64_t inRow() const { return inWidth * channels; }
  int64_t outRow() const { return outWidth * channels; }
};

// The kernel turned by half a turn.
inline Floats turned(const float* kernel, int side, int64_t channels) {
  const int taps = side * side;
  Floats all(taps * channels);
  for (int i = 0; i < taps; ++i) {
    std::memcpy(all.data() + i * channels, kernel + (taps - 1 - i) * channels, channels * sizeof(float));
  }
  return all;
}

// Without a stride the gradient to the picture is the correlation of dy with the turned kernel.
inline Correlation backward(const Correlation& p, const float* turnedKernel) {
  Correlation back = p;
  back.kernel = turnedKernel;
  back.inHeight = p.outHeight, back.inWidth = p.outWidth, back.outHeight = p.inHeight, back.outWidth = p.inWidth;
  back.top = p.side - 1 - p.top, back.left = p.side - 1 - p.left;
  return back;
}

// The rows of a window that lie inside the picture, and where each begins.
struct Rows {
  int begin, end;
  const float* at[kMaxSide];
};

// Of the window of output row `y`; `where(row)` is where a row of the picture begins.
template <class Where>
inline Rows rowsOf(const Correlation& p, int64_t y, const Where& where) {
  const int64_t first = y * p.stride - p.top;
  Rows rows{};
  rows.begin = static_cast<int>(std::max<int64_t>(0, -first));
  rows.end = static_cast<int>(std::min<int64_t>(p.side, p.inHeight - first));
  for (int i = rows.begin; i < rows.end; ++i) rows.at[i] = where(first + i);
  return rows;
}

// What lies beyond the picture's columns.
struct Columns {
  // Columns of the picture from the windows' first one on.
  int64_t begin, end;
  const float* zeros;
  Columns(const Correlation& p, int64_t first) : begin(-first), end(p.inWidth - first), zeros(p.zeros) {}
};

// Calls `body` with a neighbour, a column of the kernel and the channels from `c` on that they have in common in a row of
// the picture; `Inner`: all columns of their windows lie inside it.
template <int Side, int Stride, int Pixels, bool Inner, int W, class Body>
inline __attribute__((always_inline)) void overValues(const float* row, const Columns& columns, int64_t channels,
                                                      int64_t c, const Body& body) {
  const float* place = row + c;
#pragma GCC unroll 32
  for (int x = 0; x < (Pixels - 1) * Stride + Side; ++x, place += channels) {
    const bool inside = Inner || (x >= columns.begin && x < columns.end);
    const Lanes<W> value = held(at<W>(inside ? place : columns.zeros + c));
#pragma GCC unroll 8
    for (int t = 0; t < Pixels; ++t) {
      const int j = x - t * Stride;
      if (j >= 0 && j < Side) body(t, j, value);
    }
  }
}

// `Pixels` neighbours in a row; `Inner`: all columns of their windows lie inside the picture.
template <int Side, int Stride, int Pixels, bool Inner>
inline void sumPixels(const Correlation& p, const Rows& rows, const Columns& columns, float* out) {
  overChannels(p.channels, [&](auto width, int64_t c) __attribute__((always_inline)) {
    constexpr int W = decltype(width)::value;
    Lanes<W> sums[Pixels] = {};
    for (int i = rows.begin; i < rows.end; ++i) {
      const float* row = rows.at[i] - columns.begin * p.channels;
      Lanes<W> taps[Side];
#pragma GCC unroll 8
      for (int j = 0; j < Side; ++j) taps[j] = held(at<W>(p.kernel + (i * Side + j) * p.channels + c));
      overValues<Side, Stride, Pixels, Inner, W>(row, columns, p.channels, c, [&](int t, int j, const Lanes<W>& value)
                                                     __attribute__((always_inline)) { sums[t] += value * taps[j]; });
    }
#pragma GCC unroll 8
    for (int t = 0; t < Pixels; ++t) at<W>(out + t * p.channels + c) = sums[t];
  });
}

// Adds to sums [side, side, channels] what `Pixels` neighbouring outputs give.
template <int Side, int Stride, int Pixels, bool Inner>
inline void addPixels(const Correlation& p, const Rows& rows, const Columns& columns, const float* dy, float* sums) {
  overChannels(p.channels, [&](auto width, int64_t c) __attribute__((always_inline)) {
    constexpr int W = decltype(width)::value;
    Lanes<W> gradients[Pixels];
#pragma GCC unroll 8
    for (int t = 0; t < Pixels; ++t) gradients[t] = held(at<W>(dy + t * p.channels + c));
    for (int i = rows.begin; i < rows.end; ++i) {
      const float* row = rows.at[i] - columns.begin * p.channels;
      Lanes<W> taps[Side];
#pragma GCC unroll 8
      for (int j = 0; j < Side; ++j) taps[j] = at<W>(sums + (i * Side + j) * p.channels + c);
      overValues<Side, Stride, Pixels, Inner, W>(row, columns, p.channels, c, [&](int t, int j, const Lanes<W>& value)
                                                     __attribute__((always_inline)) { taps[j] += value * gradients[t]; });
#pragma GCC unroll 8
      for (int j = 0; j < Side; ++j) at<W>(sums + (i * Side + j) * p.channels + c) = taps[j];
    }
  });
}

// Calls `body` with the pixels, whether all columns of their windows lie inside, and the first one: eight neighbours where
// there are, then four.
template <int Side, int Stride, class Body>
inline void overPixels(const Correlation& p, const Body& body) {
  int64_t x = 0;
  const auto take = [&](auto pixels) {
    constexpr int Pixels = decltype(pixels)::value;
    for (; x + Pixels <= p.outWidth; x += Pixels) {
      const int64_t first = x * Stride - p.left;
      const bool inner = first >= 0 && first + (Pixels - 1) * Stride + Side <= p.inWidth;
      inner ? body(pixels, std::true_type(), x) : body(pixels, std::false_type(), x);
    }
  };
  take(std::integral_constant<int, 8>());
  take(std::integral_constant<int, 4>());
  take(std::integral_constant<int, 1>());
}

template <int Side, int Stride>
void correlateRow(const Correlation& p, const Rows& rows, float* out) {
  overPixels<Side, Stride>(p, [&](auto pixels, auto inner, int64_t x) {
    const Columns columns(p, x * Stride - p.left);
    sumPixels<Side, Stride, pixels.value, inner.value>(p, rows, columns, out + x * p.channels);
  });
}

template <int Side, int Stride>
void addRow(const Correlation& p, const Rows& rows, const float* dy, float* sums) {
  overPixels<Side, Stride>(p, [&](auto pixels, auto inner, int64_t x) {
    const Columns columns(p, x * Stride - p.left);
    addPixels<Side, Stride, pixels.value, inner.value>(p, rows, columns, dy + x * p.channels, sums);
  });
}

// What one pixel is summed from, where no kernel is made for the side and stride, or strides leave gaps.
struct Terms {
  const float* picture[kMaxSide * kMaxSide];
  const float* kernel[kMaxSide * kMaxSide];
  int count = 0;

  void add(const float* p, const float* k) {
    picture[count] = p;
    kernel[count++] = k;
  }
  void sum(int64_t channels, float* out) const {
    overChannels(channels, [&](auto width, int64_t c) {
      constexpr int W = decltype(width)::value;
      Lanes<W> sum{};
      for (int t = 0; t < count; ++t) sum += at<W>(picture[t] + c) * at<W>(kernel[t] + c);
      at<W>(out + c) = sum;
    });
  }
};

// Calls `body` with the taps of an output's window that lie inside the picture: where in it, and which of the kernel.
template <class Body>
inline void overWindow(const Correlation& p, const Rows& rows, int64_t x, const Body& body) {
  for (int i = rows.begin; i < rows.end; ++i) {
    for (int j = 0; j < p.side; ++j) {
      const int64_t column = x * p.stride + j - p.left;
      if (column >= 0 && column < p.inWidth) body(rows.at[i] + column * p.channels, (i * p.side + j) * p.channels);
    }
  }
}

inline void correlateAnyRow(const Correlation& p, const Rows& rows, float* out) {
  for (int64_t x = 0; x < p.outWidth; ++x, out += p.channels) {
    Terms terms;
    overWindow(p, rows, x, [&](const float* pixel, int64_t tap) { terms.add(pixel, p.kernel + tap); });
    terms.sum(p.channels, out);
  }
}

inline void addAnyRow(const Correlation& p, const Rows& rows, const float* dy, float* sums) {
  for (int64_t x = 0; x < p.outWidth; ++x, dy += p.channels) {
    overWindow(p, rows, x, [&](const float* pixel, int64_t tap) {
      overChannels(p.channels, [&](auto width, int64_t c) {
        constexpr int W = decltype(width)::value;
        at<W>(sums + tap + c) += at<W>(pixel + c) * at<W>(dy + c);
      });
    });
  }
}

// The rows of dy that a row of the gradient to the picture gathers from with a stride, and the kernel's row for each.
struct GatheredRows {
  int count = 0;
  int tap[kMaxSide];
  const float* at[kMaxSide];
};

// For row `y` of the picture; `where(row)` is where a row of dy begins.
template <class Where>
inline GatheredRows gatheredRows(const Correlation& p, int64_t y, const Where& where) {
  GatheredRows rows;
  for (int i = 0; i < p.side; ++i) {
    const int64_t row = y + p.top - i;
    if (row < 0 || row % p.stride != 0 || row / p.stride >= p.outHeight) continue;
    rows.tap[rows.count] = i;
    rows.at[rows.count++] = where(row / p.stride);
  }
  return rows;
}

// One pixel, which gathers the outputs whose windows it lay in.
inline void gatherPixel(const Correlation& p, const GatheredRows& rows, int64_t x, float* dx) {
  Terms terms;
  for (int j = 0; j < p.side; ++j) {
    const int64_t column = x + p.left - j;
    if (column < 0 || column % p.stride != 0 || column / p.stride >= p.outWidth) continue;
    for (int i = 0; i < rows.count; ++i) {
      terms.add(rows.at[i] + column / p.stride * p.channels, p.kernel + (rows.tap[i] * p.side + j) * p.channels);
    }
  }
  terms.sum(p.channels, dx);
}

// `Pixels` neighbours, the first of which lies where a window begins; all windows that they lay in are there.
template <int Side, int Stride, int Pixels>
inline void gatherPixels(const Correlation& p, const GatheredRows& rows, int64_t x, float* dx) {
  const int64_t first = (x + p.left) / Stride * p.channels;
  overChannels(p.channels, [&](auto width, int64_t c) {
    constexpr int W = decltype(width)::value;
    Lanes<W> sums[Pixels] = {};
    for (int i = 0; i < rows.count; ++i) {
      const float *row = rows.at[i] + first + c, *kernel = p.kernel + rows.tap[i] * Side * p.channels + c;
#pragma GCC unroll 8
      for (int j = 0; j < Side; ++j) {
        const Lanes<W> tap = at<W>(kernel + j * p.channels);
#pragma GCC unroll 16
        for (int t = j % Stride; t < Pixels; t += Stride) {
          sums[t] += at<W>(row + (t - j) / Stride * p.channels) * tap;
        }
      }
    }
#pragma GCC unroll 16
    for (int t = 0; t < Pixels; ++t) at<W>(dx + t * p.channels + c) = sums[t];
  });
}

template <int Side, int Stride>
void gatherRow(const Correlation& p, const GatheredRows& rows, float* dx) {
  constexpr int Pixels = 4;
  for (int64_t x = 0; x < p.inWidth;) {
    const int64_t column = x + p.left;
    const bool inner = column >= Side - 1 && (column + Pixels - 1) / Stride < p.outWidth && x + Pixels <= p.inWidth;
    if (inner && column % Stride == 0) {
      gatherPixels<Side, Stride, Pixels>(p, rows, x, dx + x * p.channels);
      x += Pixels;
    } else {
      gatherPixel(p, rows, x, dx + x * p.channels);
      ++x;
    }
  }
}

inline void gatherAnyRow(const Correlation& p, const GatheredRows& rows, float* dx) {
  for (int64_t x = 0; x < p.inWidth; ++x) gatherPixel(p, rows, x, dx + x * p.channels);
}

// A row of a correlation.
using CorrelateRow = void (*)(const Correlation&, const Rows&, float* out);
inline CorrelateRow correlateRowOf(int side, int stride) {
  if (side == 3 && stride == 1) return correlateRow<3, 1>;
  if (side == 3 && stride == 2) return correlateRow<3, 2>;
  if (side == 5 && stride == 1) return correlateRow<5, 1>;
  if (side == 5 && stride == 2) return correlateRow<5, 2>;
  return correlateAnyRow;
}

// Adds what a row of outputs gives to the gradient to the kernel.
using AddRow = void (*)(const Correlation&, const Rows&, const float* dy, float* sums);
inline AddRow addRowOf(int side, int stride) {
  if (side == 3 && stride == 1) return addRow<3, 1>;
  if (side == 3 && stride == 2) return addRow<3, 2>;
  if (side == 5 && stride == 1) return addRow<5, 1>;
  if (side == 5 && stride == 2) return addRow<5, 2>;
  return addAnyRow;
}

// A row of the gradient to the picture with a stride.
using GatherRow = void (*)(const Correlation&, const GatheredRows&, float* dx);
inline GatherRow gatherRowOf(int side, int stride) {
  if (side == 3 && stride == 2) return gatherRow<3, 2>;
  if (side == 5 && stride == 2) return gatherRow<5, 2>;
  return gatherAnyRow;
}

}  // namespace graft

#endif  // GRAFT_KERNELS_DEPTHWISE_ROWS_H_
