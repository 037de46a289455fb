// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Pools, phases, many contexts; built with -fsanitize=thread too.
#include "RuntimeTest.h"
#include <atomic>
#include <cstring>
#include <sys/wait.h>
#include <thread>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace tegula_test;
using testing::HasSubstr;

namespace {

constexpr int64_t muchWork = int64_t(1) << 30;

/// Each phase reads what other workers wrote in the one before: y[i] = x[n - 1 - i] + 1, then reversed again, doubled.
int32_t reversePlusOne(int64_t gridId, int64_t gridSize, void *const *buffers, const int64_t *dims, void *) {
  const auto *x = static_cast<const int64_t *>(buffers[0]);
  auto *y = static_cast<int64_t *>(buffers[1]);
  int64_t n = dims[0];
  for (int64_t i = n * gridId / gridSize; i < n * (gridId + 1) / gridSize; ++i)
    y[i] = x[n - 1 - i] + 1;
  return TEGULA_OK;
}
int32_t reverseTwice(int64_t gridId, int64_t gridSize, void *const *buffers, const int64_t *dims, void *workspace) {
  const auto *y = static_cast<const int64_t *>(buffers[1]);
  auto *z = static_cast<int64_t *>(buffers[2]);
  auto *scratch = static_cast<int64_t *>(workspace); // this worker's own
  int64_t n = dims[0];
  for (int64_t i = n * gridId / gridSize; i < n * (gridId + 1) / gridSize; ++i) {
    scratch[i % 16] = y[n - 1 - i];
    z[i] = 2 * scratch[i % 16];
  }
  return TEGULA_OK;
}

/// Model: z = 2 (x + 1) by a kernel of two phases, 10 times over.
TestModel &phases() {
  static TestModel description;
  static bool ready = false;
  if (!ready) {
    ready = true;
    description.input("x", Int64, {-1}, {"n"})
        .output("z", Int64, {-1}, {"n"})
        .kernel("reverse_0", {reversePlusOne, reverseTwice}, "reverse", 16 * sizeof(int64_t))
        .program([](void *context, const tegula_services *services, void *, const void *, void *const *inputs,
                    const int64_t *dims) {
          void *y = services->allocate(context, dims[0] * 8);
          void *z = services->output(context, 0, 1, dims);
          if (!y || !z)
            return services->fail(context, TEGULA_OUT_OF_MEMORY, -1);
          void *buffers[] = {inputs[0], y, z};
          for (int repeat = 0; repeat < 10; ++repeat)
            if (int32_t status = services->dispatch(context, 0, muchWork, buffers, dims))
              return status;
          return 0;
        });
    description.finish();
  }
  return description;
}

void runAndCheck(tegula_context *context, int64_t n, int64_t first) {
  std::vector<int64_t> x(static_cast<size_t>(n));
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = first + static_cast<int64_t>(i);
  tegula_tensor input = {x.data(), Int64, 1, &n}, output = {};
  ASSERT_EQ(tegula_context_run(context, &input, 1, &output, 1), TEGULA_ERROR_NONE) << tegula_last_error();
  const auto *z = static_cast<const int64_t *>(output.data);
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_EQ(z[i], 2 * (x[i] + 1)) << i;
}

TEST(PhasesTest, EveryThreadCount) {
  ModelPointer model = phases().load();
  for (int32_t threads : {1, 2, 3, 8}) {
    ContextPointer context = makeContext(model.get(), threads);
    for (int64_t n : {0, 1, 7, 1000})
      runAndCheck(context.get(), n, threads);
  }
}

/// y = 2 x with a copy of all of x in each worker's workspace.
int32_t copyAndDouble(int64_t gridId, int64_t gridSize, void *const *buffers, const int64_t *dims, void *workspace) {
  const auto *x = static_cast<const int64_t *>(buffers[0]);
  auto *y = static_cast<int64_t *>(buffers[1]), *copy = static_cast<int64_t *>(workspace);
  int64_t n = dims[0];
  for (int64_t i = 0; i < n; ++i)
    copy[i] = x[i];
  for (int64_t i = n * gridId / gridSize; i < n * (gridId + 1) / gridSize; ++i)
    y[i] = 2 * copy[i];
  return TEGULA_OK;
}

/// From here on the workspace is more than any memory has.
constexpr int64_t negativeFrom = 5000, hugeFrom = 4000;

TEST(WorkspaceTest, GrowsWithExtents) {
  TestModel description;
  description.input("x", Int64, {-1}, {"n"})
      .output("y", Int64, {-1}, {"n"})
      .kernel("double_0", {copyAndDouble}, "double")
      .workspace([](const int64_t *dims) {
        return dims[0] >= negativeFrom ? -1 : dims[0] >= hugeFrom ? INT64_MAX - 1 : dims[0] * 8;
      })
      .program([](void *context, const tegula_services *services, void *, const void *, void *const *inputs,
                  const int64_t *dims) {
        void *y = services->output(context, 0, 1, dims);
        void *buffers[] = {inputs[0], y};
        return y ? services->dispatch(context, 0, muchWork, buffers, dims) : int32_t(TEGULA_OUT_OF_MEMORY);
      });
  ModelPointer model = description.load();
  for (int32_t threads : {1, 3}) {
    ContextPointer context = makeContext(model.get(), threads);
    for (int64_t n : std::vector<int64_t>{7, 0, 3000, hugeFrom, 10, negativeFrom, 3999}) {
      std::vector<int64_t> x(static_cast<size_t>(n), threads);
      tegula_tensor input = {x.data(), Int64, 1, &n}, output = {};
      tegula_error error = tegula_context_run(context.get(), &input, 1, &output, 1);
      if (n >= hugeFrom) {
        EXPECT_EQ(error, TEGULA_ERROR_OUT_OF_MEMORY) << n;
        EXPECT_THAT(tegula_last_error(), HasSubstr("double"));
        continue;
      }
      ASSERT_EQ(error, TEGULA_ERROR_NONE) << n << tegula_last_error();
      for (int64_t i = 0; i < n; ++i)
        ASSERT_EQ(static_cast<const int64_t *>(output.data)[i], 2 * threads) << i;
    }
  }
}

TEST(ContextsTest, ManyThreadsOneModelOnePool) {
  ModelPointer model = phases().load();
  tegula_pool *raw = nullptr;
  ASSERT_EQ(tegula_pool_create(3, &raw), TEGULA_ERROR_NONE);
  PoolPointer pool(raw);
  EXPECT_EQ(tegula_pool_thread_count(raw), 3);
  std::vector<std::thread> threads;
  for (int k = 0; k < 6; ++k)
    threads.emplace_back([&, k] {
      ContextPointer context = makeContext(model.get(), 0, raw);
      for (int repeat = 0; repeat < 30; ++repeat)
        runAndCheck(context.get(), 100 + repeat, k);
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(ContextsTest, ModelAndPoolReleasedFirst) {
  ModelPointer model = phases().load();
  tegula_pool *pool = nullptr;
  ASSERT_EQ(tegula_pool_create(2, &pool), TEGULA_ERROR_NONE);
  ContextPointer context = makeContext(model.get(), 2, pool);
  tegula_pool_release(pool);
  model.reset();
  runAndCheck(context.get(), 100, 1);
}

TEST(PoolTest, WakesAfterSleep) {
  ModelPointer model = phases().load();
  ContextPointer context = makeContext(model.get(), 2);
  for (int k = 0; k < 5; ++k) {
    runAndCheck(context.get(), 1000, k);
    std::this_thread::sleep_for(std::chrono::milliseconds(3)); // longer than workers spin
  }
}

// A worker and the caller must both be inside at once for this to end.
TEST(PoolTest, WorkersReallyRunAtOnce) {
  static std::atomic<int> inside;
  inside = 0;
  TestModel description;
  description
      .kernel("meet_0", {[](int64_t, int64_t gridSize, void *const *, const int64_t *, void *) {
                ++inside;
                while (inside.load() < gridSize)
                  std::this_thread::yield();
                return 0;
              }})
      .program([](void *context, const tegula_services *services, void *, const void *, void *const *,
                  const int64_t *) { return services->dispatch(context, 0, muchWork, nullptr, nullptr); });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 4);
  ASSERT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_NONE);
  EXPECT_EQ(inside.load(), 4);
}

int64_t gridOf(int64_t work, int32_t threads, bool parallel) {
  static int64_t seen, asked;
  asked = work;
  TestModel description;
  description
      .kernel("count_0", {[](int64_t gridId, int64_t gridSize, void *const *, const int64_t *, void *) {
                if (gridId == 0)
                  seen = gridSize;
                return 0;
              }},
              "", 0, parallel)
      .program([](void *context, const tegula_services *services, void *, const void *, void *const *,
                  const int64_t *) { return services->dispatch(context, 0, asked, nullptr, nullptr); });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), threads);
  EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_NONE);
  return seen;
}

