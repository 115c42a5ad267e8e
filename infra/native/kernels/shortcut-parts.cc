// Where a shortcut is added to what a block's last BatchNorm gives, in a step whose batch goes through in parts: one pass over
// memory forth and one back, where separate operations make seven and eight.

#include <cstring>
#include <memory>

#include "batch-norm-math.h"
#include "kernel.h"
#include "operations.h"
#include "shortcut-math.h"

namespace graft {
namespace {

struct Settings {
  Activation activation = Activation::kLinear;
  int32_t gradients = 1, activated = 0;
};

void* createForward(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<Settings>();
  readActivation(construction, "activation", settings->activation, status);
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

void* createBackward(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<Settings>();
  TF_OpKernelConstruction_GetAttrInt32(construction, "gradients_count", &settings->gradients, status.get());
  if (status.ok()) {
    TF_OpKernelConstruction_GetAttrInt32(construction, "activated_count", &settings->activated, status.get());
  }
  if (status.ok() && (settings->gradients < 1 || settings->gradients > 2 || settings->activated > 1)) {
    status.invalid("one gradient or two, and one tensor behind an activation at most");
  }
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

void remove(void* settings) { delete static_cast<Settings*>(settings); }

constexpr const char* kShapes = "parts are [..., channels] and alike, the others vectors [channels]";

// x, gamma, beta, mean, inverse, shortcut → activation(BatchNorm(x) + shortcut).
void forward(void* data, TF_OpKernelContext* context) {
  Status status;
  const Tensor x = input(context, 0, status), gamma = input(context, 1, status), beta = input(context, 2, status);
  const Tensor mean = input(context, 3, status), inverse = input(context, 4, status);
  const Tensor shortcut = input(context, 5, status);
  const int64_t channels = status.ok() ? gamma.size() : 0;
  if (status.ok() && (x.rank() < 2 || x.dim(x.rank() - 1) != channels || shortcut.shape() != x.shape() ||
                      beta.size() != channels || mean.size() != channels || inverse.size() != channels)) {
    status.invalid(kShapes);
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor y = output(context, 0, x.shape(), status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Floats scale = scaleOf(gamma.floats(), inverse.floats(), channels);
  addShortcut(static_cast<const Settings*>(data)->activation, x.floats(), shortcut.floats(), x.size() / channels, channels,
              mean.floats(), scale.data(), beta.floats(), y.floats());
}

// One gradient or two, what is behind the ReLU if there is one, x, mean → dz, its sums and those of it times x − mean.
void backward(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  const bool two = settings.gradients == 2, isActivated = settings.activated == 1;
  Status status;
  const int after = settings.gradients + settings.activated;
  const Tensor dz = outputOver(context, 0, 0, after, status);
  const Tensor first = input(context, 0, status), second = input(context, two ? 1 : 0, status);
  const Tensor behind = input(context, isActivated ? settings.gradients : 0, status);
  const Tensor x = input(context, after, status), mean = input(context, after + 1, status);
  const int64_t channels = status.ok() ? mean.size() : 0;
  if (status.ok() && (x.rank() < 2 || x.size() == 0 || x.dim(x.rank() - 1) != channels || first.shape() != x.shape() ||
                      second.shape() != x.shape() || behind.shape() != x.shape())) {
    status.invalid(kShapes);
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const Tensor sum = output(context, 1, {channels}, status), product = output(context, 2, {channels}, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const auto run = two ? (isActivated ? sumPassed<true, true> : sumPassed<true, false>)
                       : (isActivated ? sumPassed<false, true> : sumPassed<false, false>);
  const Blocks blocks(x.size() / channels, channels);
  const auto [sums, products] = blockSums(blocks, [&](int64_t begin, int64_t rows, float* someSum, float* someProduct) {
    const int64_t at = begin * channels;
    run(first.floats() + at, second.floats() + at, behind.floats() + at, x.floats() + at, mean.floats(), rows, channels,
        dz.floats() + at, someSum, someProduct);
  });
  for (int64_t c = 0; c < channels; ++c) {
    sum.floats()[c] = static_cast<float>(sums[c]);
    product.floats()[c] = static_cast<float>(products[c]);
  }
}

void likeFirst(TF_ShapeInferenceContext* context, TF_Status* status) { shapeAs(context, 0, 0, status); }
void gradientShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  shapeAs(context, 0, 0, status);
  for (int index = 1; index < 3; ++index) TF_ShapeInferenceContextSetUnknownShape(context, status);
}

}  // namespace

bool addShortcutParts() {
  return add({"GraftShortcutAdd",
              {"x: float", "gamma: float", "beta: float", "mean: float", "inverse: float", "shortcut: float"},
              {"y: float"}, {"activation: int"}, createForward, forward, remove, likeFirst}) &&
         add({"GraftShortcutGradSums",
              {"gradients: gradients_count * float", "activated: activated_count * float", "x: float", "mean: float"},
              {"dz: float", "sum: float", "product: float"}, {"gradients_count: int >= 1", "activated_count: int >= 0"},
              createBackward, backward, remove, gradientShapes});
}

}  // namespace graft
