// Threads for the kernels of this folder: TensorFlow's C API lends a kernel none of its own.
#ifndef GRAFT_KERNELS_POOL_H_
#define GRAFT_KERNELS_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace graft {

// As many threads as TensorFlow's operations have (TF_NUM_INTRAOP_THREADS). What a piece of work is never hangs on how
// many there are, so results do not either. Only one operation has them at a time: another one meanwhile works alone,
// on the thread that TensorFlow gave it.
class Pool {
 public:
  static Pool& get() {
    static Pool* pool = new Pool();  // Never freed: its threads end with the process.
    return *pool;
  }

  // How many work at once, the caller among them.
  int threads() const { return helpers_ + 1; }

  // Calls `work(i)` once for every i in [0, count), in any order, and returns when all are done.
  template <class Work>
  void run(int count, const Work& work) {
    std::unique_lock<std::mutex> mine(busy_, std::try_to_lock);
    if (!mine.owns_lock() || helpers_ == 0 || count < 2) {
      for (int i = 0; i < count; ++i) work(i);
      return;
    }
    Job job;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      job_.call = [](const void* what, int i) { (*static_cast<const Work*>(what))(i); };
      job_.what = &work;
      job_.count = count;
      job_.round += 1;
      job = job_;
      done_.store(0, std::memory_order_relaxed);
      next_.store(ticket(job.round, 0), std::memory_order_relaxed);
      round_.store(job.round, std::memory_order_release);
    }
    wake_.notify_all();
    take(job);
    for (int spins = 0; done_.load(std::memory_order_acquire) < count; ++spins) {
      if (spins < kSpins) {
        pause();
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  static constexpr int kSpins = 4000;

  struct Job {
    void (*call)(const void*, int) = nullptr;
    const void* what = nullptr;
    int count = 0;
    uint32_t round = 0;
  };

  static uint64_t ticket(uint32_t round, uint32_t index) { return (uint64_t{round} << 32) | index; }

  Pool() {
    const char* named = std::getenv("TF_NUM_INTRAOP_THREADS");
    const int threads = named != nullptr ? std::atoi(named) : 0;
    const int all = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
    helpers_ = all > 1 ? all - 1 : 0;
    for (int i = 0; i < helpers_; ++i) std::thread([this] { help(); }).detach();
  }

  void help() {
    for (uint32_t seen = 0;;) {
      for (int spins = 0; spins < kSpins && round_.load(std::memory_order_acquire) == seen; ++spins) pause();
      Job job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return job_.round != seen; });
        job = job_;
      }
      seen = job.round;
      take(job);
    }
  }

  // Tickets bear their round's number: whoever comes late finds none left, and never touches what is gone by then.
  void take(const Job& job) {
    uint64_t next = next_.load(std::memory_order_acquire);
    while (next >> 32 == job.round && static_cast<uint32_t>(next) < static_cast<uint32_t>(job.count)) {
      if (!next_.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel)) continue;
      job.call(job.what, static_cast<int>(static_cast<uint32_t>(next)));
      done_.fetch_add(1, std::memory_order_acq_rel);
      next = next_.load(std::memory_order_acquire);
    }
  }

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  int helpers_ = 0;
  std::mutex busy_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Job job_;
  std::atomic<uint32_t> round_{0};
  std::atomic<uint64_t> next_{0};
  std::atomic<int> done_{0};
};

}  // namespace graft

#endif  // GRAFT_KERNELS_POOL_H_
