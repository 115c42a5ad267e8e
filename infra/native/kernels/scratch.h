// Memory that a kernel needs while it runs. Each thread keeps what its kernels gave back: the next one finds it in that core's
// cache, where malloc, which two threads share, would hand out other lines, cold ones, and search for them.
#ifndef GRAFT_KERNELS_SCRATCH_H_
#define GRAFT_KERNELS_SCRATCH_H_

#include <cstddef>
#include <cstdint>
#include <new>

namespace graft {

// Memory begins with a line of the cache, so that registers of channels are read from one line each, not from two.
constexpr std::align_val_t kLine{64};

class Scratch {
 public:
  static void* take(size_t bytes) { return ofThread().takeFrom(classOf(bytes)); }
  static void give(void* memory) { ofThread().giveTo(static_cast<Head*>(memory) - 1); }

  ~Scratch() {
    for (Head*& first : free_) {
      while (first != nullptr) release(first);
    }
  }

 private:
  // In front of what is lent, a line of its own.
  struct alignas(static_cast<size_t>(kLine)) Head {
    Head* next;
    int sizeClass;
  };

  // Four sizes to each doubling, from one line to 4 GiB: at most a fifth lies idle.
  static constexpr size_t kSmallest = static_cast<size_t>(kLine);
  static constexpr int kSteps = 4, kClasses = 26 * kSteps;
  // What a thread keeps at most; a kernel's needs are far below.
  static constexpr size_t kMostBytes = size_t{32} << 20;

  Head* free_[kClasses] = {};
  size_t held_ = 0;

  static Scratch& ofThread() {
    static thread_local Scratch scratch;
    return scratch;
  }

  static constexpr size_t bytesOf(int sizeClass) {
    return (kSmallest * (kSteps + sizeClass % kSteps) / kSteps) << (sizeClass / kSteps);
  }

  static int classOf(size_t bytes) {
    int sizeClass = 0;
    if (bytes > kSmallest) sizeClass = (63 - __builtin_clzll((bytes - 1) / kSmallest)) * kSteps;
    while (bytesOf(sizeClass) < bytes) ++sizeClass;
    return sizeClass;
  }

  void* takeFrom(int sizeClass) {
    if (sizeClass >= kClasses) throw std::bad_alloc();
    Head* head = free_[sizeClass];
    if (head == nullptr) {
      head = new (::operator new(sizeof(Head) + bytesOf(sizeClass), kLine)) Head{nullptr, sizeClass};
    } else {
      free_[sizeClass] = head->next;
      held_ -= bytesOf(sizeClass);
    }
    return head + 1;
  }

  void giveTo(Head* head) {
    const size_t bytes = bytesOf(head->sizeClass);
    head->next = free_[head->sizeClass];
    free_[head->sizeClass] = head;
    held_ += bytes;
    if (held_ > kMostBytes) release(free_[head->sizeClass]);
  }

  void release(Head*& first) {
    Head* head = first;
    first = head->next;
    held_ -= bytesOf(head->sizeClass);
    ::operator delete(head, kLine);
  }
};

}  // namespace graft

#endif  // GRAFT_KERNELS_SCRATCH_H_
