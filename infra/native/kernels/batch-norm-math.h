// The arithmetic of BatchNorm with the activation behind it, on rows of channels (Ioffe and Szegedy 1502.03167, algorithm 1).
#ifndef GRAFT_KERNELS_BATCH_NORM_MATH_H_
#define GRAFT_KERNELS_BATCH_NORM_MATH_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "kernel.h"
#include "lanes.h"
#include "pool.h"

namespace graft {

enum class Activation : int { kLinear = 0, kRelu = 1, kRelu6 = 2 };

// Attributes that all its operations have.
struct NormSettings {
  float epsilon = 0;
  float factor = 0;
  Activation activation = Activation::kLinear;
};

inline void readActivation(TF_OpKernelConstruction* construction, const char* name, Activation& activation,
                           Status& status) {
  int32_t value = 0;
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, name, &value, status.get());
  if (status.ok() && (value < 0 || value > 2)) status.invalid("an activation is 0, 1 or 2");
  activation = static_cast<Activation>(value);
}

inline void readSettings(TF_OpKernelConstruction* construction, NormSettings& settings, Status& status) {
  TF_OpKernelConstruction_GetAttrFloat(construction, "epsilon", &settings.epsilon, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrFloat(construction, "factor", &settings.factor, status.get());
  readActivation(construction, "activation", settings.activation, status);
}

inline void* createNorm(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<NormSettings>();
  readSettings(construction, *settings, status);
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

inline void removeNorm(void* settings) { delete static_cast<NormSettings*>(settings); }

// The rows that are summed in single precision before they are added up in double: a function of the shape alone.
struct Blocks {
  int64_t rows, channels, size;
  int count;
  Blocks(int64_t all, int64_t width) : rows(all), channels(width) {
    size = std::clamp<int64_t>(32768 / std::max<int64_t>(width, 1), 16, 2048);
    count = static_cast<int>((all + size - 1) / size);
  }
  int64_t begin(int block) const { return block * size; }
  int64_t end(int block) const { return std::min(rows, (block + 1) * size); }
};

// Sums of x − x₀ and of its square: x₀, the first row, keeps the variance from cancelling out.
inline void sumRows(const float* __restrict x, const float* __restrict first, int64_t rows, int64_t channels,
                    float* __restrict sum, float* __restrict square) {
  std::fill(sum, sum + channels, 0.f);
  std::fill(square, square + channels, 0.f);
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4, x += 4 * channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float a = x[c] - first[c], b = x[c + channels] - first[c];
      const float d = x[c + 2 * channels] - first[c], e = x[c + 3 * channels] - first[c];
      sum[c] += (a + b) + (d + e);
      square[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; row < rows; ++row, x += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float a = x[c] - first[c];
      sum[c] += a;
      square[c] += a * a;
    }
  }
}

// Of floats, or of vectors of them.
template <Activation A, class V>
inline V activated(V z) {
  if (A == Activation::kLinear) return z;
  // Written so that what is no number stays none.
  const V positive = z < 0.f ? V{} : z;
  if (A == Activation::kRelu) return positive;
  return positive > 6.f ? V{} + 6.f : positive;
}

template <Activation A, class V>
inline V passed(V z, V dy) {
  if (A == Activation::kLinear) return dy;
  if (A == Activation::kRelu) return z > 0.f ? dy : V{};
  return (z > 0.f) & (z < 6.f) ? dy : V{};
}

// Calls `body` with how many rows, a width, and the row and channel they begin at: two rows share what they have in common.
template <class Body>
inline void overRows(int64_t rows, int64_t channels, const Body& body) {
  int64_t row = 0;
  for (; row + 2 <= rows; row += 2) {
    overChannels(channels, [&](auto width, int64_t c) { body(std::integral_constant<int, 2>(), width, row, c); });
  }
  if (row == rows) return;
  overChannels(channels, [&](auto width, int64_t c) { body(std::integral_constant<int, 1>(), width, row, c); });
}

// What BatchNorm has of some channels, and what its gradient passes there.
template <Activation A, int W>
struct NormLanes {
  Lanes<W> middle, factor, shift;
  NormLanes(const float* mean, const float* scale, const float* beta, int64_t c)
      : middle(at<W>(mean + c)), factor(at<W>(scale + c)), shift(at<W>(beta + c)) {}

  Lanes<W> apply(const float* x) const {
    fetchAhead(x);
    return activated<A, Lanes<W>>((at<W>(x) - middle) * factor + shift);
  }
  // x − mean into `a`; returns the gradient behind the activation.
  Lanes<W> pass(const float* x, const float* dy, Lanes<W>& a) const {
    fetchAhead(x);
    fetchAhead(dy);
    a = at<W>(x) - middle;
    return passed<A, Lanes<W>>(a * factor + shift, at<W>(dy));
  }
};

template <Activation A>
void normalizeRows(const float* x, int64_t rows, int64_t channels, const float* mean, const float* scale,
                   const float* beta, float* y) {
  overRows(rows, channels, [&](auto count, auto width, int64_t row, int64_t c) {
    constexpr int W = decltype(width)::value;
    const NormLanes<A, W> norm(mean, scale, beta, c);
#pragma GCC unroll 2
    for (int64_t r = 0; r < count.value; ++r) {
      const int64_t place = (row + r) * channels + c;
      at<W>(y + place) = norm.apply(x + place);
    }
  });
}

// Sums over the batch of the gradient behind the activation, and of it times x − mean.
template <Activation A>
void sumGradients(const float* dy, const float* x, int64_t rows, int64_t channels, const float* mean,
                  const float* scale, const float* beta, float* sum, float* product) {
  std::fill(sum, sum + channels, 0.f);
  std::fill(product, product + channels, 0.f);
  overRows(rows, channels, [&](auto count, auto width, int64_t row, int64_t c) {
    constexpr int W = decltype(width)::value;
    const NormLanes<A, W> norm(mean, scale, beta, c);
    Lanes<W> sums{}, products{};
#pragma GCC unroll 2
    for (int64_t r = 0; r < count.value; ++r) {
      const int64_t place = (row + r) * channels + c;
      Lanes<W> a;
      const Lanes<W> dz = norm.pass(x + place, dy + place, a);
      sums += dz;
      products += dz * a;
    }
    at<W>(sum + c) += sums;
    at<W>(product + c) += products;
  });
}

// dx = scale · dz − offset − (x − mean) · slope. `dx` may be `dy`.
template <Activation A>
void inputGradient(const float* dy, const float* x, int64_t rows, int64_t channels, const float* mean,
                   const float* scale, const float* beta, const float* offset, const float* slope, float* dx) {
  overRows(rows, channels, [&](auto count, auto width, int64_t row, int64_t c) {
    constexpr int W = decltype(width)::value;
    const NormLanes<A, W> norm(mean, scale, beta, c);
    const Lanes<W> less = at<W>(offset + c), steep = at<W>(slope + c);
#pragma GCC unroll 2
    for (int64_t r = 0; r < count.value; ++r) {
      const int64_t place = (row + r) * channels + c;
      Lanes<W> a;
      const Lanes<W> dz = norm.pass(x + place, dy + place, a);
      at<W>(dx + place) = norm.factor * dz - less - a * steep;
    }
  });
}

// The blocks' sums, added up in double and in order.
inline std::vector<double> total(const Floats& partial, const Blocks& blocks) {
  std::vector<double> sums(blocks.channels, 0.0);
  for (int block = 0; block < blocks.count; ++block) {
    const float* row = partial.data() + block * blocks.channels;
    for (int64_t c = 0; c < blocks.channels; ++c) sums[c] += row[c];
  }
  return sums;
}

// Two sums a channel, over all rows.
struct Sums {
  std::vector<double> first, second;
};

// Calls `sum(block's begin, its rows, two rows of sums)` for every block, and adds up what they gave.
template <class Sum>
Sums blockSums(const Blocks& blocks, const Sum& sum) {
  Floats first(blocks.count * blocks.channels), second(blocks.count * blocks.channels);
  Pool::get().run(blocks.count, [&](int block) {
    const int64_t begin = blocks.begin(block), at = block * blocks.channels;
    sum(begin, blocks.end(block) - begin, first.data() + at, second.data() + at);
  });
  return {total(first, blocks), total(second, blocks)};
}

inline Sums momentSums(const Blocks& blocks, const float* x) {
  return blockSums(blocks, [&](int64_t begin, int64_t rows, float* sum, float* square) {
    sumRows(x + begin * blocks.channels, x, rows, blocks.channels, sum, square);
  });
}

// Means, and sums of squares of what differs from them, of sums that were taken around the first row.
inline void keepMoments(const double* sum, const double* square, int64_t channels, int64_t rows, const float* first,
                        float* mean, float* spread) {
  for (int64_t c = 0; c < channels; ++c) {
    const double shifted = sum[c] / static_cast<double>(rows);
    mean[c] = static_cast<float>(first[c] + shifted);
    // What is no number must stay none.
    const double squared = square[c] - shifted * sum[c];
    spread[c] = static_cast<float>(squared < 0.0 ? 0.0 : squared);
  }
}

template <Activation A>
Sums gradientSums(const Blocks& blocks, const float* dy, const float* x, const float* mean, const float* scale,
                  const float* beta) {
  return blockSums(blocks, [&](int64_t begin, int64_t rows, float* sum, float* product) {
    const int64_t at = begin * blocks.channels;
    sumGradients<A>(dy + at, x + at, rows, blocks.channels, mean, scale, beta, sum, product);
  });
}

inline Floats scaleOf(const float* gamma, const float* inverse, int64_t channels) {
  Floats scale(channels);
  for (int64_t c = 0; c < channels; ++c) scale[c] = gamma[c] * inverse[c];
  return scale;
}

// Calls `work` with the activation as a template argument.
template <class Work>
void withActivation(Activation activation, const Work& work) {
  switch (activation) {
    case Activation::kLinear:
      return work(std::integral_constant<Activation, Activation::kLinear>());
    case Activation::kRelu:
      return work(std::integral_constant<Activation, Activation::kRelu>());
    case Activation::kRelu6:
      return work(std::integral_constant<Activation, Activation::kRelu6>());
  }
}

}  // namespace graft

#endif  // GRAFT_KERNELS_BATCH_NORM_MATH_H_
