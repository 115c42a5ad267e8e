// What an operation written against TensorFlow's C API needs again and again (tensorflow/c/kernels.h, tensorflow/c/ops.h).
#ifndef GRAFT_KERNELS_KERNEL_H_
#define GRAFT_KERNELS_KERNEL_H_

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <vector>

#include "kernel-api.h"

namespace graft {

using Shape = std::vector<int64_t>;

class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  TF_Status* get() { return status_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }
  void invalid(const char* what) { TF_SetStatus(status_, TF_INVALID_ARGUMENT, what); }

 private:
  TF_Status* status_;
};

// A tensor of a running kernel; gives its reference back.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(TF_Tensor* tensor) : tensor_(tensor), data_(tensor == nullptr ? nullptr : TF_TensorData(tensor)) {}
  Tensor(Tensor&& other) noexcept : tensor_(other.tensor_), data_(other.data_) { other.tensor_ = nullptr; }
  Tensor& operator=(Tensor&&) = delete;
  ~Tensor() {
    if (tensor_ != nullptr) TF_DeleteTensor(tensor_);
  }
  float* floats() const { return static_cast<float*>(data_); }
  const int32_t* ints() const { return static_cast<const int32_t*>(data_); }
  int rank() const { return TF_NumDims(tensor_); }
  int64_t dim(int axis) const { return TF_Dim(tensor_, axis); }
  int64_t size() const { return TF_TensorElementCount(tensor_); }
  Shape shape() const {
    Shape shape(rank());
    for (int axis = 0; axis < rank(); ++axis) shape[axis] = dim(axis);
    return shape;
  }

 private:
  TF_Tensor* tensor_ = nullptr;
  // Asked for once: TensorFlow takes longer to answer than a channel's sums take.
  void* data_ = nullptr;
};

inline Tensor input(TF_OpKernelContext* context, int index, Status& status) {
  TF_Tensor* tensor = nullptr;
  TF_GetInput(context, index, &tensor, status.get());
  return Tensor(tensor);
}

inline Tensor output(TF_OpKernelContext* context, int index, const Shape& shape, Status& status) {
  int64_t size = 1;
  for (const int64_t side : shape) size *= side;
  return Tensor(TF_AllocateOutput(context, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()),
                                  static_cast<size_t>(size) * sizeof(float), status.get()));
}

// Whether x is pictures [n, h, w, in], not empty, and kernel a dense one [side, side, in, out] for them.
inline bool isDense(const Tensor& x, const Tensor& kernel, int64_t side) {
  return x.rank() == 4 && x.size() > 0 && kernel.rank() == 4 && kernel.size() > 0 && kernel.dim(0) == side &&
         kernel.dim(1) == side && kernel.dim(2) == x.dim(3);
}

// The memory of input `from`, for an output shaped as input `like`, where nobody else reads it any more; new memory
// otherwise. To be asked for before that input is taken: TensorFlow gives away only what has one owner.
inline Tensor outputOver(TF_OpKernelContext* context, int from, int index, int like, Status& status) {
  const Shape shape = input(context, like, status).shape();
  if (!status.ok()) return Tensor();
  int forwarded = -1;
  return Tensor(TF_ForwardInputOrAllocateOutput(context, &from, 1, index, shape.data(), static_cast<int>(shape.size()),
                                                &forwarded, status.get()));
}

struct Operation {
  const char* name;
  std::initializer_list<const char*> inputs;
  std::initializer_list<const char*> outputs;
  std::initializer_list<const char*> attributes;
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*remove)(void*);
  void (*shapes)(TF_ShapeInferenceContext*, TF_Status*);
};

// Makes the operation known to this process, with a kernel for the CPU. False, with a word on stderr, where it can't be.
inline bool add(const Operation& operation) {
  Status status;
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(operation.name);
  for (const char* each : operation.inputs) TF_OpDefinitionBuilderAddInput(definition, each);
  for (const char* each : operation.outputs) TF_OpDefinitionBuilderAddOutput(definition, each);
  for (const char* each : operation.attributes) TF_OpDefinitionBuilderAddAttr(definition, each);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, operation.shapes);
  TF_RegisterOpDefinition(definition, status.get());
  if (status.ok()) {
    TF_KernelBuilder* kernel =
        TF_NewKernelBuilder(operation.name, "CPU", operation.create, operation.compute, operation.remove);
    TF_RegisterKernelBuilder(operation.name, kernel, status.get());
  }
  if (!status.ok()) std::fprintf(stderr, "%s: %s\n", operation.name, TF_Message(status.get()));
  return status.ok();
}

// Shape function: output `to` is shaped as input `from`.
inline void shapeAs(TF_ShapeInferenceContext* context, int from, int to, TF_Status* status) {
  TF_ShapeHandle* shape = TF_NewShapeHandle();
  TF_ShapeInferenceContextGetInput(context, from, shape, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, to, shape, status);
  TF_DeleteShapeHandle(shape);
}

}  // namespace graft

#endif  // GRAFT_KERNELS_KERNEL_H_
