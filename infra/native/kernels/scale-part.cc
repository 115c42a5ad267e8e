// The first layers of a step whose batch goes through in parts: a part of the pictures, with a factor and an offset a channel,
// in one pass over memory.

#include <algorithm>
#include <memory>

#include "kernel.h"
#include "lanes.h"
#include "operations.h"

namespace graft {
namespace {

// The rows of the part, counted along the first axis.
struct Settings {
  int32_t begin = 0, rows = 0;
};

void* create(TF_OpKernelConstruction* construction) {
  Status status;
  auto settings = std::make_unique<Settings>();
  TF_OpKernelConstruction_GetAttrInt32(construction, "begin", &settings->begin, status.get());
  if (status.ok()) TF_OpKernelConstruction_GetAttrInt32(construction, "rows", &settings->rows, status.get());
  if (status.ok() && (settings->begin < 0 || settings->rows < 0)) status.invalid("a part begins at a row and has rows");
  if (status.ok()) return settings.release();
  TF_OpKernelConstruction_Failure(construction, status.get());
  return nullptr;
}

void remove(void* settings) { delete static_cast<Settings*>(settings); }

// A value for each channel, as often as it takes for registers to begin with every channel.
Floats repeated(const Tensor& vector, int64_t count) {
  const int64_t channels = vector.size();
  Floats all(count);
  for (int64_t i = 0; i < count; ++i) all[i] = vector.floats()[i % channels];
  return all;
}

// Inputs x, factor, offset → rows of x · factor + offset.
void scale(void* data, TF_OpKernelContext* context) {
  const Settings& settings = *static_cast<const Settings*>(data);
  Status status;
  const Tensor x = input(context, 0, status), factor = input(context, 1, status), offset = input(context, 2, status);
  if (status.ok() && (x.rank() < 2 || factor.size() < 1 || factor.size() != x.dim(x.rank() - 1) ||
                      offset.size() != factor.size() || settings.begin + settings.rows > x.dim(0))) {
    status.invalid("rows of x with a factor and an offset for each of its last axis, and a part that lies within them");
  }
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  Shape shape = x.shape();
  const int64_t row = shape[0] == 0 ? 0 : x.size() / shape[0];
  shape[0] = settings.rows;
  const Tensor y = output(context, 0, shape, status);
  if (!status.ok()) return TF_OpKernelContext_Failure(context, status.get());
  const int64_t wide = factor.size() * kLanes, size = settings.rows * row;
  const Floats factors = repeated(factor, wide), offsets = repeated(offset, wide);
  const float* from = x.floats() + settings.begin * row;
  for (int64_t begin = 0; begin < size; begin += wide) {
    overChannels(std::min(wide, size - begin), [&](auto width, int64_t c) {
      constexpr int W = decltype(width)::value;
      fetchAhead(from + begin + c);
      at<W>(y.floats() + begin + c) = at<W>(from + begin + c) * at<W>(factors.data() + c) + at<W>(offsets.data() + c);
    });
  }
}

void unknown(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

}  // namespace

bool addScalePart() {
  return add({"GraftScalePart", {"x: float", "factor: float", "offset: float"}, {"y: float"},
              {"begin: int", "rows: int"}, create, scale, remove, unknown});
}

}  // namespace graft
