// BatchNorm whose statistics are there already, as kernels that make or take its rows a few at a time have it.
#ifndef GRAFT_KERNELS_NORMALIZATION_H_
#define GRAFT_KERNELS_NORMALIZATION_H_

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "batch-norm-math.h"
#include "kernel.h"

namespace graft {

// Whether all of them are vectors of so many channels.
inline bool areVectors(int64_t channels, std::initializer_list<const Tensor*> tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [&](const Tensor* each) { return each->size() == channels; });
}

// gamma, beta, mean and 1/√(variance + ε), from input `first` on.
struct NormVectors {
  Tensor gamma, beta, mean, inverse;
  NormVectors(TF_OpKernelContext* context, int first, Status& status)
      : gamma(input(context, first, status)), beta(input(context, first + 1, status)),
        mean(input(context, first + 2, status)), inverse(input(context, first + 3, status)) {}
  bool fit(int64_t channels) const { return areVectors(channels, {&gamma, &beta, &mean, &inverse}); }
};

// Of a gradient through BatchNorm: the inputs of GraftBatchNormGradPart, then x and kernel of the convolution before it.
struct NormGradInputs {
  Tensor dy, y;
  NormVectors behind;
  Tensor offset, slope, x, kernel;
  NormGradInputs(TF_OpKernelContext* context, Status& status)
      : dy(input(context, 0, status)), y(input(context, 1, status)), behind(context, 2, status),
        offset(input(context, 6, status)), slope(input(context, 7, status)), x(input(context, 8, status)),
        kernel(input(context, 9, status)) {}
  bool fit(int64_t channels) const {
    return dy.shape() == y.shape() && y.rank() == 4 && y.dim(3) == channels && x.rank() == 4 && x.size() > 0 &&
           behind.fit(channels) && areVectors(channels, {&offset, &slope});
  }
};

class Normalization {
 public:
  Normalization(Activation activation, const NormVectors& vectors)
      : activation_(activation), channels_(vectors.gamma.size()), mean_(vectors.mean.floats()),
        beta_(vectors.beta.floats()), scale_(scaleOf(vectors.gamma.floats(), vectors.inverse.floats(), channels_)) {}

  int64_t channels() const { return channels_; }

  // Rows of x behind BatchNorm and the activation.
  void apply(const float* x, int64_t rows, float* y) const {
    withActivation(activation_, [&](auto a) {
      normalizeRows<a.value>(x, rows, channels_, mean_, scale_.data(), beta_, y);
    });
  }

  // The gradient to rows of x, of the gradient to what `apply` gives.
  void gradient(const float* dy, const float* x, int64_t rows, const float* offset, const float* slope,
                float* dx) const {
    withActivation(activation_, [&](auto a) {
      inputGradient<a.value>(dy, x, rows, channels_, mean_, scale_.data(), beta_, offset, slope, dx);
    });
  }

  // Sums over rows of the gradient behind the activation, and of it times x − mean.
  void sums(const float* dy, const float* x, int64_t rows, float* sum, float* product) const {
    withActivation(activation_, [&](auto a) {
      sumGradients<a.value>(dy, x, rows, channels_, mean_, scale_.data(), beta_, sum, product);
    });
  }

 private:
  Activation activation_;
  int64_t channels_;
  const float *mean_, *beta_;
  Floats scale_;
};

// Two sums a channel, of rows that come a few at a time: single precision within a few, double over them.
class RunningSums {
 public:
  explicit RunningSums(int64_t channels) : part_(2 * channels), total_(2 * channels, 0.0), channels_(channels) {}

  // `sum(first, second)` overwrites the sums of some rows.
  template <class Sum>
  void add(const Sum& sum) {
    sum(part_.data(), part_.data() + channels_);
    for (size_t i = 0; i < total_.size(); ++i) total_[i] += part_[i];
  }
  void keep(float* first, float* second) const {
    for (int64_t c = 0; c < channels_; ++c) {
      first[c] = static_cast<float>(total_[c]);
      second[c] = static_cast<float>(total_[channels_ + c]);
    }
  }
  const double* first() const { return total_.data(); }
  const double* second() const { return total_.data() + channels_; }

 private:
  Floats part_;
  std::vector<double> total_;
  int64_t channels_;
};

// Rows that are summed at once: as many as a core's cache keeps from their making.
inline int64_t summedRows(int64_t channels) { return std::max<int64_t>(1, 16384 / channels); }

// Rows that are made one behind the other from `begin` on, and summed in between.
class MadeRows {
 public:
  explicit MadeRows(int64_t channels) : atOnce_(summedRows(channels)) {}

  void begin(int64_t row) { summed_ = made_ = row; }
  // `sum(first row, rows)` of what is to be summed now that rows up to `made` are there.
  template <class Sum>
  void madeUpTo(int64_t made, const Sum& sum) {
    made_ = made;
    if (made - summed_ >= atOnce_) end(sum);
  }
  template <class Sum>
  void end(const Sum& sum) {
    if (made_ > summed_) sum(summed_, made_ - summed_);
    summed_ = made_;
  }

 private:
  int64_t atOnce_, summed_ = 0, made_ = 0;
};

// Moments of rows of y around its row `first`, which is made before any other.
class RunningMoments {
 public:
  RunningMoments(const float* y, int64_t channels, int64_t first)
      : rows_(channels), sums_(channels), y_(y), first_(y + first * channels), channels_(channels) {}

  void begin(int64_t row) { rows_.begin(row); }
  void madeUpTo(int64_t made) {
    rows_.madeUpTo(made, [&](int64_t row, int64_t count) { sum(row, count); });
  }
  void end() {
    rows_.end([&](int64_t row, int64_t count) { sum(row, count); });
  }

  // Its mean, and the sum of squares of what differs from it.
  void keep(int64_t rows, float* mean, float* spread) const {
    keepMoments(sums_.first(), sums_.second(), channels_, rows, first_, mean, spread);
  }

 private:
  void sum(int64_t row, int64_t count) {
    sums_.add([&](float* sum, float* square) {
      sumRows(y_ + row * channels_, first_, count, channels_, sum, square);
    });
  }

  MadeRows rows_;
  RunningSums sums_;
  const float *y_, *first_;
  int64_t channels_;
};

// Sums of the gradient to BatchNorm's rows.
class RunningGradients {
 public:
  RunningGradients(const Normalization& norm, const float* dy, const float* x)
      : rows_(norm.channels()), sums_(norm.channels()), norm_(norm), dy_(dy), x_(x) {}

  void begin(int64_t row) { rows_.begin(row); }
  void madeUpTo(int64_t made) {
    rows_.madeUpTo(made, [&](int64_t row, int64_t count) { sum(row, count); });
  }
  void end() {
    rows_.end([&](int64_t row, int64_t count) { sum(row, count); });
  }

  void keep(float* sum, float* product) const { sums_.keep(sum, product); }

 private:
  void sum(int64_t row, int64_t count) {
    const int64_t at = row * norm_.channels();
    sums_.add([&](float* sum, float* product) { norm_.sums(dy_ + at, x_ + at, count, sum, product); });
  }

  MadeRows rows_;
  RunningSums sums_;
  const Normalization& norm_;
  const float *dy_, *x_;
};

}  // namespace graft

#endif  // GRAFT_KERNELS_NORMALIZATION_H_
