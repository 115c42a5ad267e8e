// What is read next is asked for while sums are being computed: they leave the memory idle, and what only reads and writes,
// such as BatchNorm of the rows that come next, would wait for it.
#ifndef GRAFT_KERNELS_AHEAD_H_
#define GRAFT_KERNELS_AHEAD_H_

#include <algorithm>
#include <cstdint>

#include "lanes.h"

namespace graft {

constexpr int64_t kLineBytes = 64;

// Lines asked for in each of the steps of a sum: `lines` of them, each step `step` bytes behind the one before it.
struct Asked {
  const char* at;
  int64_t step;
  int lines;

  // The rows behind those that a tile of so many rows is made of.
  static Asked behind(const float* rows, int count) {
    return {reinterpret_cast<const char*>(rows + kAhead), count * static_cast<int64_t>(sizeof(float)), 1};
  }

  inline __attribute__((always_inline)) void ask() {
    for (int i = 0; i < lines; ++i) __builtin_prefetch(at + i * kLineBytes, 0, 2);
    at += step;
  }
};

// Up to three stretches of memory, as much of them as the second cache has room for beside the sums.
class Ahead {
 public:
  void want(const float* from, int64_t floats) {
    const int64_t bytes = std::min(floats * static_cast<int64_t>(sizeof(float)), kRoom - wanted_);
    if (bytes <= 0 || count_ == kMost) return;
    stretches_[count_++] = {reinterpret_cast<const char*>(from), bytes};
    wanted_ += bytes;
  }

  // Spreads what is wanted over so many steps.
  void spread(int64_t steps) {
    step_ = (wanted_ + steps - 1) / std::max<int64_t>(steps, 1);
    lines_ = static_cast<int>((step_ + kLineBytes - 1) / kLineBytes);
  }

  // What is to be asked for in the next steps.
  Asked take(int64_t steps) {
    while (current_ < count_ && done_ >= stretches_[current_].bytes) ++current_, done_ = 0;
    if (current_ == count_) return {nullptr, 0, 0};
    const Asked asked{stretches_[current_].at + done_, step_, lines_};
    done_ += steps * step_;
    return asked;
  }

 private:
  static constexpr int64_t kRoom = 384 * 1024;
  static constexpr int kMost = 3;
  struct Stretch {
    const char* at;
    int64_t bytes;
  };
  Stretch stretches_[kMost];
  int count_ = 0, current_ = 0, lines_ = 0;
  int64_t wanted_ = 0, step_ = 0, done_ = 0;
};

}  // namespace graft

#endif  // GRAFT_KERNELS_AHEAD_H_
