// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ThreadPool.h"
#include "Error.h"
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

namespace tegula {

static inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t nanosecondsNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

/// Waits actively until `done()`, at most `limit` nanoseconds; returns whether it is done.
template <typename Condition> static bool spinUntil(Condition done, int64_t limit) {
  if (done())
    return true;
  if (limit <= 0)
    return false;
  int64_t end = nanosecondsNow() + limit;
  do {
    for (int k = 0; k < 32; ++k) {
      if (done())
        return true;
      pause();
    }
  } while (nanosecondsNow() < end);
  return done();
}

int32_t availableCpuCount() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
  long count = sysconf(_SC_NPROCESSORS_ONLN); // more than 1,024 CPUs
  return count > 0 ? static_cast<int32_t>(count) : 1;
}

static constexpr size_t markBytes = 1; // a page

/// A byte that is one here and zero in the child of a fork; null where the system cannot do that (Linux before 4.14).
static const volatile char *markThisProcess() {
  void *page = mmap(nullptr, markBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    return nullptr;
  if (madvise(page, markBytes, MADV_WIPEONFORK) != 0) {
    munmap(page, markBytes);
    return nullptr;
  }
  *static_cast<volatile char *>(page) = 1;
  return static_cast<const volatile char *>(page);
}

bool ThreadPool::start(int32_t threadCount) {
  creator = getpid();
  if (threadCount > 1)
    markOfCreator = markThisProcess();
  // A kernel follows the last one within microseconds, so workers watch for the next a little before they sleep; not
  // where they would take the CPU from each other.
  spinNanoseconds = threadCount <= availableCpuCount() ? 50000 : 0;
  if (!threads.resize(static_cast<size_t>(threadCount - 1)))
    return false;
  // Signals belong to the application's threads.
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  bool started = true;
  for (pthread_t &thread : threads) {
    if (pthread_create(&thread, nullptr, workerMain, this) != 0) {
      started = false;
      break;
    }
    ++startedCount;
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  return started;
}

ThreadPool::~ThreadPool() {
  if (markOfCreator)
    munmap(const_cast<char *>(markOfCreator), markBytes);
  // The child of a fork has the object, but not the threads.
  if (getpid() != creator)
    return;
  stopping.store(true);
  epoch.fetch_add(1);
  pthread_mutex_lock(&mutex);
  pthread_cond_broadcast(&jobPosted);
  pthread_mutex_unlock(&mutex);
  for (size_t k = 0; k < startedCount; ++k)
    pthread_join(threads[k], nullptr);
  pthread_cond_destroy(&slotEmptied);
  pthread_cond_destroy(&jobPosted);
  pthread_mutex_destroy(&mutex);
}

void *ThreadPool::workerMain(void *pool) {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "tegula");
#endif
  static_cast<ThreadPool *>(pool)->work();
  return nullptr;
}

void ThreadPool::work() {
  while (true) {
    uint32_t seen = epoch.load();
    if (stopping.load())
      return;
    if (helpAnywhere())
      continue;
    auto changed = [&] { return epoch.load(std::memory_order_acquire) != seen; };
    if (spinUntil(changed, spinNanoseconds))
      continue;
    // `sleeping` is raised before `epoch` is read again, and a caller raises `epoch` before it reads `sleeping`: one
    // of the two sees the other.
    pthread_mutex_lock(&mutex);
    sleeping.fetch_add(1);
    while (epoch.load() == seen)
      pthread_cond_wait(&jobPosted, &mutex);
    sleeping.fetch_sub(1);
    pthread_mutex_unlock(&mutex);
  }
}

bool ThreadPool::helpAnywhere() {
  bool helped = false;
  for (Slot &slot : slots) {
    uint32_t state = slot.state.load(std::memory_order_relaxed);
    while (state & slotOpen) {
      if (!slot.state.compare_exchange_weak(state, state + 1, std::memory_order_acquire, std::memory_order_relaxed))
        continue;
      // Inside, the job cannot change under us. One whose indices are all taken is still open for a moment.
      helped |= slot.next.load(std::memory_order_relaxed) < slot.count;
      takeIndices(slot);
      leave(slot);
      break;
    }
  }
  return helped;
}

void ThreadPool::takeIndices(Slot &slot) {
  while (true) {
    int32_t index = slot.next.fetch_add(1, std::memory_order_relaxed);
    if (index >= slot.count)
      return;
    slot.task(slot.argument, index);
  }
}

void ThreadPool::leave(Slot &slot) {
  uint32_t state = slot.state.fetch_sub(1, std::memory_order_acq_rel) - 1;
  if ((state & slotAwaited) && (state & slotWorkers) == 0) {
    pthread_mutex_lock(&mutex);
    pthread_cond_broadcast(&slotEmptied);
    pthread_mutex_unlock(&mutex);
  }
}

void ThreadPool::awaitWorkers(Slot &slot) {
  auto empty = [&] { return (slot.state.load(std::memory_order_acquire) & slotWorkers) == 0; };
  if (spinUntil(empty, spinNanoseconds))
    return;
  pthread_mutex_lock(&mutex);
  slot.state.fetch_or(slotAwaited, std::memory_order_acq_rel);
  while (!empty())
    pthread_cond_wait(&slotEmptied, &mutex);
  pthread_mutex_unlock(&mutex);
}

ThreadPool::Slot *ThreadPool::claimSlot() {
  for (Slot &slot : slots) {
    uint32_t free = 0;
    if (slot.state.load(std::memory_order_relaxed) == 0 &&
        slot.state.compare_exchange_strong(free, slotOwned, std::memory_order_acquire, std::memory_order_relaxed))
      return &slot;
  }
  return nullptr;
}

void ThreadPool::wake(int32_t count) {
  epoch.fetch_add(1);
  if (sleeping.load() == 0)
    return;
  pthread_mutex_lock(&mutex);
  int32_t sleepers = sleeping.load();
  if (count >= sleepers)
    pthread_cond_broadcast(&jobPosted);
  else
    for (int32_t k = 0; k < count; ++k)
      pthread_cond_signal(&jobPosted);
  pthread_mutex_unlock(&mutex);
}

void ThreadPool::parallel(int32_t count, void (*task)(void *, int32_t), void *argument) {
  Slot *slot = count > 1 && startedCount > 0 && !isAfterFork() ? claimSlot() : nullptr;
  if (!slot) {
    for (int32_t k = 0; k < count; ++k)
      task(argument, k);
    return;
  }
  slot->task = task;
  slot->argument = argument;
  slot->count = count;
  slot->next.store(0, std::memory_order_relaxed);
  slot->state.fetch_or(slotOpen, std::memory_order_release);
  wake(count - 1);
  takeIndices(*slot);
  // All indices are taken; those who took them are still inside.
  slot->state.fetch_and(~slotOpen, std::memory_order_acq_rel);
  awaitWorkers(*slot);
  slot->state.store(0, std::memory_order_release);
}

static void parallelOnOwnPool(void *state, int32_t count, void (*task)(void *, int32_t), void *argument) {
  static_cast<ThreadPool *>(state)->parallel(count, task, argument);
}

} // namespace tegula

