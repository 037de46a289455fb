// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The state of one run, kept between runs.
#ifndef TEGULA_RUNTIME_CONTEXT_H
#define TEGULA_RUNTIME_CONTEXT_H

#include "BlockCache.h"
#include "Cuda.h"
#include "Memory.h"
#include "Model.h"
#include "StringTable.h"
#include "ThreadPool.h"
#include "Value.h"
#include <atomic>

namespace tegula {

/// An output of the current or the last run.
struct OutputSlot {
  AlignedBuffer storage; // the context's own
  Array<int64_t> shape;  // room for `rank` extents at least
  int32_t rank = 0;
  AlignedBuffer unpacked;               // what the program writes when elements are smaller than a byte, or strings
  tegula_value *value = nullptr;        // of an output that is a value: its own reference
  void *target = nullptr;               // where the program writes: `data`, or `unpacked`
  void *data = nullptr;                 // where the result goes; null until the program has asked
  const tegula_tensor *bound = nullptr; // the user's buffer, during a run

  ~OutputSlot() { tegula_value_release(value); }
};

struct KernelTime {
  int64_t count;
  int64_t nanoseconds;
};

/// What the first failing part of a run said.
struct Failure {
  int32_t status = TEGULA_OK;
  int32_t node = -1;
  int32_t kernel = -1;
  char detail[192] = "";  // what a host operation adds
  bool described = false; // the thread's error message already says everything
  tegula_error error = TEGULA_ERROR_NONE;
};

} // namespace tegula

struct tegula_context {
  tegula_model *model = nullptr;
  tegula_pool *pool = nullptr; // null when kernels run on the calling thread only
  int32_t threads = 1;
  std::atomic<bool> running{false};
  int64_t workWhileAsleep = 0; // of this run's kernels that could have been shared while no worker was awake

  tegula::AlignedBuffer arena;
  tegula::AlignedBuffer workspace; // `threads` slices
  int64_t workspaceStride = 0;
  tegula::BlockCache blocks;
  tegula::Array<tegula_tensor> givenInputs; // with defaults in the place of what the caller left out
  tegula::Array<void *> inputs;
  tegula::Array<tegula::AlignedBuffer> unpackedInputs; // of those whose elements are smaller than a byte, or strings
  tegula::Array<int64_t> dims;
  tegula::Array<int64_t> symbolValues;  // -1: not seen yet
  tegula::Array<int32_t> symbolOrigins; // position in `dims` where the value was seen first
  tegula::Array<tegula::OutputSlot> outputs;
  tegula::Failure failure;

  tegula_hooks hooks = {};
  int32_t (*poll)(void *user) = nullptr;
  void *pollUser = nullptr;
  int64_t nextPoll = 0; // nanoseconds of the coarse clock
  tegula::Array<tegula::KernelTime> times;
  bool profiling = false;
  int64_t dispatchCount = 0;
  int64_t hostDispatchCount = 0;
  tegula::StringTable strings;             // of the current run
  tegula::ReferenceTable references;       // that the program holds
  tegula::DeviceContext *device = nullptr; // of a GPU model

  ~tegula_context();
};

namespace tegula {

/// The services that a program running on the CPU gets; `context` is the tegula_context.
extern const tegula_services cpuServices;

/// Puts defaults in the place of inputs that are left out: `inputs` points to all inputs afterwards.
tegula_error completeInputs(tegula_context &context, const tegula_tensor *&inputs, int32_t count);
/// Checks `inputs` against the model and fills the context's input pointers and dims.
tegula_error bindInputs(tegula_context &context, const tegula_tensor *inputs);
/// Writes the numbers of a tensor's strings to `numbers`; false when memory is exhausted.
bool numberStrings(tegula_context &context, const tegula_tensor &strings, void *numbers);
/// Checks what can be checked of bound outputs before the run.
tegula_error bindOutputs(tegula_context &context, const tegula_tensor *inputs, tegula_tensor *outputs, int32_t count);

/// Packs the results whose elements are smaller than a byte, and gives strings their text.
tegula_error packOutputs(tegula_context &context);

/// Checks the shape of output `index` and finds storage for the program to write; null after recording the failure.
void *outputStorage(tegula_context &context, int32_t index, int32_t rank, const int64_t *shape);

/// Makes each worker's slice of the workspace at least `bytes` bytes; false when memory is exhausted, as it always is
/// for a negative number.
bool reserveWorkspace(tegula_context &context, int64_t bytes);

/// The service `poll`.
int32_t poll(void *context);

/// The service `fail`.
int32_t recordFailure(void *context, int32_t status, int32_t node);

/// Ends the failed run: the message for what the context recorded.
tegula_error reportFailure(tegula_context &context, int32_t status);

} // namespace tegula
#endif
