// Squares of a matrix turned within registers.
#ifndef GRAFT_KERNELS_TURNED_H_
#define GRAFT_KERNELS_TURNED_H_

#include "lanes.h"

namespace graft {

// The first or the second half of two registers whose floats take turns.
template <bool Second>
inline __attribute__((always_inline)) Register interleaved(Register a, Register b) {
  typedef int32_t Places __attribute__((vector_size(kLanes * sizeof(int32_t))));
  Places places{};
  for (int i = 0; i < kLanes; ++i) places[i] = i / 2 + (Second ? kLanes / 2 : 0) + (i % 2) * kLanes;
#if defined(__clang__)
  Register result{};
  for (int i = 0; i < kLanes; ++i) result[i] = places[i] < kLanes ? a[places[i]] : b[places[i] - kLanes];
  return result;
#else
  typedef float Whole __attribute__((vector_size(kLanes * sizeof(float))));
  return __builtin_shuffle(Whole(a), Whole(b), places);
#endif
}

// to[j · toStride + i] = from[i · fromStride + j] for i and j within a register: the rows of one half with those of the other in
// turns, as often as a register can be halved.
inline __attribute__((always_inline)) void turnSquare(const float* from, int64_t fromStride, float* to,
                                                      int64_t toStride) {
  Register rows[kLanes], next[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) rows[i] = at<kLanes>(from + i * fromStride);
#pragma GCC unroll 4
  for (int width = kLanes; width > 1; width /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = interleaved<false>(rows[i], rows[i + kLanes / 2]);
      next[2 * i + 1] = interleaved<true>(rows[i], rows[i + kLanes / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) rows[i] = next[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) at<kLanes>(to + i * toStride) = rows[i];
}

}  // namespace graft

#endif  // GRAFT_KERNELS_TURNED_H_
