// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A run allocates nothing and takes no lock. This program has its own malloc and pthread_mutex_lock, which count what
// the calling thread asks for, the runtime's library included, and pass it on to the C library.
//
#include "RuntimeTest.h"

#include <dlfcn.h>
#include <pthread.h>

using namespace tegula_test;

static thread_local int64_t allocations, locks;

extern "C" {
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *pointer, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
  ++allocations;
  return __libc_calloc(count, bytes);
}
void *realloc(void *pointer, size_t bytes) {
  ++allocations;
  return __libc_realloc(pointer, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
  ++allocations;
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **result, size_t alignment, size_t bytes) {
  ++allocations;
  *result = __libc_memalign(alignment, bytes);
  return *result ? 0 : ENOMEM;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
  static auto *next = reinterpret_cast<int (*)(pthread_mutex_t *)>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  ++locks;
  return next(mutex);
}
}

namespace {

int32_t addOne(int64_t gridId, int64_t gridSize, void *const *buffers, const int64_t *, void *workspace) {
  const auto *x = static_cast<const float *>(buffers[0]);
  auto *y = static_cast<float *>(buffers[1]);
  auto *scratch = static_cast<float *>(workspace);
  for (int64_t i = 64 * gridId / gridSize; i < 64 * (gridId + 1) / gridSize; ++i) {
    scratch[i] = x[i];
    y[i] = scratch[i] + 1;
  }
  return TEGULA_OK;
}

/// Static: an intermediate value in the arena, an output, a workspace, two kernels.
TestModel &twoKernels() {
  static TestModel description;
  if (description.artifact.arena_bytes) // made before
    return description;
  description.input("x", Float, {64})
      .output("y", Float, {64})
      .kernel("first_0", {addOne}, "", 64 * sizeof(float))
      .kernel("second_1", {addOne}, "", 64 * sizeof(float))
      .program([](void *context, const tegula_services *services, void *arena, const void *, void *const *inputs,
                  const int64_t *dims) {
        void *y = services->output(context, 0, 1, dims);
        if (!y)
          return services->fail(context, TEGULA_OUT_OF_MEMORY, -1);
        void *first[] = {inputs[0], arena}, *second[] = {arena, y};
        if (int32_t status = services->dispatch(context, 0, int64_t(1) << 30, first, nullptr))
          return status;
        return services->dispatch(context, 1, int64_t(1) << 30, second, nullptr);
      });
  description.artifact.arena_bytes = 64 * sizeof(float);
  return description;
}

TEST(OverheadTest, CountersSeeTheRuntime) {
  int64_t before = allocations;
  ModelPointer model = twoKernels().load();
  EXPECT_GT(allocations, before);
  before = locks;
  makeContext(model.get(), 2).reset(); // which stops its threads
  EXPECT_GT(locks, before);
}

TEST(OverheadTest, RunsAllocateAndLockNothing) {
  ModelPointer model = twoKernels().load();
  for (int32_t threads : {1, 2}) {
    ContextPointer context = makeContext(model.get(), threads);
    std::vector<float> x(64, 1.0f);
    int64_t shape = 64, allocated = 0, locked = 0;
    tegula_tensor input = {x.data(), Float, 1, &shape};
    for (int run = 0; run < 100; ++run) {
      tegula_tensor output = {};
      int64_t allocationsBefore = allocations, locksBefore = locks;
      tegula_error error = tegula_context_run(context.get(), &input, 1, &output, 1);
      allocated += run ? allocations - allocationsBefore : 0; // the first makes the output's storage
      locked += locks - locksBefore;
      ASSERT_EQ(error, TEGULA_ERROR_NONE) << tegula_last_error();
      ASSERT_EQ(static_cast<const float *>(output.data)[63], 3.0f);
    }
    EXPECT_EQ(allocated, 0) << threads << " threads";
    // Waking a parked worker and waiting for one that the system does not run take the pool's lock.
    if (threads == 1)
      EXPECT_EQ(locked, 0);
  }
}

} // namespace
