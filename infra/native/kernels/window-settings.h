// What the operations of convolutions with windows are told: a stride, and the pixels above and left of a picture.
#ifndef GRAFT_KERNELS_WINDOW_SETTINGS_H_
#define GRAFT_KERNELS_WINDOW_SETTINGS_H_

#include <memory>

#include "kernel.h"

namespace graft {

struct WindowSettings {
  int32_t stride = 1;
  int32_t top = 0;
  int32_t left = 0;
};

inline void readSettings(TF_OpKernelConstruction* construction, WindowSettings& settings, Status& status) {
  TF_OpKernelConstruction_GetAttrInt32(construction, "stride", &settings.stride, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, "top", &settings.top, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, "left", &settings.left, status.get());
  if (status.ok() && settings.stride < 1) status.invalid("stride is at least 1");
}

inline void* createWindow(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<WindowSettings>();
  readSettings(construction, *settings, status);
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

inline void removeWindow(void* settings) { delete static_cast<WindowSettings*>(settings); }

}  // namespace graft

#endif  // GRAFT_KERNELS_WINDOW_SETTINGS_H_
