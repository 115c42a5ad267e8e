// Products of matrices whose rows lie one behind the other, as convolutions of one pixel need them. A tile of the result
// stays in registers while all that it is summed from goes by (Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication", 2008). Every number is summed in the same order whatever the threads.
#ifndef GRAFT_KERNELS_MATRIX_PRODUCT_H_
#define GRAFT_KERNELS_MATRIX_PRODUCT_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "ahead.h"
#include "lanes.h"
#include "pool.h"
#include "turned.h"

namespace graft {

// The shape of a tile: its sums, the vectors beside them and one value fit into the registers.
#if defined(__AVX512F__)
constexpr int kMaxVectors = 4, kStripRows = 8, kStripVectors = 3;
constexpr int tileRows(int vectors) { return vectors == 4 ? 6 : vectors == 3 ? 8 : vectors == 2 ? 12 : 14; }
#elif defined(__AVX2__)
constexpr int kMaxVectors = 2, kStripRows = 6, kStripVectors = 2;
constexpr int tileRows(int vectors) { return vectors == 2 ? 6 : 10; }
#else
constexpr int kMaxVectors = 4, kStripRows = 8, kStripVectors = 3;
constexpr int tileRows(int vectors) { return vectors == 4 ? 6 : vectors == 3 ? 8 : vectors == 2 ? 12 : 14; }
#endif
// Neighbouring columns that a tile is as wide as: `vectors` registers, of which the last may be used in part.
struct Panel {
  int64_t begin;
  int width, vectors;
  int64_t padded() const { return vectors * kLanes; }
};

inline std::vector<Panel> panelsOf(int64_t columns, int mostVectors) {
  const int64_t all = (columns + kLanes - 1) / kLanes, count = (all + mostVectors - 1) / mostVectors;
  std::vector<Panel> panels;
  for (int64_t panel = 0, done = 0; panel < count; ++panel) {
    const int64_t vectors = (all - done + count - panel - 1) / (count - panel), begin = done * kLanes;
    panels.push_back({begin, static_cast<int>(std::min(vectors * kLanes, columns - begin)), static_cast<int>(vectors)});
    done += vectors;
  }
  return panels;
}

// Where the rows of the left matrix are: its value [row, k] is `at[row * stride + k]`, turned `at[k * stride + row]`.
struct Left {
  const float* at;
  int64_t stride;
};

// Sums over k in [0, inner) of left[row, k] · right[k], right's rows being `rightStride` apart.
template <int Rows, int Vectors, bool Turned>
inline __attribute__((always_inline)) void sumTile(int64_t inner, Left left, const float* right, int64_t rightStride,
                                                   Asked asked, Register (&sums)[Rows][Vectors]) {
  for (int64_t k = 0; k < inner; ++k) {
    asked.ask();
    Register columns[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) columns[v] = at<kLanes>(right + k * rightStride + v * kLanes);
#pragma GCC unroll 32
    for (int row = 0; row < Rows; ++row) {
      const float value = Turned ? left.at[k * left.stride + row] : left.at[row * left.stride + k];
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) sums[row][v] += value * columns[v];
    }
  }
}

// The first `rows` rows and `width` columns of a tile, written to `to` or, with Add, added to it.
template <int Rows, int Vectors, bool Add>
inline void keepPart(const Register (&sums)[Rows][Vectors], float* to, int64_t stride, int64_t rows, int width) {
  float row[Vectors * kLanes];
  for (int64_t r = 0; r < rows; ++r, to += stride) {
    std::memcpy(row, sums[r], sizeof(row));
    overChannels(width, [&](auto some, int64_t c) {
      constexpr int W = decltype(some)::value;
      at<W>(to + c) = Add ? at<W>(to + c) + at<W>(row + c) : at<W>(row + c);
    });
  }
}

template <int Rows, int Vectors, bool Add>
inline __attribute__((always_inline)) void keepTile(const Register (&sums)[Rows][Vectors], float* to, int64_t stride) {
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      Register& kept = at<kLanes>(to + r * stride + v * kLanes);
      kept = Add ? kept + sums[r][v] : sums[r][v];
    }
  }
}

// Asks for the lines that a tile goes into, so that they are there when its sums are.
template <int Rows, int Vectors>
inline __attribute__((always_inline)) void fetchTile(const float* to, int64_t stride) {
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) __builtin_prefetch(to + r * stride + v * kLanes, 1);
  }
}

// A tile of `Rows` rows of `panel`, whose packed columns are at `right`.
template <int Rows, int Vectors>
inline void rowsTile(int64_t inner, Left left, const float* right, Ahead* ahead, const Panel& panel, float* to,
                     int64_t stride) {
  fetchTile<Rows, Vectors>(to, stride);
  Register sums[Rows][Vectors] = {};
  const Asked asked = ahead == nullptr ? Asked::behind(left.at, Rows) : ahead->take(inner);
  sumTile<Rows, Vectors, false>(inner, left, right, Vectors * kLanes, asked, sums);
  if (panel.width == Vectors * kLanes) return keepTile<Rows, Vectors, false>(sums, to, stride);
  keepPart<Rows, Vectors, false>(sums, to, stride, Rows, panel.width);
}