TEST(PoolTest, SmallWorkStaysOnOneWorker) {
  EXPECT_EQ(gridOf(100, 4, true), 1);
  EXPECT_EQ(gridOf(199999, 4, true), 1);
  EXPECT_EQ(gridOf(200000, 4, true), 2); // a microsecond for each
  EXPECT_EQ(gridOf(muchWork, 4, true), 4);
  EXPECT_EQ(gridOf(-1, 4, true), 4);
  EXPECT_EQ(gridOf(muchWork, 4, false), 1);
  EXPECT_EQ(gridOf(muchWork, 1, true), 1);
}

// Workers that sleep are not woken for a little work, but for what adds up in a run.
TEST(PoolTest, LittleWorkWakesNobody) {
  static std::atomic<int> elsewhere;
  static std::thread::id caller;
  static int dispatches;
  caller = std::this_thread::get_id();
  TestModel description;
  description
      .kernel("where_0", {[](int64_t gridId, int64_t gridSize, void *const *, const int64_t *, void *) {
                EXPECT_EQ(gridSize, 2);
                if (std::this_thread::get_id() != caller)
                  ++elsewhere;
                else if (gridId == 0 && dispatches > 1) // leaves the others time to come
                  for (int k = 0; k < 1000 && !elsewhere; ++k)
                    std::this_thread::yield();
                return 0;
              }})
      .program(
          [](void *context, const tegula_services *services, void *, const void *, void *const *, const int64_t *) {
            int32_t status = 0;
            for (int k = 0; k < dispatches && !status; ++k)
              status = services->dispatch(context, 0, 300000, nullptr, nullptr);
            return status;
          });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 2);
  auto isSharedIn = [&](int count) {
    dispatches = count;
    elsewhere = 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(3)); // longer than workers spin
    EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_NONE);
    return elsewhere.load() > 0;
  };
  // On a busy machine a worker may sleep late or wake late.
  int tries = 100;
  while (isSharedIn(1) && --tries > 0)
    ;
  EXPECT_GT(tries, 0);
  for (tries = 100; !isSharedIn(20) && tries > 0; --tries)
    ;
  EXPECT_GT(tries, 0);
}

