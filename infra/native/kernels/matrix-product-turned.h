// leftᵀ · right, summed over rows that are many more than what comes out has: the gradient to a convolution's kernel.
#ifndef GRAFT_KERNELS_MATRIX_PRODUCT_TURNED_H_
#define GRAFT_KERNELS_MATRIX_PRODUCT_TURNED_H_

#include "matrix-product.h"

namespace graft {

// So many strips or panels at most are read where they lie; for more of them it pays to put them side by side first.
constexpr int64_t kReadInPlace = 4;

// Columns [begin, begin + count) of rows of `width`, in strips of kStripRows columns, row by row within a strip.
inline void packStrips(const float* from, int64_t rows, int64_t width, int64_t count, float* to) {
  for (int64_t row = 0; row < rows; ++row, from += width) {
    int64_t c = 0;
    float* strip = to + row * kStripRows;
    for (; c + kStripRows <= count; c += kStripRows, strip += rows * kStripRows) {
      std::memcpy(strip, from + c, kStripRows * sizeof(float));
    }
    for (int r = 0; c < count && r < kStripRows; ++r) strip[r] = c + r < count ? from[c + r] : 0.f;
  }
}

inline void packPanels(const float* from, int64_t rows, int64_t width, const std::vector<Panel>& panels, float* to) {
  for (int64_t row = 0; row < rows; ++row, from += width) {
    float* place = to;
    for (const Panel& panel : panels) {
      float* wide = place + row * panel.padded();
      for (int v = 0; v * kLanes < panel.width; ++v) {
        const float* vector = from + panel.begin + v * kLanes;
        const int left = panel.width - v * kLanes;
        if (left >= kLanes) {
          at<kLanes>(wide + v * kLanes) = at<kLanes>(vector);
        } else {
          for (int c = 0; c < kLanes; ++c) wide[v * kLanes + c] = c < left ? vector[c] : 0.f;
        }
      }
      place += rows * panel.padded();
    }
  }
}

// Strips of the left columns times a panel of the right ones, over `rows` rows, into or onto out's columns of the panel.
template <int Vectors, bool Add>
void stripsTimesPanel(int64_t rows, Left left, int64_t stripStride, int64_t leftColumns, const float* right,
                      int64_t rightStride, Ahead* ahead, const Panel& panel, float* out, int64_t stride) {
  for (int64_t c = 0; c < leftColumns; c += kStripRows, left.at += stripStride, out += kStripRows * stride) {
    fetchTile<kStripRows, Vectors>(out, stride);
    Register sums[kStripRows][Vectors] = {};
    const Asked asked = ahead == nullptr ? Asked{nullptr, 0, 0} : ahead->take(rows);
    sumTile<kStripRows, Vectors, true>(rows, left, right, rightStride, asked, sums);
    const int64_t kept = std::min<int64_t>(kStripRows, leftColumns - c);
    if (kept == kStripRows && panel.width == Vectors * kLanes) {
      keepTile<kStripRows, Vectors, Add>(sums, out, stride);
    } else {
      keepPart<kStripRows, Vectors, Add>(sums, out, stride, kept, panel.width);
    }
  }
}

// Sums over rows, a block of them after the other: out [strips' columns, right's columns] = leftᵀ · right.
class StripSums {
 public:
  // `count` of the left columns, whose rows are `leftStride` wide; not `first`: added to what is in `out`.
  StripSums(int64_t count, int64_t leftStride, int64_t rightColumns, float* out, bool first = true)
      : count_(count), leftStride_(leftStride), rightColumns_(rightColumns), out_(out),
        panels_(panelsOf(rightColumns, kStripVectors)), first_(first) {
    const int64_t strips = (count + kStripRows - 1) / kStripRows;
    if (count % kStripRows != 0 || static_cast<int64_t>(panels_.size()) > kReadInPlace) {
      strips_ = floats(strips * kStripRows * block());
    }
    if (rightColumns % kLanes != 0 || strips > kReadInPlace) packed_ = floats((rightColumns + kLanes) * block());
  }

  // Rows that are added at once: so many that reading and writing the sums each time is a tenth of it, and of which a panel's
  // columns stay in a core's cache.
  static constexpr int64_t block() { return 256; }

