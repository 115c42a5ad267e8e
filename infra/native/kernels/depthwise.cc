// Depthwise convolution and its two gradients, spread over the threads of the pool.

#include <algorithm>
#include <memory>
#include <vector>

#include "depthwise-rows.h"
#include "depthwise-settings.h"
#include "kernel.h"
#include "operations.h"
#include "pool.h"

namespace graft {
namespace {

void correlate(const Correlation& p, const float* pictures, int64_t batch, float* outs) {
  const CorrelateRow row = correlateRowOf(p.side, p.stride);
  constexpr int64_t kRows = 8;
  const int64_t bands = (p.outHeight + kRows - 1) / kRows;
  Pool::get().run(static_cast<int>(batch * bands), [&](int task) {
    const int64_t image = task / bands, band = task % bands;
    const float* in = pictures + image * p.inHeight * p.inRow();
    float* out = outs + image * p.outHeight * p.outRow();
    for (int64_t y = band * kRows; y < std::min(p.outHeight, (band + 1) * kRows); ++y) {
      row(p, rowsOf(p, y, [&](int64_t each) { return in + each * p.inRow(); }), out + y * p.outRow());
    }
  });
}

void gather(const Correlation& p, const float* dys, int64_t batch, float* dxs) {
  const GatherRow row = gatherRowOf(p.side, p.stride);
  Pool::get().run(static_cast<int>(batch * p.inHeight), [&](int task) {
    const float* dy = dys + task / p.inHeight * p.outHeight * p.outRow();
    const auto where = [&](int64_t each) { return dy + each * p.outRow(); };
    row(p, gatheredRows(p, task % p.inHeight, where), dxs + task * p.inRow());
  });
}

// The gradient to the kernel: sums a picture, then over the pictures in double and in order.
void sumKernel(const Correlation& p, const float* pictures, const float* dys, int64_t batch, float* out) {
  const AddRow row = addRowOf(p.side, p.stride);
  const int64_t size = p.side * p.side * p.channels;
  Floats partial(batch * size, 0.f);
  Pool::get().run(static_cast<int>(batch), [&](int image) {
    const float* in = pictures + image * p.inHeight * p.inRow();
    const float* dy = dys + image * p.outHeight * p.outRow();
    for (int64_t y = 0; y < p.outHeight; ++y) {
      const Rows rows = rowsOf(p, y, [&](int64_t each) { return in + each * p.inRow(); });
      row(p, rows, dy + y * p.outRow(), partial.data() + image * size);
    }
  });
  std::vector<double> sums(size, 0.0);
  for (int64_t image = 0; image < batch; ++image) {
    for (int64_t i = 0; i < size; ++i) sums[i] += partial[image * size + i];
  }
  for (int64_t i = 0; i < size; ++i) out[i] = static_cast<float>(sums[i]);
}

// Inputs dy, kernel, x (for its shape) → dx.
void inputGradient(void* data, TF_OpKernelContext* context) {
  Status status;
  const Tensor dy = input(context, 0, status), kernel = input(context, 1, status), x = input(context, 2, status);
  if (status.ok() && !isDepthwise(x.shape(), kernel.shape(), dy.shape())) status.invalid(kDepthwiseShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dx = output(context, 0, x.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Floats zeros(x.dim(3), 0.f);
  const auto& settings = *static_cast<const WindowSettings*>(data);
  const Correlation p = correlationOf(settings, x.shape(), kernel, dy.shape(), zeros.data());
  if (p.stride > 1) return gather(p, dy.floats(), x.dim(0), dx.floats());
  const Floats back = turned(p.kernel, p.side, p.channels);
  correlate(backward(p, back.data()), dy.floats(), x.dim(0), dx.floats());
}

// Inputs x, dy, kernel (for its shape) → dkernel.
void kernelGradient(void* data, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status), dy = input(context, 1, status), kernel = input(context, 2, status);
  if (status.ok() && !isDepthwise(x.shape(), kernel.shape(), dy.shape())) status.invalid(kDepthwiseShapes);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor dKernel = output(context, 0, kernel.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Floats zeros(x.dim(3), 0.f);
  const auto& settings = *static_cast<const WindowSettings*>(data);
  const Correlation p = correlationOf(settings, x.shape(), kernel, dy.shape(), zeros.data());
  sumKernel(p, x.floats(), dy.floats(), x.dim(0), dKernel.floats());
}

// Inputs x, kernel, sides (an int32 [2]: height and width that come out) → y.
void forward(void* data, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status), kernel = input(context, 1, status), sides = input(context, 2, status);
  if (status.ok() && (sides.size() != 2 || !isDepthwise(x.shape(), kernel.shape(), x.shape()))) {
    status.invalid(kDepthwiseShapes);
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Shape shape = {x.dim(0), sides.ints()[0], sides.ints()[1], x.dim(3)};
  const Tensor y = output(context, 0, shape, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Floats zeros(x.dim(3), 0.f);
  const auto& settings = *static_cast<const WindowSettings*>(data);
  correlate(correlationOf(settings, x.shape(), kernel, shape, zeros.data()), x.floats(), x.dim(0), y.floats());
}

void forwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}
void likeThird(TF_ShapeInferenceContext* context, TF_Status* status) { shapeAs(context, 2, 0, status); }

}  // namespace

bool addDepthwise() {
  const auto attributes = {"stride: int", "top: int", "left: int"};
  return add({"GraftDepthwise", {"x: float", "kernel: float", "sides: int32"}, {"y: float"},
              attributes, createWindow, forward, removeWindow, forwardShapes}) &&
         add({"GraftDepthwiseInputGrad", {"dy: float", "kernel: float", "x: float"}, {"dx: float"},
              attributes, createWindow, inputGradient, removeWindow, likeThird}) &&
         add({"GraftDepthwiseKernelGrad", {"x: float", "dy: float", "kernel: float"}, {"dkernel: float"},
              attributes, createWindow, kernelGradient, removeWindow, likeThird});
}

}  // namespace graft
