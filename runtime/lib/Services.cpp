// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a program on the CPU may ask for while it runs.
#include "Context.h"
#include "FloatEnvironment.h"
#include "HostOperations.h"
#include <time.h>

namespace tegula {
namespace {

// About a microsecond in the unit of the compiler's estimates (lib/Codegen/Common/Work.cpp). Handing a share to a
// worker that is awake costs a fourth of that, and the next kernel finds the results in another cache: a smaller share
// is not worth it.
constexpr int64_t workPerWorker = 100000;
// To wake workers costs some microseconds: they sleep on until a run has had as much work for them as pays for it.
constexpr int64_t workWorthWaking = 1500000;

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

/// Whether workers of our own pool are awake or should be for this kernel.
bool isWorthWaking(tegula_context &context, int64_t work) {
  if (!context.pool->own || !context.pool->own->isAsleep())
    return true;
  if (work >= 0 && work < workWorthWaking - context.workWhileAsleep) {
    context.workWhileAsleep += work;
    return false;
  }
  context.workWhileAsleep = 0;
  return true;
}

int32_t runKernel(tegula_context &context, const tegula_kernel &kernel, int64_t work, void *const *buffers,
                  const int64_t *dims) {
  int64_t gridSize = 1;
  if (kernel.parallel && context.pool) {
    // A negative estimate is one that overflowed.
    int64_t worthwhile = work < 0 ? context.threads : work / workPerWorker;
    gridSize = worthwhile < 1 ? 1 : worthwhile < context.threads ? worthwhile : context.threads;
  }
  bool workersSleepOn = gridSize > 1 && !isWorthWaking(context, work);
  if (!reserveWorkspace(context, tegula_kernel_workspace(&kernel, dims)))
    return TEGULA_OUT_OF_MEMORY;
  auto *workspace = static_cast<char *>(context.workspace.get());
  for (uint32_t p = 0; p < kernel.phase_count; ++p) {
    if (gridSize == 1) {
      if (int32_t status = kernel.phases[p](0, 1, buffers, dims, workspace))
        return status;
      continue;
    }
    Phase phase{kernel.phases[p], gridSize, buffers, dims, workspace, context.workspaceStride, {noFailure}};
    const tegula_pool_functions &pool = context.pool->functions;
    if (workersSleepOn)
      for (int32_t worker = 0; worker < gridSize; ++worker)
        runShare(&phase, worker);
    else
      pool.parallel(pool.state, static_cast<int32_t>(gridSize), runShare, &phase);
    uint64_t failure = phase.firstFailure.load(std::memory_order_relaxed);
    if (failure != noFailure)
      return static_cast<int32_t>(static_cast<uint32_t>(failure));
  }
  return TEGULA_OK;
}

int64_t nanosecondsNow(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

int32_t dispatch(void *opaque, int32_t index, int64_t work, void *const *buffers, const int64_t *dims) {
  auto &context = *static_cast<tegula_context *>(opaque);
  const tegula_artifact &artifact = *context.model->artifact;
  if (index < 0 || index >= artifact.kernel_count)
    return TEGULA_INVALID_VALUE;
  if (int32_t status = poll(opaque))
    return status;
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

int32_t runHostOperation(void *opaque, const char *name, void *const *operands, int32_t operandCount, void **results,
                         int32_t resultCount) {
  auto &context = *static_cast<tegula_context *>(opaque);
  const HostOperationRow *row = findHostOperation(name);
  HostCall call{context, reinterpret_cast<tegula_value *const *>(operands), operandCount,
                reinterpret_cast<tegula_value **>(results), resultCount};
  if (!row || (row->operandCount >= 0 && row->operandCount != operandCount) || row->resultCount != resultCount)
    return call.fail(TEGULA_HOST_OPERATION_FAILED,
                     "host operation '%s' is not in this runtime; a model that needs it runs with libtegula_runtime",
                     name);
  ++context.hostDispatchCount;
  for (int32_t k = 0; k < resultCount; ++k)
    results[k] = nullptr;
  int32_t status = row->run(call);
  bool isRecorded = true;
  for (int32_t k = 0; k < resultCount; ++k)
    if (results[k])
      isRecorded &= context.references.add(call.results[k]);
  return status || isRecorded ? status : TEGULA_OUT_OF_MEMORY;
}

void *box(void *opaque, int32_t type, int32_t rank, const int64_t *shape, const void *data) {
  auto &context = *static_cast<tegula_context *>(opaque);
  int64_t count = countElements(rank, shape), bytes = 0;
  auto *numbers = static_cast<const int64_t *>(data);
  bool isText = type == TEGULA_ELEMENT_STRING;
  for (int64_t k = 0; isText && k < count; ++k)
    if (__builtin_add_overflow(bytes, context.strings.stringOf(numbers[k]).size, &bytes))
      return nullptr;
  tegula_value *value = makeTensor(type, rank, shape, bytes);
  if (!value)
    return nullptr;
  if (isText) {
    auto *strings = static_cast<tegula_string *>(value->tensor.data);
    char *text = textOf(*value);
    for (int64_t k = 0; k < count; ++k) {
      tegula_string string = context.strings.stringOf(numbers[k]);
      memcpy(text, string.data, static_cast<size_t>(string.size));
      strings[k] = {text, string.size};
      text += string.size;
    }
  } else if (count) {
    memcpy(value->tensor.data, data, static_cast<size_t>(count * elementBytes(type)));
  }
  return context.references.add(value) ? value : nullptr;
}

/// An extent of -1 fits any.
int32_t checkShape(HostCall &call, const tegula_tensor &tensor, int32_t rank, const int64_t *shape) {
  if (tensor.rank != rank)
    return call.fail(TEGULA_SHAPE_MISMATCH, "expected a tensor of rank %d, but got %d", rank, tensor.rank);
  for (int32_t d = 0; d < rank; ++d)
    if (shape[d] >= 0 && shape[d] != tensor.shape[d])
      return call.fail(TEGULA_SHAPE_MISMATCH, "expected %lld for dimension %d of a tensor, but got %lld",
                       static_cast<long long>(shape[d]), d, static_cast<long long>(tensor.shape[d]));
  return TEGULA_OK;
}

/// Bytes of an element inside a program.
int64_t programElementBytes(int32_t type) {
  return type == TEGULA_ELEMENT_STRING ? int64_t(sizeof(int64_t)) : elementBytes(type);
}

int32_t extents(void *opaque, const void *handle, int32_t type, int32_t rank, int64_t *shape) {
  auto &context = *static_cast<tegula_context *>(opaque);
  auto *value = static_cast<const tegula_value *>(handle);
  HostCall call{context, nullptr, 0, nullptr, 0};
  if (!value || value->kind != TEGULA_TENSOR || value->tensor.element_type != type)
    return call.fail(TEGULA_INVALID_VALUE, "expected a tensor of element type %d", type);
  if (int32_t status = checkShape(call, value->tensor, rank, shape))
    return status;
  if (rank > 0)
    memcpy(shape, value->tensor.shape, sizeof(int64_t) * static_cast<size_t>(rank));
  return TEGULA_OK;
}

int32_t read(void *opaque, const void *handle, int32_t bytes, int32_t rank, const int64_t *shape, void *data) {
  auto &context = *static_cast<tegula_context *>(opaque);
  auto *value = static_cast<const tegula_value *>(handle);
  HostCall call{context, nullptr, 0, nullptr, 0};
  if (!value || value->kind != TEGULA_TENSOR || programElementBytes(value->tensor.element_type) != bytes)
    return call.fail(TEGULA_INVALID_VALUE, "expected a tensor of elements of %d bytes", bytes);
  const tegula_tensor &tensor = value->tensor;
  if (int32_t status = checkShape(call, tensor, rank, shape))
    return status;
  int64_t count = countElements(tensor);
  if (tensor.element_type != TEGULA_ELEMENT_STRING) {
    if (count)
      memcpy(data, tensor.data, static_cast<size_t>(count * elementBytes(tensor.element_type)));
    return TEGULA_OK;
  }
  return numberStrings(context, tensor, data) ? TEGULA_OK : TEGULA_OUT_OF_MEMORY;
}

int32_t retainValue(void *opaque, void *value) {
  if (!value)
    return TEGULA_OK;
  tegula_value_retain(static_cast<tegula_value *>(value));
  bool isRecorded = static_cast<tegula_context *>(opaque)->references.add(static_cast<tegula_value *>(value));
  return isRecorded ? TEGULA_OK : TEGULA_OUT_OF_MEMORY;
}

void dropValue(void *opaque, void *value) {
  if (value)
    static_cast<tegula_context *>(opaque)->references.drop(static_cast<tegula_value *>(value));
}

void outputValue(void *opaque, int32_t index, void *value) {
  auto &context = *static_cast<tegula_context *>(opaque);
  OutputSlot &slot = context.outputs[static_cast<size_t>(index)];
  tegula_value_retain(static_cast<tegula_value *>(value));
  tegula_value_release(slot.value);
  slot.value = static_cast<tegula_value *>(value);
}

} // namespace

int32_t poll(void *opaque) {
  auto &context = *static_cast<tegula_context *>(opaque);
  if (!context.poll)
    return TEGULA_OK;
  // The coarse clock costs a few nanoseconds and moves every few milliseconds.
  constexpr int64_t interval = 10'000'000;
  int64_t now = nanosecondsNow(CLOCK_MONOTONIC_COARSE);
  if (now < context.nextPoll)
    return TEGULA_OK;
  context.nextPoll = now + interval;
  return context.poll(context.pollUser) ? TEGULA_INTERRUPTED : TEGULA_OK;
}

int32_t recordFailure(void *opaque, int32_t status, int32_t node) {
  auto &context = *static_cast<tegula_context *>(opaque);
  // After a kernel that failed, the program only adds which node it was.
  if (context.failure.status == TEGULA_OK)
    context.failure.status = status;
  if (context.failure.node < 0)
    context.failure.node = node;
  return status;
}

const tegula_services cpuServices = {TEGULA_ABI_VERSION,
                                     sizeof(tegula_services),
                                     dispatch,
                                     allocate,
                                     release,
                                     output,
                                     recordFailure,
                                     runHostOperation,
                                     box,
                                     extents,
                                     read,
                                     retainValue,
                                     dropValue,
                                     outputValue,
                                     poll};

} // namespace tegula
