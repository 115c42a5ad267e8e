// Depthwise convolution of pictures [batch, height, width, channels] with a kernel [side, side, channels, 1], and its two
// gradients. Channels lie next to each other, so every product is one of vectors; a few neighbouring pixels share what they
// read of the kernel and of the picture.

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "kernel.h"
#include "lanes.h"
#include "operations.h"
#include "pool.h"

namespace graft {
namespace {

struct Settings {
  int32_t stride = 1;
  int32_t top = 0;
  int32_t left = 0;
};

void* create(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<Settings>();
  TF_OpKernelConstruction_GetAttrInt32(construction, "stride", &settings->stride, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, "top", &settings->top, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, "left", &settings->left, status.get());
  if (status.ok() && settings->stride < 1) status.invalid("stride is at least 1");
  if (!status.ok()) {
    TF_OpKernelConstruction_Failure(construction, status.get());
    return nullptr;
  }
  return settings.release();
}

void remove(void* settings) { delete static_cast<Settings*>(settings); }

// Calls `body` with a width and the channel it begins at: a register of channels at once, then eight, then one.
template <class Body>
inline void overChannels(int64_t channels, const Body& body) {
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) body(std::integral_constant<int, kLanes>(), c);
  for (; kLanes > 8 && c + 8 <= channels; c += 8) body(std::integral_constant<int, 8>(), c);
  for (; c < channels; ++c) body(std::integral_constant<int, 1>(), c);
}

constexpr int kMaxSide = 7;

// What one output pixel is summed from, where the window reaches beyond the picture or strides leave gaps.
struct Terms {
  const float* picture[kMaxSide * kMaxSide];
  const float* kernel[kMaxSide * kMaxSide];
  int count = 0;
  void add(const float* p, const float* k) {
    picture[count] = p;
    kernel[count++] = k;
  }
};

void sumTerms(const Terms& terms, int64_t channels, float* out) {
  overChannels(channels, [&](auto width, int64_t c) {
    constexpr int W = decltype(width)::value;
    Lanes<W> sum{};
    for (int t = 0; t < terms.count; ++t) sum += at<W>(terms.picture[t] + c) * at<W>(terms.kernel[t] + c);
    at<W>(out + c) = sum;
  });
}

// A correlation: out[y, x] = Σ in[y·stride + i − top, x·stride + j − left] · kernel[i, j].
struct Correlation {
  const float* in;
  const float* kernel;
  float* out;
  int64_t inHeight, inWidth, outHeight, outWidth, channels;
  int side, stride, top, left;
  // As many zeros as there are channels.
  const float* zeros;
};

// The rows of a window that lie inside the picture.
struct Rows {
  int begin, end;
  Rows(const Correlation& p, int64_t first)
      : begin(static_cast<int>(std::max<int64_t>(0, -first))),
        end(static_cast<int>(std::min<int64_t>(p.side, p.inHeight - first))) {}
};

// What lies beyond the picture's columns.
struct Columns {
  // Columns of the picture from the windows' first one on.
  int64_t begin, end;
  const float* zeros;
  Columns(const Correlation& p, int64_t first) : begin(-first), end(p.inWidth - first), zeros(p.zeros) {}
};

// `Pixels` neighbours in a row; `Inner`: all columns of their windows lie inside the picture.
template <int Side, int Stride, int Pixels, bool Inner>
inline void sumPixels(const Correlation& p, const Rows& rows, const Columns& columns, const float* corner, float* out) {
  const int64_t row = p.inWidth * p.channels;
  overChannels(p.channels, [&](auto width, int64_t c) {
    constexpr int W = decltype(width)::value;
    Lanes<W> sums[Pixels] = {};
    for (int i = rows.begin; i < rows.end; ++i) {
      Lanes<W> taps[Side];
#pragma GCC unroll 8
      for (int j = 0; j < Side; ++j) taps[j] = at<W>(p.kernel + (i * Side + j) * p.channels + c);
#pragma GCC unroll 32
      for (int x = 0; x < (Pixels - 1) * Stride + Side; ++x) {
        const bool inside = Inner || (x >= columns.begin && x < columns.end);
        const Lanes<W> value = at<W>((inside ? corner + i * row + x * p.channels : columns.zeros) + c);
#pragma GCC unroll 8
        for (int t = 0; t < Pixels; ++t) {
          const int j = x - t * Stride;
          if (j >= 0 && j < Side) sums[t] += value * taps[j];
        }
      }
    }
#pragma GCC unroll 8
    for (int t = 0; t < Pixels; ++t) at<W>(out + t * p.channels + c) = sums[t];
  });
}

void edgePixel(const Correlation& p, const float* in, int64_t y, int64_t x, float* out) {
  Terms terms;
  for (int i = 0; i < p.side; ++i) {
    const int64_t iy = y * p.stride + i - p.top;
    if (iy < 0 || iy >= p.inHeight) continue;
    for (int j = 0; j < p.side; ++j) {
      const int64_t ix = x * p.stride + j - p.left;
      if (ix < 0 || ix >= p.inWidth) continue;
      terms.add(in + (iy * p.inWidth + ix) * p.channels, p.kernel + (i * p.side + j) * p.channels);
    }
  }
  sumTerms(terms, p.channels, out);
}

// Whether the windows of `pixels` neighbours begin and end inside the picture's columns.
template <int Side, int Stride>
inline bool isInner(const Correlation& p, int64_t x, int pixels) {
  const int64_t first = x * Stride - p.left;
  return x + pixels <= p.outWidth && first >= 0 && first + (pixels - 1) * Stride + Side <= p.inWidth;
}

template <int Side, int Stride>
void correlateRow(const Correlation& p, const float* in, int64_t y, float* out) {
  const int64_t firstRow = y * Stride - p.top;
  const Rows rows(p, firstRow);
  for (int64_t x = 0; x < p.outWidth;) {
    const Columns columns(p, x * Stride - p.left);
    const float* corner = in + (firstRow * p.inWidth - columns.begin) * p.channels;
    float* to = out + x * p.channels;
    if (isInner<Side, Stride>(p, x, 4)) {
      sumPixels<Side, Stride, 4, true>(p, rows, columns, corner, to);
      x += 4;
    } else if (x + 4 <= p.outWidth) {
      sumPixels<Side, Stride, 4, false>(p, rows, columns, corner, to);
      x += 4;
    } else {
      sumPixels<Side, Stride, 1, false>(p, rows, columns, corner, to);
      ++x;
    }
  }
}

void correlateAnyRow(const Correlation& p, const float* in, int64_t y, float* out) {
  for (int64_t x = 0; x < p.outWidth; ++x) edgePixel(p, in, y, x, out + x * p.channels);
}

using Row = void (*)(const Correlation&, const float*, int64_t, float*);

Row rowOf(int side, int stride) {
  if (side == 3 && stride == 1) return correlateRow<3, 1>;
  if (side == 3 && stride == 2) return correlateRow<3, 2>;
  if (side == 5 && stride == 1) return correlateRow<5, 1>;
  if (side == 5 && stride == 2) return correlateRow<5, 2>;
  return correlateAnyRow;
}

void correlate(Correlation p, int64_t batch) {
  const std::vector<float> zeros(p.channels, 0.f);
  p.zeros = zeros.data();
  const Row row = rowOf(p.side, p.stride);
  constexpr int64_t kRows = 8;
  const int64_t bands = (p.outHeight + kRows - 1) / kRows;
  Pool::get().run(static_cast<int>(batch * bands), [&](int task) {
    const int64_t image = task / bands, band = task % bands;
    const float* in = p.in + image * p.inHeight * p.inWidth * p.channels;
    float* out = p.out + image * p.outHeight * p.outWidth * p.channels;
    for (int64_t y = band * kRows; y < std::min(p.outHeight, (band + 1) * kRows); ++y) {
      row(p, in, y, out + y * p.outWidth * p.channels);
    }
  });
}

// The gradient to the picture with a stride: every pixel gathers the outputs whose windows it lay in.
void gather(const Correlation& p, int64_t batch) {
  // Here `in` is the gradient [outHeight, outWidth] and `out` the picture's [inHeight, inWidth].
  Pool::get().run(static_cast<int>(batch * p.inHeight), [&](int task) {
    const int64_t image = task / p.inHeight, y = task % p.inHeight;
    const float* dy = p.in + image * p.outHeight * p.outWidth * p.channels;
    float* dx = p.out + (image * p.inHeight + y) * p.inWidth * p.channels;
    for (int64_t x = 0; x < p.inWidth; ++x) {
      Terms terms;
      for (int i = 0; i < p.side; ++i) {
        const int64_t oy = y + p.top - i;
        if (oy < 0 || oy % p.stride != 0 || oy / p.stride >= p.outHeight) continue;
        for (int j = 0; j < p.side; ++j) {
          const int64_t ox = x + p.left - j;
          if (ox < 0 || ox % p.stride != 0 || ox / p.stride >= p.outWidth) continue;
          const float* from = dy + ((oy / p.stride) * p.outWidth + ox / p.stride) * p.channels;
          terms.add(from, p.kernel + (i * p.side + j) * p.channels);
        }
      }
      sumTerms(terms, p.channels, dx + x * p.channels);
    }
  });
}

// Adds to sums [side, side, channels] what `Pixels` neighbouring outputs give.
template <int Side, int Stride, int Pixels, bool Inner>
inline void addPixels(const Correlation& p, const Rows& rows, const Columns& columns, const float* corner,
                      const float* dy, float* sums) {
  const int64_t row = p.inWidth * p.channels;
  overChannels(p.channels, [&](auto width, int64_t c) {
    constexpr int W = decltype(width)::value;
    Lanes<W> gradients[Pixels];
#pragma GCC unroll 8
    for (int t = 0; t < Pixels; ++t) gradients[t] = at<W>(dy + t * p.channels + c);
    for (int i = rows.begin; i < rows.end; ++i) {
      Lanes<W> taps[Side];
#pragma GCC unroll 8
      for (int j = 0; j < Side; ++j) taps[j] = at<W>(sums + (i * Side + j) * p.channels + c);
#pragma GCC unroll 32
      for (int x = 0; x < (Pixels - 1) * Stride + Side; ++x) {
        const bool inside = Inner || (x >= columns.begin && x < columns.end);
        const Lanes<W> value = at<W>((inside ? corner + i * row + x * p.channels : columns.zeros) + c);
#pragma GCC unroll 8
        for (int t = 0; t < Pixels; ++t) {
          const int j = x - t * Stride;
          if (j >= 0 && j < Side) taps[j] += value * gradients[t];
        }
      }
#pragma GCC unroll 8
      for (int j = 0; j < Side; ++j) at<W>(sums + (i * Side + j) * p.channels + c) = taps[j];
    }
  });
}

void addEdge(const Correlation& p, const float* in, int64_t y, int64_t x, const float* dy, float* sums) {
  for (int i = 0; i < p.side; ++i) {
    const int64_t iy = y * p.stride + i - p.top;
    if (iy < 0 || iy >= p.inHeight) continue;
    for (int j = 0; j < p.side; ++j) {
      const int64_t ix = x * p.stride + j - p.left;
      if (ix < 0 || ix >= p.inWidth) continue;
      const float* pixel = in + (iy * p.inWidth + ix) * p.channels;
      float* sum = sums + (i * p.side + j) * p.channels;
      overChannels(p.channels, [&](auto width, int64_t c) {
        constexpr int W = decltype(width)::value;
        at<W>(sum + c) += at<W>(pixel + c) * at<W>(dy + c);
      });
    }
  }
}

template <int Side, int Stride>
void addRow(const Correlation& p, const float* in, int64_t y, const float* dy, float* sums) {
  const int64_t firstRow = y * Stride - p.top;
  const Rows rows(p, firstRow);
  for (int64_t x = 0; x < p.outWidth;) {
    const Columns columns(p, x * Stride - p.left);
    const float* corner = in + (firstRow * p.inWidth - columns.begin) * p.channels;
    const float* from = dy + x * p.channels;
    if (isInner<Side, Stride>(p, x, 4)) {
      addPixels<Side, Stride, 4, true>(p, rows, columns, corner, from, sums);
      x += 4;
    } else if (x + 4 <= p.outWidth) {
      addPixels<Side, Stride, 4, false>(p, rows, columns, corner, from, sums);
      x += 4;
    } else {
      addPixels<Side, Stride, 1, false>(p, rows, columns, corner, from, sums);
      ++x;
    }
  }
}

void addAnyRow(const Correlation& p, const float* in, int64_t y, const float* dy, float* sums) {
  for (int64_t x = 0; x < p.outWidth; ++x) addEdge(p, in, y, x, dy + x * p.channels, sums);
}

using SumRow = void (*)(const Correlation&, const float*, int64_t, const float*, float*);

SumRow sumRowOf(int side, int stride) {
  if (side == 3 && stride == 1) return addRow<3, 1>;
  if (side == 3 && stride == 2) return addRow<3, 2>;
  if (side == 5 && stride == 1) return addRow<5, 1>;
  if (side == 5 && stride == 2) return addRow<5, 2>;
  return addAnyRow;
}

// The gradient to the kernel, into `p.out`: sums a picture, then over the pictures in double and in order.
void sumKernel(Correlation p, const float* dy, int64_t batch) {
  const std::vector<float> zeros(p.channels, 0.f);
  p.zeros = zeros.data();
  const SumRow row = sumRowOf(p.side, p.stride);
  const int64_t size = p.side * p.side * p.channels;
  std::vector<float> partial(batch * size, 0.f);
  Pool::get().run(static_cast<int>(batch), [&](int image) {
    const float* in = p.in + image * p.inHeight * p.inWidth * p.channels;
    const float* gradient = dy + image * p.outHeight * p.outWidth * p.channels;
    for (int64_t y = 0; y < p.outHeight; ++y) {
      row(p, in, y, gradient + y * p.outWidth * p.channels, partial.data() + image * size);
    }
  });
  std::vector<double> sums(size, 0.0);
  for (int64_t image = 0; image < batch; ++image) {
    for (int64_t i = 0; i < size; ++i) sums[i] += partial[image * size + i];
  }
  for (int64_t i = 0; i < size; ++i) p.out[i] = static_cast<float>(sums[i]);
}

bool fits(const Shape& picture, const Shape& kernel, const Shape& dy) {
  return picture.size() == 4 && kernel.size() == 4 && dy.size() == 4 && kernel[0] == kernel[1] &&
         kernel[0] <= kMaxSide && kernel[2] == picture[3] && kernel[3] == 1 && dy[0] == picture[0] &&
         dy[3] == picture[3];
}

constexpr const char* kShapes = "a depthwise convolution takes pictures [n, h, w, c] and a kernel [side, side, c, 1], side at most 7";

Correlation correlationOf(const Settings& s, const Shape& picture, const Shape& kernel, const Shape& out) {
  Correlation p{};
  p.inHeight = picture[1], p.inWidth = picture[2], p.outHeight = out[1], p.outWidth = out[2], p.channels = picture[3];
  p.side = static_cast<int>(kernel[0]), p.stride = s.stride, p.top = s.top, p.left = s.left;
  return p;
}

// Inputs dy, kernel, x (for its shape) → dx.
void inputGradient(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const Tensor dy = input(context, 0, status), kernel = input(context, 1, status), x = input(context, 2, status);
  if (status.ok() && !fits(x.shape(), kernel.shape(), dy.shape())) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dx = output(context, 0, x.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  Correlation p = correlationOf(settings, x.shape(), kernel.shape(), dy.shape());
  p.in = dy.floats(), p.out = dx.floats(), p.kernel = kernel.floats();
  if (p.stride > 1) return gather(p, x.dim(0));
  // Without a stride it is the correlation with the kernel turned by half a turn.
  const int taps = p.side * p.side;
  std::vector<float> turned(taps * p.channels);
  for (int i = 0; i < taps; ++i) {
    std::memcpy(turned.data() + i * p.channels, p.kernel + (taps - 1 - i) * p.channels, p.channels * sizeof(float));
  }
  Correlation back = p;
  back.kernel = turned.data();
  back.inHeight = p.outHeight, back.inWidth = p.outWidth, back.outHeight = p.inHeight, back.outWidth = p.inWidth;
  back.top = p.side - 1 - p.top, back.left = p.side - 1 - p.left;
  correlate(back, x.dim(0));
}

// Inputs x, dy, kernel (for its shape) → dkernel.
void kernelGradient(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const Tensor x = input(context, 0, status), dy = input(context, 1, status), kernel = input(context, 2, status);
  if (status.ok() && !fits(x.shape(), kernel.shape(), dy.shape())) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dKernel = output(context, 0, kernel.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  Correlation p = correlationOf(settings, x.shape(), kernel.shape(), dy.shape());
  p.in = x.floats(), p.out = dKernel.floats();
  sumKernel(p, dy.floats(), x.dim(0));
}

// Inputs x, kernel, like (an int32 [2]: height and width that come out) → y.
void forward(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const Tensor x = input(context, 0, status), kernel = input(context, 1, status), sides = input(context, 2, status);
  if (status.ok() && (sides.size() != 2 || !fits(x.shape(), kernel.shape(), x.shape()))) status.invalid(kShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Shape shape = {x.dim(0), sides.ints()[0], sides.ints()[1], x.dim(3)};
  const Tensor y = output(context, 0, shape, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  Correlation p = correlationOf(settings, x.shape(), kernel.shape(), shape);
  p.in = x.floats(), p.kernel = kernel.floats(), p.out = y.floats();
  correlate(p, x.dim(0));
}

void forwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}
void likeThird(TF_ShapeInferenceContext* context, TF_Status* status) { shapeAs(context, 2, 0, status); }

}  // namespace

bool addDepthwise() {
  const auto attributes = {"stride: int", "top: int", "left: int"};
  return add({"GraftDepthwise", {"x: float", "kernel: float", "sides: int32"}, {"y: float"},
              attributes, create, forward, remove, forwardShapes}) &&
         add({"GraftDepthwiseInputGrad", {"dy: float", "kernel: float", "x: float"}, {"dx: float"},
              attributes, create, inputGradient, remove, likeThird}) &&
         add({"GraftDepthwiseKernelGrad", {"x: float", "dy: float", "kernel: float"}, {"dkernel: float"},
              attributes, create, kernelGradient, remove, likeThird});
}

}  // namespace graft
