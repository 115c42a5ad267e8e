// What the operations of depthwise convolutions are told, and what they take.
#ifndef GRAFT_KERNELS_DEPTHWISE_SETTINGS_H_
#define GRAFT_KERNELS_DEPTHWISE_SETTINGS_H_

#include "depthwise-rows.h"
#include "kernel.h"

namespace graft {

struct DepthwiseSettings {
  int32_t stride = 1;
  int32_t top = 0;
  int32_t left = 0;
};

inline void readSettings(TF_OpKernelConstruction* construction, DepthwiseSettings& settings, Status& status) {
  TF_OpKernelConstruction_GetAttrInt32(construction, "stride", &settings.stride, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, "top", &settings.top, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, "left", &settings.left, status.get());
  if (status.ok() && settings.stride < 1) status.invalid("stride is at least 1");
}

constexpr const char* kDepthwiseShapes =
    "a depthwise convolution takes pictures [n, h, w, c] and a kernel [side, side, c, 1], side at most 7";

inline bool isDepthwise(const Shape& picture, const Shape& kernel, const Shape& dy) {
  return picture.size() == 4 && kernel.size() == 4 && dy.size() == 4 && kernel[0] == kernel[1] &&
         kernel[0] <= kMaxSide && kernel[2] == picture[3] && kernel[3] == 1 && dy[0] == picture[0] &&
         dy[3] == picture[3];
}

inline Correlation correlationOf(const DepthwiseSettings& s, const Shape& picture, const Tensor& kernel,
                                 const Shape& out, const float* zeros) {
  Correlation p{};
  p.inHeight = picture[1], p.inWidth = picture[2], p.outHeight = out[1], p.outWidth = out[2], p.channels = picture[3];
  p.kernel = kernel.floats(), p.side = static_cast<int>(kernel.dim(0));
  p.stride = s.stride, p.top = s.top, p.left = s.left, p.zeros = zeros;
  return p;
}

}  // namespace graft

#endif  // GRAFT_KERNELS_DEPTHWISE_SETTINGS_H_
