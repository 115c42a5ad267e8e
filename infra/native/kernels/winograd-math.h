// Convolutions with 3 × 3 kernels by Winograd's algorithm (Lavin and Gray 1509.09308): 4 × 4 pixels at once come from 6 × 6,
// by 36 multiplications a channel where 144 are there. y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A, and of it as it stands the gradient to
// the kernel, Gᵀ [(A dy Aᵀ) ⊙ (Bᵀ d B)] G.
//
// The points are 0, ±3/4, ±3/2 and ∞: rounding errs half as much as with the usual 0, ±1, ±2 (6.8e-7 of what comes out to
// 1.4e-6, 64 channels; Barabasz et al. 1803.10986 show why points near 1 do better), and all of A and B are exact.
#ifndef GRAFT_KERNELS_WINOGRAD_MATH_H_
#define GRAFT_KERNELS_WINOGRAD_MATH_H_

#include "lanes.h"

namespace graft {

constexpr int kTilePx = 4, kWindowPx = 6, kKernelPx = 3, kPositions = kWindowPx * kWindowPx;

constexpr float kNear = 0.75f, kFar = 1.5f, kNear2 = kNear * kNear, kFar2 = kFar * kFar;
// What Lagrange's polynomials are divided by: on the kernel's side, where it costs least.
constexpr float kAtZero = 1 / (kNear2 * kFar2), kAtNear = 1 / (2 * kNear2 * (kNear2 - kFar2)),
                kAtFar = 1 / (2 * kFar2 * (kFar2 - kNear2));

// Bᵀ d.
struct OfInput {
  static constexpr int kFrom = kWindowPx, kTo = kWindowPx;
  template <class V>
  static inline __attribute__((always_inline)) void apply(const V (&d)[kFrom], V (&to)[kTo]) {
    const V near = d[4] - kFar2 * d[2], nearOdd = kNear * (d[3] - kFar2 * d[1]);
    const V far = d[4] - kNear2 * d[2], farOdd = kFar * (d[3] - kNear2 * d[1]);
    to[0] = d[4] - (kNear2 + kFar2) * d[2] + (kNear2 * kFar2) * d[0];
    to[1] = near + nearOdd;
    to[2] = near - nearOdd;
    to[3] = far + farOdd;
    to[4] = far - farOdd;
    to[5] = d[5] - (kNear2 + kFar2) * d[3] + (kNear2 * kFar2) * d[1];
  }
};

// Aᵀ m.
struct ToOutput {
  static constexpr int kFrom = kWindowPx, kTo = kTilePx;
  template <class V>
  static inline __attribute__((always_inline)) void apply(const V (&m)[kFrom], V (&to)[kTo]) {
    const V near = m[1] + m[2], nearOdd = m[1] - m[2], far = m[3] + m[4], farOdd = m[3] - m[4];
    to[0] = m[0] + near + far;
    to[1] = kNear * nearOdd + kFar * farOdd;
    to[2] = kNear2 * near + kFar2 * far;
    to[3] = (kNear2 * kNear) * nearOdd + (kFar2 * kFar) * farOdd + m[5];
  }
};

// A dy.
struct OfGradient {
  static constexpr int kFrom = kTilePx, kTo = kWindowPx;
  template <class V>
  static inline __attribute__((always_inline)) void apply(const V (&dy)[kFrom], V (&to)[kTo]) {
    const V near = dy[0] + kNear2 * dy[2], nearOdd = kNear * (dy[1] + kNear2 * dy[3]);
    const V far = dy[0] + kFar2 * dy[2], farOdd = kFar * (dy[1] + kFar2 * dy[3]);
    to[0] = dy[0];
    to[1] = near + nearOdd;
    to[2] = near - nearOdd;
    to[3] = far + farOdd;
    to[4] = far - farOdd;
    to[5] = dy[3];
  }
};

// G g.
struct OfKernel {
  static constexpr int kFrom = kKernelPx, kTo = kWindowPx;
  template <class V>
  static inline __attribute__((always_inline)) void apply(const V (&g)[kFrom], V (&to)[kTo]) {
    const V near = kAtNear * (g[0] + kNear2 * g[2]), nearOdd = (kAtNear * kNear) * g[1];
    const V far = kAtFar * (g[0] + kFar2 * g[2]), farOdd = (kAtFar * kFar) * g[1];
    to[0] = kAtZero * g[0];
    to[1] = near + nearOdd;
    to[2] = near - nearOdd;
    to[3] = far + farOdd;
    to[4] = far - farOdd;
    to[5] = g[2];
  }
};

// Gᵀ m.
struct ToKernel {
  static constexpr int kFrom = kWindowPx, kTo = kKernelPx;
  template <class V>
  static inline __attribute__((always_inline)) void apply(const V (&m)[kFrom], V (&to)[kTo]) {
    const V near = kAtNear * (m[1] + m[2]), far = kAtFar * (m[3] + m[4]);
    to[0] = kAtZero * m[0] + near + far;
    to[1] = (kAtNear * kNear) * (m[1] - m[2]) + (kAtFar * kFar) * (m[3] - m[4]);
    to[2] = kNear2 * near + kFar2 * far + m[5];
  }
};

// Both ways of a square: `load(row, column)` gives Lanes<W> of it, `store(row, column, lanes)` takes what it becomes.
template <class Transform, int W, class Load, class Store>
inline __attribute__((always_inline)) void bothWays(const Load& load, const Store& store) {
  constexpr int From = Transform::kFrom, To = Transform::kTo;
  Lanes<W> half[To][From];
#pragma GCC unroll 6
  for (int column = 0; column < From; ++column) {
    Lanes<W> from[From], to[To];
#pragma GCC unroll 6
    for (int row = 0; row < From; ++row) from[row] = load(row, column);
    Transform::apply(from, to);
#pragma GCC unroll 6
    for (int row = 0; row < To; ++row) half[row][column] = to[row];
  }
#pragma GCC unroll 6
  for (int row = 0; row < To; ++row) {
    Lanes<W> to[To];
    Transform::apply(half[row], to);
#pragma GCC unroll 6
    for (int column = 0; column < To; ++column) store(row, column, to[column]);
  }
}

}  // namespace graft

#endif  // GRAFT_KERNELS_WINOGRAD_MATH_H_
