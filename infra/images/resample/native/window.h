// The rows of a JPEG that are in colours: no more than some rows of the result are made of, so that they stay in the
// cache.
#ifndef GRAFT_RESAMPLE_WINDOW_H_
#define GRAFT_RESAMPLE_WINDOW_H_

#include <cstdint>
#include <cstring>

#include "passes.h"
#include "planes.h"

namespace graft {

class Window {
 public:
  Window(const Planes& planes, const Picture& picture, uint8_t* rows, int16_t* const sums[2])
      : planes_(planes), picture_(picture), rows_(rows), sums_{sums[0], sums[1]} {}

  // Asked for rows of the result from the top to the bottom.
  Source operator()(int64_t first, int64_t last) {
    const int64_t from = rowOf(first), behind = rowOf(last) + picture_.rows.taps;
    const int64_t until = behind < planes_.height ? behind : planes_.height;
    if (from < ready_) {
      memmove(rows_, rows_ + (from - held_) * picture_.rowBytes, (ready_ - from) * picture_.rowBytes);
    } else {
      ready_ = from;
    }
    held_ = from;
    for (; ready_ < until; ++ready_) {
      rowOfColours(planes_, ready_, sums_, rows_ + (ready_ - held_) * picture_.rowBytes, picture_.channelStep);
    }
    return {rows_, held_ * picture_.rowBytes};
  }

 private:
  int64_t rowOf(int64_t resultRow) const { return picture_.rows.entry(resultRow).offset() / picture_.rowBytes; }

  const Planes& planes_;
  const Picture& picture_;
  uint8_t* rows_;
  int16_t* const sums_[2];
  // The first row of the picture that is in `rows_`, and the first behind those that are.
  int64_t held_ = 0;
  int64_t ready_ = 0;
};

}  // namespace graft

#endif  // GRAFT_RESAMPLE_WINDOW_H_