// The last rows, which are fewer than a tile's.
template <int Rows, int Vectors>
inline void lastTile(int64_t rows, int64_t inner, Left left, const float* right, Ahead* ahead, const Panel& panel,
                     float* to, int64_t stride) {
  if (rows == Rows) return rowsTile<Rows, Vectors>(inner, left, right, ahead, panel, to, stride);
  if constexpr (Rows > 1) lastTile<Rows - 1, Vectors>(rows, inner, left, right, ahead, panel, to, stride);
}

// Asks for what `ahead` wants; without it for the rows of later tiles.
template <int Vectors>
void rowsTimesPanel(int64_t rows, int64_t inner, const float* left, const float* right, Ahead* ahead,
                    const Panel& panel, float* to, int64_t stride) {
  constexpr int Rows = tileRows(Vectors);
  int64_t row = 0;
  for (; row + Rows <= rows; row += Rows) {
    rowsTile<Rows, Vectors>(inner, {left + row * inner, inner}, right, ahead, panel, to + row * stride, stride);
  }
  if (row == rows) return;
  lastTile<Rows - 1, Vectors>(rows - row, inner, {left + row * inner, inner}, right, ahead, panel, to + row * stride,
                              stride);
}

// Calls `work` with a panel's vectors as a template argument.
template <int Most, class Work>
inline void withVectors(int vectors, const Work& work) {
  if (vectors == Most) return work(std::integral_constant<int, Most>());
  if constexpr (Most > 1) withVectors<Most - 1>(vectors, work);
}

// The columns of a panel of the right matrix [inner, columns], ends filled with zeros.
inline void packPanel(const float* right, int64_t inner, int64_t columns, const Panel& panel, float* to) {
  const int64_t wide = panel.padded();
  for (int64_t k = 0; k < inner; ++k, to += wide) {
    std::memcpy(to, right + k * columns + panel.begin, panel.width * sizeof(float));
    std::fill(to + panel.width, to + wide, 0.f);
  }
}

// The same of a matrix that is there as [columns, inner].
inline void packTurned(const float* right, int64_t inner, const Panel& panel, float* to) {
  const int64_t wide = panel.padded(), whole = inner / kLanes * kLanes;
  for (int64_t c = 0; c < wide; c += kLanes) {
    const float* from = right + (panel.begin + c) * inner;
    const int64_t there = std::min<int64_t>(kLanes, panel.width - c);
    const int64_t squares = there == kLanes ? whole : 0;
    for (int64_t k = 0; k < squares; k += kLanes) turnSquare(from + k, inner, to + k * wide + c, wide);
    for (int64_t k = squares; k < inner; ++k) {
      for (int64_t i = 0; i < kLanes; ++i) to[k * wide + c + i] = i < there ? from[i * inner + k] : 0.f;
    }
  }
}

// The right matrix [inner, columns], panel by panel; `turned`: it is there as [columns, inner].
inline FloatArray packed(const float* right, int64_t inner, int64_t columns, bool turned,
                         const std::vector<Panel>& panels) {
  int64_t size = 0;
  for (const Panel& panel : panels) size += panel.padded();
  auto all = floats(size * inner);
  float* to = all.get();
  for (const Panel& panel : panels) {
    turned ? packTurned(right, inner, panel, to) : packPanel(right, inner, columns, panel, to);
    to += panel.padded() * inner;
  }
  return all;
}

// Products with one right matrix [inner, columns] (`turned`: there as [columns, inner]), which is packed once.
class Product {
 public:
  Product(const float* right, int64_t inner, int64_t columns, bool turned)
      : inner_(inner),
        columns_(columns),
        panels_(panelsOf(columns, kMaxVectors)),
        packed_(packed(right, inner, columns, turned, panels_)) {}

  // Rows that stay in a core's cache for all panels: 256 KiB, in whole tiles of any height.
  int64_t block() const { return std::clamp<int64_t>(65536 / inner_ / 24 * 24, 24, 480); }

  // out [rows, columns] = left [rows, inner] · right; what `ahead` wants is asked for meanwhile.
  void multiply(const float* left, int64_t rows, float* out, Ahead* ahead = nullptr) const {
    if (ahead != nullptr) ahead->spread(steps(rows));
    const float* from = packed_.get();
    for (const Panel& panel : panels_) {
      withVectors<kMaxVectors>(panel.vectors, [&](auto vectors) {
        rowsTimesPanel<vectors.value>(rows, inner_, left, from, ahead, panel, out + panel.begin, columns_);
      });
      from += panel.padded() * inner_;
    }
  }

 private:
  int64_t steps(int64_t rows) const {
    int64_t tiles = 0;
    for (const Panel& panel : panels_) tiles += (rows + tileRows(panel.vectors) - 1) / tileRows(panel.vectors);
    return tiles * inner_;
  }

  int64_t inner_, columns_;
  std::vector<Panel> panels_;
  FloatArray packed_;
};

// out [rows, columns] = left [rows, inner] · right [inner, columns], or `turned`, right as [columns, inner].
inline void multiply(const float* left, int64_t rows, int64_t inner, const float* right, int64_t columns, bool turned,
                     float* out) {
  const Product product(right, inner, columns, turned);
  const int64_t block = product.block();
  Pool::get().run(static_cast<int>((rows + block - 1) / block), [&](int task) {
    const int64_t begin = task * block;
    product.multiply(left + begin * inner, std::min(block, rows - begin), out + begin * columns);
  });
}

}  // namespace graft

#endif  // GRAFT_KERNELS_MATRIX_PRODUCT_H_
