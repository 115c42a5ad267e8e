// Rows of gradients where a shortcut was added.
#ifndef GRAFT_KERNELS_SHORTCUT_MATH_H_
#define GRAFT_KERNELS_SHORTCUT_MATH_H_

#include <algorithm>
#include <cstdint>

#include "batch-norm-math.h"
#include "lanes.h"

namespace graft {

// Rows of activation(BatchNorm(x) + shortcut).
inline void addShortcut(Activation activation, const float* x, const float* shortcut, int64_t rows, int64_t channels,
                        const float* mean, const float* scale, const float* beta, float* y) {
  withActivation(activation, [&](auto a) {
    overRows(rows, channels, [&](auto count, auto width, int64_t row, int64_t c) {
      constexpr int W = decltype(width)::value;
      const NormLanes<Activation::kLinear, W> norm(mean, scale, beta, c);
#pragma GCC unroll 2
      for (int64_t r = 0; r < count.value; ++r) {
        const int64_t place = (row + r) * channels + c;
        fetchAhead(shortcut + place);
        at<W>(y + place) = activated<a.value, Lanes<W>>(norm.apply(x + place) + at<W>(shortcut + place));
      }
    });
  });
}

// What a ReLU, `behind` which those rows are, passes of rows of gradients, into dz, which may be `first`; its sums, and those of
// it times x − mean.
template <bool Two, bool Activated>
void sumPassed(const float* first, const float* second, const float* behind, const float* x, const float* mean,
               int64_t rows, int64_t channels, float* dz, float* sum, float* product) {
  std::fill_n(sum, channels, 0.f);
  std::fill_n(product, channels, 0.f);
  overRows(rows, channels, [&](auto count, auto width, int64_t row, int64_t c) {
    constexpr int W = decltype(width)::value;
    const Lanes<W> middle = at<W>(mean + c);
    Lanes<W> sums{}, products{};
#pragma GCC unroll 2
    for (int64_t r = 0; r < count.value; ++r) {
      const int64_t place = (row + r) * channels + c;
      fetchAhead(first + place);
      fetchAhead(x + place);
      Lanes<W> gradient = at<W>(first + place);
      if (Two) fetchAhead(second + place), gradient += at<W>(second + place);
      if (Activated) {
        fetchAhead(behind + place);
        gradient = passed<Activation::kRelu, Lanes<W>>(at<W>(behind + place), gradient);
      }
      at<W>(dz + place) = gradient;
      sums += gradient;
      products += gradient * (at<W>(x + place) - middle);
    }
    at<W>(sum + c) += sums;
    at<W>(product + c) += products;
  });
}

}  // namespace graft

#endif  // GRAFT_KERNELS_SHORTCUT_MATH_H_
