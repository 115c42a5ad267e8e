// What the operations of a dense convolution in a step whose batch goes through in parts have in common.
#ifndef GRAFT_KERNELS_SETTINGS_OF_PARTS_H_
#define GRAFT_KERNELS_SETTINGS_OF_PARTS_H_

#include <memory>

#include "batch-norm-math.h"
#include "kernel.h"

namespace graft {

// Activations of the BatchNorm before the convolution, and of the one behind it; whether its input is behind a ReLU.
struct PartSettings {
  Activation before = Activation::kLinear, activation = Activation::kLinear;
  bool activated = false;
};

template <bool Before, bool Behind>
void* createPart(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<PartSettings>();
  if (Before) readActivation(construction, "before", settings->before, status);
  if (Behind) readActivation(construction, "activation", settings->activation, status);
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

inline void removePart(void* settings) { delete static_cast<PartSettings*>(settings); }

inline void partShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}
template <bool Before>
void partGradientShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  shapeAs(context, 8, 0, status);
  shapeAs(context, 9, 1, status);
  if (Before) shapeAs(context, 10, 2, status);
  if (Before) shapeAs(context, 10, 3, status);
}

// Four operations: with the BatchNorm behind the convolution, with the one before it too; and the gradients of both.
struct Parts {
  using Compute = void (*)(void*, TF_OpKernelContext*);
  const char* moments;
  Compute forward;
  const char* normMoments;
  Compute normForward;
  const char* normGrad;
  Compute gradient;
  const char* normNormGrad;
  Compute normGradient;
};

inline bool addParts(const Parts& parts) {
  return add({parts.moments, {"x: float", "kernel: float"},
              {"y: float", "moments_mean: float", "moments_spread: float"}, {}, createPart<false, false>, parts.forward,
              removePart, partShapes}) &&
         add({parts.normMoments,
              {"x: float", "gamma: float", "beta: float", "mean: float", "inverse: float", "kernel: float"},
              {"y: float", "moments_mean: float", "moments_spread: float"}, {"before: int"}, createPart<true, false>,
              parts.normForward, removePart, partShapes}) &&
         add({parts.normGrad,
              {"dy: float", "y: float", "gamma: float", "beta: float", "mean: float", "inverse: float",
               "offset: float", "slope: float", "x: float", "kernel: float"},
              {"dx: float", "dkernel: float"}, {"activation: int"}, createPart<false, true>, parts.gradient,
              removePart, partGradientShapes<false>}) &&
         add({parts.normNormGrad,
              {"dy: float", "y: float", "gamma: float", "beta: float", "mean: float", "inverse: float",
               "offset: float", "slope: float", "x: float", "kernel: float", "gamma_before: float",
               "beta_before: float", "mean_before: float", "inverse_before: float"},
              {"dx: float", "dkernel: float", "sum: float", "product: float"}, {"before: int", "activation: int"},
              createPart<true, true>, parts.normGradient, removePart, partGradientShapes<true>});
}

}  // namespace graft

#endif  // GRAFT_KERNELS_SETTINGS_OF_PARTS_H_
