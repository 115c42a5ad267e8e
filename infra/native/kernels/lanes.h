// Vectors of neighbouring floats.
#ifndef GRAFT_KERNELS_LANES_H_
#define GRAFT_KERNELS_LANES_H_

#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "scratch.h"

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

// The same value, in a register from here on: compilers read it anew from memory for each use, where they may.
template <class V>
inline __attribute__((always_inline)) V held(V value) {
#if defined(__x86_64__)
  asm("" : "+v"(value));
#elif defined(__aarch64__)
  asm("" : "+w"(value));
#endif
  return value;
}

// Scratch memory for a vector.
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(Scratch::take(count * sizeof(T))); }
  void deallocate(T* memory, size_t) { Scratch::give(memory); }
  friend bool operator==(const LineAllocator&, const LineAllocator&) { return true; }
  friend bool operator!=(const LineAllocator&, const LineAllocator&) { return false; }
};
using Floats = std::vector<float, LineAllocator<float>>;

// The same, with nothing in it yet.
struct LineDelete {
  void operator()(float* memory) const { Scratch::give(memory); }
};
using FloatArray = std::unique_ptr<float[], LineDelete>;
inline FloatArray floats(int64_t count) {
  return FloatArray(static_cast<float*>(Scratch::take(count * sizeof(float))));
}

// Processors fetch ahead by themselves to the end of a page of 4 KiB, and so hardly from memory: a third of what comes when
// asked for this many floats before they are wanted.
constexpr int64_t kAhead = 2048;

// Asks for the line of what is read so much later, into the second cache.
inline void fetchAhead(const float* from) { __builtin_prefetch(from + kAhead, 0, 2); }

// Calls `body` with a width and the channel it begins at: a register of channels at once, then eight, then one.
template <class Body>
inline void overChannels(int64_t channels, const Body& body) {
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) body(std::integral_constant<int, kLanes>(), c);
  for (; kLanes > 8 && c + 8 <= channels; c += 8) body(std::integral_constant<int, 8>(), c);
  for (; c < channels; ++c) body(std::integral_constant<int, 1>(), c);
}

}  // namespace graft

#endif  // GRAFT_KERNELS_LANES_H_