using namespace tegula;

extern "C" {

tegula_error tegula_pool_create(int32_t threads, tegula_pool **result) {
  constexpr int32_t mostThreads = 4096;
  if (!result || threads < 0 || threads > mostThreads)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected 0 to %d threads, but got %d", mostThreads, threads);
  *result = nullptr;
  if (threads == 0)
    threads = availableCpuCount();
  auto *pool = create<tegula_pool>();
  ThreadPool *own = pool ? create<ThreadPool>() : nullptr;
  if (!own || !own->start(threads)) {
    destroy(own);
    destroy(pool);
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "cannot start %d threads", threads);
  }
  pool->own = own;
  pool->functions = {sizeof(tegula_pool_functions), threads, own, parallelOnOwnPool};
  *result = pool;
  return TEGULA_ERROR_NONE;
}

tegula_error tegula_pool_from_functions(const tegula_pool_functions *functions, tegula_pool **result) {
  if (!result || !functions || functions->struct_size < sizeof(tegula_pool_functions) || functions->thread_count < 1 ||
      !functions->parallel)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "tegula_pool_from_functions: invalid argument");
  *result = create<tegula_pool>();
  if (!*result)
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while making a thread pool");
  (*result)->functions = *functions;
  return TEGULA_ERROR_NONE;
}

void tegula_pool_retain(tegula_pool *pool) {
  if (pool)
    pool->references.fetch_add(1, std::memory_order_relaxed);
}

void tegula_pool_release(tegula_pool *pool) {
  if (pool && pool->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    destroy(pool);
}

int32_t tegula_pool_thread_count(const tegula_pool *pool) { return pool->functions.thread_count; }

} // extern "C"