TEST(PoolTest, ReplacedByTheApplication) {
  static std::atomic<int> calls;
  calls = 0;
  int state = 0;
  tegula_pool_functions functions = {sizeof(functions), 3, &state,
                                     [](void *, int32_t count, void (*task)(void *, int32_t), void *argument) {
                                       ++calls;
                                       for (int32_t k = count - 1; k >= 0; --k)
                                         task(argument, k);
                                     }};
  tegula_pool *raw = nullptr;
  ASSERT_EQ(tegula_pool_from_functions(&functions, &raw), TEGULA_ERROR_NONE);
  PoolPointer pool(raw);
  ModelPointer model = phases().load();
  ContextPointer context = makeContext(model.get(), 0, raw);
  runAndCheck(context.get(), 1000, 5);
  EXPECT_EQ(calls.load(), 20); // two phases, ten dispatches
  functions.parallel = nullptr;
  EXPECT_EQ(tegula_pool_from_functions(&functions, &raw), TEGULA_ERROR_INVALID_ARGUMENT);
}

TEST(PoolTest, InvalidThreadCounts) {
  tegula_pool *pool = nullptr;
  EXPECT_EQ(tegula_pool_create(-1, &pool), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(tegula_pool_create(1 << 20, &pool), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "expected 0 to 4096 threads, but got 1048576");
  ModelPointer model = phases().load();
  tegula_context_options options = {sizeof(options), -2, nullptr};
  tegula_context *context = nullptr;
  EXPECT_EQ(tegula_context_create(model.get(), &options, &context), TEGULA_ERROR_INVALID_ARGUMENT);
}

TEST(FailureTest, LowestWorkerAndFirstPhaseWin) {
  TestModel description;
  description
      .kernel("fail_0",
              {[](int64_t gridId, int64_t, void *const *, const int64_t *, void *) {
                 return gridId == 0 ? 0 : static_cast<int32_t>(TEGULA_OK + gridId);
               },
               [](int64_t, int64_t, void *const *, const int64_t *, void *) { return int32_t(TEGULA_LOOP_LIMIT); }},
              "divide")
      .program([](void *context, const tegula_services *services, void *, const void *, void *const *,
                  const int64_t *) { return services->dispatch(context, 0, muchWork, nullptr, nullptr); });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 4);
  for (int repeat = 0; repeat < 50; ++repeat) {
    EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_RUN_FAILED);
    EXPECT_STREQ(tegula_last_error(), "divide: index out of range (kernel fail_0)");
  }
}

