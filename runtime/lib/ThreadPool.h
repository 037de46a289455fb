// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Fork and join for kernels: one call is one phase of one kernel.
#ifndef TEGULA_RUNTIME_THREADPOOL_H
#define TEGULA_RUNTIME_THREADPOOL_H

#include "Memory.h"
#include "tegula/model.h"
#include <atomic>
#include <pthread.h>
#include <sys/types.h>

namespace tegula {

/// CPUs that this process may use.
int32_t availableCpuCount();

/// Threads that many contexts can use at once. A job sits in a slot; workers join open slots and take indices until
/// none is left. The caller takes indices like a worker and can finish a job alone, so neither busy nor absent
/// workers (after a fork) can block it.
class ThreadPool {
public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;
  ~ThreadPool();

  /// Starts `threadCount - 1` workers. False when the system refuses.
  bool start(int32_t threadCount);
  void parallel(int32_t count, void (*task)(void *, int32_t), void *argument);
  /// Whether each worker would have to be woken first.
  bool isAsleep() const { return static_cast<size_t>(sleeping.load(std::memory_order_relaxed)) == startedCount; }

private:
  // State of a slot: flags, and in the low bits the number of workers inside.
  static constexpr uint32_t slotOwned = 1u << 31;   // a caller prepares or runs a job here
  static constexpr uint32_t slotOpen = 1u << 30;    // workers may join
  static constexpr uint32_t slotAwaited = 1u << 29; // the caller sleeps until the last worker has left
  static constexpr uint32_t slotWorkers = slotAwaited - 1;
  static constexpr int slotCount = 16; // jobs at once; further callers work alone

  struct alignas(64) Slot {
    std::atomic<uint32_t> state{0};
    std::atomic<int32_t> next{0};
    int32_t count = 0;
    void (*task)(void *, int32_t) = nullptr;
    void *argument = nullptr;
  };

  static void *workerMain(void *pool);
  void work();
  bool helpAnywhere();
  static void takeIndices(Slot &slot);
  void leave(Slot &slot);
  void awaitWorkers(Slot &slot);
  Slot *claimSlot();
  bool isAfterFork() const { return markOfCreator && !*markOfCreator; }
  void wake(int32_t count);

  Slot slots[slotCount];
  alignas(64) std::atomic<uint32_t> epoch{0}; // raised with every job, so that idle workers watch one word
  std::atomic<int32_t> sleeping{0};
  std::atomic<bool> stopping{false};
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t jobPosted = PTHREAD_COND_INITIALIZER;
  pthread_cond_t slotEmptied = PTHREAD_COND_INITIALIZER;
  Array<pthread_t> threads;
  size_t startedCount = 0;
  int64_t spinNanoseconds = 0;
  pid_t creator = 0;
  /// A page that reads as zero in the child of a fork, which has the object, but none of the threads, and a mutex that
  /// one of them may hold. Null where the system has no such pages.
  const volatile char *markOfCreator = nullptr;
};

} // namespace tegula

struct tegula_pool {
  std::atomic<int32_t> references{1};
  tegula_pool_functions functions = {};
  tegula::ThreadPool *own = nullptr; // null for an application's pool
  ~tegula_pool() { tegula::destroy(own); }
};

#endif
