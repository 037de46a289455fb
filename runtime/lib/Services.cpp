// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a program on the CPU may ask for while it runs.
#include "Context.h"
#include "FloatEnvironment.h"
#include <time.h>

namespace tegula {
namespace {

// Handing a share to another worker costs about two microseconds; a share smaller than this is not worth it.
constexpr int64_t operationsPerWorker = 32768;

struct Phase {
  tegula_kernel_function function;
  int64_t gridSize;
  void *const *buffers;
  const int64_t *dims;
  char *workspace;
  int64_t workspaceStride;
  std::atomic<uint64_t> firstFailure; // worker and status of the lowest worker that failed, so that it is always the
                                      // same one
};

constexpr uint64_t noFailure = UINT64_MAX;

void runShare(void *argument, int32_t worker) {
  auto &phase = *static_cast<Phase *>(argument);
  DefaultFloatEnvironment environment;
  int32_t status = phase.function(worker, phase.gridSize, phase.buffers, phase.dims,
                                  phase.workspace + worker * phase.workspaceStride);
  if (status == TEGULA_OK)
    return;
  uint64_t mine = (static_cast<uint64_t>(worker) << 32) | static_cast<uint32_t>(status);
  uint64_t first = phase.firstFailure.load(std::memory_order_relaxed);
  while (mine < first && !phase.firstFailure.compare_exchange_weak(first, mine, std::memory_order_relaxed))
    ;
}

int32_t runKernel(tegula_context &context, const tegula_kernel &kernel, int64_t work, void *const *buffers,
                  const int64_t *dims) {
  int64_t gridSize = 1;
  if (kernel.parallel && context.pool) {
    // A negative estimate is one that overflowed.
    int64_t worthwhile = work < 0 ? context.threads : work / operationsPerWorker;
    gridSize = worthwhile < 1 ? 1 : worthwhile < context.threads ? worthwhile : context.threads;
  }
  auto *workspace = static_cast<char *>(context.workspace.get());
  for (uint32_t p = 0; p < kernel.phase_count; ++p) {
    if (gridSize == 1) {
      if (int32_t status = kernel.phases[p](0, 1, buffers, dims, workspace))
        return status;
      continue;
    }
    Phase phase{kernel.phases[p], gridSize, buffers, dims, workspace, context.workspaceStride, {noFailure}};
    const tegula_pool_functions &pool = context.pool->functions;
    pool.parallel(pool.state, static_cast<int32_t>(gridSize), runShare, &phase);
    uint64_t failure = phase.firstFailure.load(std::memory_order_relaxed);
    if (failure != noFailure)
      return static_cast<int32_t>(static_cast<uint32_t>(failure));
  }
  return TEGULA_OK;
}

int64_t nanosecondsNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

int32_t dispatch(void *opaque, int32_t index, int64_t work, void *const *buffers, const int64_t *dims) {
  auto &context = *static_cast<tegula_context *>(opaque);
  const tegula_artifact &artifact = *context.model->artifact;
  if (index < 0 || index >= artifact.kernel_count)
    return TEGULA_INVALID_VALUE;
  ++context.dispatchCount;
  if (context.hooks.before)
    context.hooks.before(context.hooks.user, index, buffers, dims);
  int64_t begin = context.profiling ? nanosecondsNow() : 0;
  int32_t status = runKernel(context, artifact.kernels[index], work, buffers, dims);
  if (context.profiling) {
    KernelTime &time = context.times[static_cast<size_t>(index)];
    ++time.count;
    time.nanoseconds += nanosecondsNow() - begin;
  }
  if (context.hooks.after)
    context.hooks.after(context.hooks.user, index, status, buffers, dims);
  if (status != TEGULA_OK && context.failure.status == TEGULA_OK) {
    context.failure.status = status;
    context.failure.kernel = index;
  }
  return status;
}

void *allocate(void *opaque, int64_t bytes) { return static_cast<tegula_context *>(opaque)->blocks.allocate(bytes); }

void release(void *opaque, void *pointer) { static_cast<tegula_context *>(opaque)->blocks.release(pointer); }

void *output(void *opaque, int32_t index, int32_t rank, const int64_t *shape) {
  return outputStorage(*static_cast<tegula_context *>(opaque), index, rank, shape);
}

} // namespace

int32_t recordFailure(void *opaque, int32_t status, int32_t node) {
  auto &context = *static_cast<tegula_context *>(opaque);
  // After a kernel that failed, the program only adds which node it was.
  if (context.failure.status == TEGULA_OK)
    context.failure.status = status;
  if (context.failure.node < 0)
    context.failure.node = node;
  return status;
}

const tegula_services cpuServices = {TEGULA_ABI_VERSION, sizeof(tegula_services), dispatch, allocate, release, output,
                                     recordFailure,      /*host=*/nullptr};

} // namespace tegula