TEST(ErrorTest, MessagesBelongToTheirThread) {
  tegula_pool *pool = nullptr;
  tegula_pool_create(-1, &pool);
  std::string other = "unset";
  std::thread([&] { other = tegula_last_error(); }).join();
  EXPECT_EQ(other, "");
  EXPECT_THAT(tegula_last_error(), HasSubstr("-1"));
}

#if defined(__x86_64__)
TEST(FloatEnvironmentTest, DenormalsAreKeptOnEveryWorker) {
  static std::atomic<int> flushed;
  flushed = 0;
  TestModel description;
  description
      .kernel("denormal_0", {[](int64_t, int64_t, void *const *, const int64_t *, void *) {
                volatile float tiny = 1e-38f;
                if (tiny * 0.125f == 0)
                  ++flushed;
                return 0;
              }})
      .program([](void *context, const tegula_services *services, void *, const void *, void *const *,
                  const int64_t *) { return services->dispatch(context, 0, muchWork, nullptr, nullptr); });
  ModelPointer model = description.load();
  unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);                          // flush to zero, denormals are zero
  ContextPointer context = makeContext(model.get(), 4); // its workers inherit that
  EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_NONE);
  EXPECT_EQ(_mm_getcsr() & 0x8040, 0x8040u);
  _mm_setcsr(before);
  EXPECT_EQ(flushed.load(), 0);
}
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEGULA_THREAD_SANITIZER
#endif
#endif
#ifndef TEGULA_THREAD_SANITIZER // which does not follow threads into a fork
// The child has the pool, but none of its threads.
TEST(ForkTest, ChildRunsAlone) {
  ModelPointer model = phases().load();
  ContextPointer context = makeContext(model.get(), 3);
  runAndCheck(context.get(), 100, 1);
  pid_t child = fork();
  if (child == 0) {
    runAndCheck(context.get(), 100, 1);
    context.reset();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
#endif

} // namespace
