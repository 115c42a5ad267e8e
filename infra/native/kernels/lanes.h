// Vectors of neighbouring floats.
#ifndef GRAFT_KERNELS_LANES_H_
#define GRAFT_KERNELS_LANES_H_

namespace graft {

// Compilers split a vector where the processor's are shorter.
template <int Width>
struct Vector {
  typedef float type __attribute__((vector_size(Width * sizeof(float)), aligned(sizeof(float)), may_alias));
};
template <>
struct Vector<1> {
  typedef float type;
};
template <int Width>
using Lanes = typename Vector<Width>::type;

// The floats of one of the processor's registers.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
using Register = Lanes<kLanes>;

template <int Width>
inline const Lanes<Width>& at(const float* memory) {
  return *reinterpret_cast<const Lanes<Width>*>(memory);
}
template <int Width>
inline Lanes<Width>& at(float* memory) {
  return *reinterpret_cast<Lanes<Width>*>(memory);
}

}  // namespace graft

#endif  // GRAFT_KERNELS_LANES_H_