  // What `ahead` wants is asked for meanwhile.
  void add(const float* left, const float* right, int64_t rows, Ahead* ahead = nullptr) {
    const int64_t strips = (count_ + kStripRows - 1) / kStripRows;
    if (ahead != nullptr) ahead->spread(strips * static_cast<int64_t>(panels_.size()) * rows);
    if (strips_) packStrips(left, rows, leftStride_, count_, strips_.get());
    if (packed_) packPanels(right, rows, rightColumns_, panels_, packed_.get());
    const Left from = strips_ ? Left{strips_.get(), kStripRows} : Left{left, leftStride_};
    const int64_t stripStride = strips_ ? rows * kStripRows : kStripRows;
    const float* place = packed_.get();
    for (const Panel& panel : panels_) {
      const float* columns = packed_ ? place : right + panel.begin;
      const int64_t stride = packed_ ? panel.padded() : rightColumns_;
      withVectors<kStripVectors>(panel.vectors, [&](auto vectors) {
        constexpr int V = decltype(vectors)::value;
        const auto sum = first_ ? stripsTimesPanel<V, false> : stripsTimesPanel<V, true>;
        sum(rows, from, stripStride, count_, columns, stride, ahead, panel, out_ + panel.begin, rightColumns_);
      });
      place += rows * panel.padded();
    }
    first_ = false;
  }

 private:
  int64_t count_, leftStride_, rightColumns_;
  float* out_;
  std::vector<Panel> panels_;
  FloatArray strips_, packed_;
  bool first_;
};

// leftᵀ · right of whole rows, into out [leftColumns, rightColumns] once it is finished.
class TurnedProduct {
 public:
  TurnedProduct(int64_t leftColumns, int64_t rightColumns, float* out)
      : left_(leftColumns), right_(rightColumns), out_(out), swapped_(isBetterSwapped(leftColumns, rightColumns)),
        held_(swapped_ ? floats(leftColumns * rightColumns) : nullptr),
        sums_(swapped_ ? StripSums(rightColumns, rightColumns, leftColumns, held_.get())
                       : StripSums(leftColumns, leftColumns, rightColumns, out)) {}

  // Few right columns would leave most of the vectors empty: the other way round then, and turned at the end.
  static bool isBetterSwapped(int64_t leftColumns, int64_t rightColumns) {
    return rightColumns < 2 * kLanes && rightColumns < leftColumns && rightColumns % kStripRows == 0;
  }

  int64_t block() const { return sums_.block(); }

  void add(const float* left, const float* right, int64_t rows, Ahead* ahead = nullptr) {
    swapped_ ? sums_.add(right, left, rows, ahead) : sums_.add(left, right, rows, ahead);
  }

  void finish() {
    for (int64_t l = 0; swapped_ && l < left_; ++l) {
      for (int64_t r = 0; r < right_; ++r) out_[l * right_ + r] = held_[r * left_ + l];
    }
  }

 private:
  int64_t left_, right_;
  float* out_;
  bool swapped_;
  FloatArray held_;
  StripSums sums_;
};

// out [leftColumns, rightColumns] = leftᵀ · right, of left [rows, leftColumns] and right [rows, rightColumns].
inline void multiplyTurned(const float* left, int64_t leftColumns, const float* right, int64_t rightColumns,
                           int64_t rows, float* out) {
  const int64_t threads = Pool::get().threads(), strips = (leftColumns + kStripRows - 1) / kStripRows;
  if (threads == 1 || TurnedProduct::isBetterSwapped(leftColumns, rightColumns)) {
    TurnedProduct product(leftColumns, rightColumns, out);
    for (int64_t begin = 0; begin < rows; begin += product.block()) {
      product.add(left + begin * leftColumns, right + begin * rightColumns, std::min(product.block(), rows - begin));
    }
    return product.finish();
  }
  const int64_t share = (strips + threads - 1) / threads * kStripRows;
  // Shares would have blocks of other heights, and so other sums, where there are other threads.
  const int64_t block = StripSums(leftColumns, leftColumns, rightColumns, out).block();
  Pool::get().run(static_cast<int>((leftColumns + share - 1) / share), [&](int task) {
    const int64_t first = task * share, count = std::min(share, leftColumns - first);
    StripSums sums(count, leftColumns, rightColumns, out + first * rightColumns);
    for (int64_t begin = 0; begin < rows; begin += block) {
      sums.add(left + begin * leftColumns + first, right + begin * rightColumns, std::min(block, rows - begin));
    }
  });
}

}  // namespace graft

#endif  // GRAFT_KERNELS_MATRIX_PRODUCT_TURNED_H_
