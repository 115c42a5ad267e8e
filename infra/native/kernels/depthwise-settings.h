// What the operations of depthwise convolutions are told, and what they take.
#ifndef GRAFT_KERNELS_DEPTHWISE_SETTINGS_H_
#define GRAFT_KERNELS_DEPTHWISE_SETTINGS_H_

#include "depthwise-rows.h"
#include "kernel.h"
#include "window-settings.h"

namespace graft {

constexpr const char* kDepthwiseShapes =
    "a depthwise convolution takes pictures [n, h, w, c] and a kernel [side, side, c, 1], side at most 7";

inline bool isDepthwise(const Shape& picture, const Shape& kernel, const Shape& dy) {
  return picture.size() == 4 && kernel.size() == 4 && dy.size() == 4 && kernel[0] == kernel[1] &&
         kernel[0] <= kMaxSide && kernel[2] == picture[3] && kernel[3] == 1 && dy[0] == picture[0] &&
         dy[3] == picture[3];
}

inline Correlation correlationOf(const WindowSettings& s, const Shape& picture, const Tensor& kernel,
                                 const Shape& out, const float* zeros) {
  Correlation p{};
  p.inHeight = picture[1], p.inWidth = picture[2], p.outHeight = out[1], p.outWidth = out[2], p.channels = picture[3];
  p.kernel = kernel.floats(), p.side = static_cast<int>(kernel.dim(0));
  p.stride = s.stride, p.top = s.top, p.left = s.left, p.zeros = zeros;
  return p;
}

}  // namespace graft

#endif  // GRAFT_KERNELS_DEPTHWISE_SETTINGS_H_
