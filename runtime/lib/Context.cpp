// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Context.h"
#include "Error.h"
#include "FloatEnvironment.h"
#include <inttypes.h>

namespace tegula {

static tegula_error outOfMemory(const tegula_model &model, const char *what, int64_t bytes) {
  return setError(TEGULA_ERROR_OUT_OF_MEMORY, "model '%s': cannot allocate %" PRId64 " bytes for %s",
                  model.artifact->model, bytes, what);
}

bool reserveWorkspace(tegula_context &context, int64_t bytes) {
  if (bytes <= context.workspaceStride)
    return bytes >= 0;
  int64_t stride, total;
  if (__builtin_add_overflow(bytes, TEGULA_ALIGNMENT - 1, &stride))
    return false;
  stride -= stride % TEGULA_ALIGNMENT;
  bool isReserved = !__builtin_mul_overflow(stride, static_cast<int64_t>(context.threads), &total) &&
                    context.workspace.reserve(total);
  context.workspaceStride = isReserved ? stride : 0;
  return isReserved;
}

static tegula_error choosePool(tegula_context &context, const tegula_context_options *options) {
  context.threads = options ? options->threads : 0;
  if (context.threads < 0)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected 0 or more threads, but got %d", context.threads);
  if (options && options->pool) {
    if (context.threads == 0)
      context.threads = options->pool->functions.thread_count;
    if (context.threads > 1) {
      tegula_pool_retain(options->pool);
      context.pool = options->pool;
    }
    return TEGULA_ERROR_NONE;
  }
  if (context.threads == 0)
    context.threads = availableCpuCount();
  return context.threads > 1 ? tegula_pool_create(context.threads, &context.pool) : TEGULA_ERROR_NONE;
}

static tegula_error prepare(tegula_context &context, const tegula_context_options *options) {
  const tegula_model &model = *context.model;
  const tegula_artifact &artifact = *model.artifact;
  if (!deviceKernelsOf(artifact))
    if (tegula_error error = choosePool(context, options))
      return error;
  size_t symbolCount = static_cast<size_t>(model.symbolCount);
  if (!context.givenInputs.resize(model.defaults.size()) ||
      !context.inputs.resize(static_cast<size_t>(artifact.input_count)) ||
      !context.unpackedInputs.resize(static_cast<size_t>(artifact.input_count)) ||
      !context.dims.resize(model.inputSymbols.size()) || !context.symbolValues.resize(symbolCount) ||
      !context.symbolOrigins.resize(symbolCount) || !context.outputs.resize(static_cast<size_t>(artifact.output_count)))
    return outOfMemory(model, "tables", 0);
  for (int32_t k = 0; k < artifact.output_count; ++k)
    if (artifact.outputs[k].rank > 0 &&
        !context.outputs[static_cast<size_t>(k)].shape.resize(static_cast<size_t>(artifact.outputs[k].rank)))
      return outOfMemory(model, "tables", 0);
  if (deviceKernelsOf(artifact))
    return model.deviceFunctions->createContext(context);
  if (!context.arena.reserve(artifact.arena_bytes))
    return outOfMemory(model, "intermediate values", artifact.arena_bytes);
  if (!reserveWorkspace(context, model.largestWorkspace))
    return outOfMemory(model, "workspaces", model.largestWorkspace);
  return TEGULA_ERROR_NONE;
}

tegula_error reportFailure(tegula_context &context, int32_t status) {
  const tegula_artifact &artifact = *context.model->artifact;
  Failure &failure = context.failure;
  if (failure.status == TEGULA_OK)
    failure.status = status;
  if (failure.described)
    return failure.error;
  Text place;
  const char *kernelName = nullptr;
  if (failure.node >= 0 && failure.node < artifact.node_count) {
    place.append("%s", artifact.nodes[failure.node]);
  } else if (failure.kernel >= 0) {
    const tegula_kernel &kernel = artifact.kernels[failure.kernel];
    kernelName = kernel.name;
    for (const char *names = kernel.nodes ? kernel.nodes : ""; *names;) {
      size_t length = strcspn(names, "\n");
      place.append("%.*s", static_cast<int>(length), names);
      names += length + (names[length] == '\n');
      place.append("%s", *names ? ", " : "");
    }
  }
  if (!*place.get())
    place.append("model '%s'", artifact.model);
  tegula_error error = failure.status == TEGULA_OUT_OF_MEMORY ? TEGULA_ERROR_OUT_OF_MEMORY
                       : failure.status == TEGULA_INTERRUPTED ? TEGULA_ERROR_INTERRUPTED
                                                              : TEGULA_ERROR_RUN_FAILED;
  return setError(error, "%s: %s%s%s%s%s%s", place.get(), tegula_status_text(failure.status),
                  *failure.detail ? ": " : "", failure.detail, kernelName ? " (kernel " : "",
                  kernelName ? kernelName : "", kernelName ? ")" : "");
}

static tegula_error run(tegula_context &context, const tegula_tensor *inputs, int32_t inputCount,
                        tegula_tensor *outputs, int32_t outputCount) {
  const tegula_artifact &artifact = *context.model->artifact;
  context.failure = Failure();
  context.workWhileAsleep = 0;
  if (tegula_error error = completeInputs(context, inputs, inputCount))
    return error;
  if (tegula_error error = bindInputs(context, inputs))
    return error;
  if (tegula_error error = bindOutputs(context, inputs, outputs, outputCount))
    return error;
  if (context.device) {
    if (tegula_error error = context.model->deviceFunctions->run(context, inputs))
      return error;
  } else {
    DefaultFloatEnvironment environment;
    int32_t status = artifact.program(&context, &cpuServices, context.arena.get(), context.model->constants,
                                      context.inputs.data(), context.dims.data());
    context.blocks.endRun();
    context.references.clear();
    if (status != TEGULA_OK)
      return reportFailure(context, status);
  }
  if (tegula_error error = packOutputs(context))
    return error;
  for (int32_t k = 0; k < outputCount; ++k) {
    OutputSlot &slot = context.outputs[static_cast<size_t>(k)];
    if (valueTypeOf(artifact, artifact.output_types, k)) {
      outputs[k] = {slot.value, 0, 0, nullptr};
      continue;
    }
    if (!slot.data)
      return setError(TEGULA_ERROR_INVALID_ARTIFACT, "the program did not produce output '%s'",
                      artifact.outputs[k].name);
    if (!slot.bound)
      outputs[k] = {slot.data, artifact.outputs[k].element_type, slot.rank, slot.shape.data()};
  }
  return TEGULA_ERROR_NONE;
}

} // namespace tegula

using namespace tegula;

tegula_context::~tegula_context() {
  if (device)
    model->deviceFunctions->releaseContext(device);
  tegula_pool_release(pool);
  tegula_model_release(model);
}

extern "C" {

tegula_error tegula_context_create(tegula_model *model, const tegula_context_options *options,
                                   tegula_context **result) {
  if (!model || !result || (options && options->struct_size < sizeof(tegula_context_options)))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "tegula_context_create: invalid argument");
  *result = nullptr;
  auto *context = create<tegula_context>();
  if (!context)
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while making a context");
  tegula_model_retain(model);
  context->model = model;
  if (tegula_error error = prepare(*context, options)) {
    destroy(context);
    return error;
  }
  *result = context;
  return TEGULA_ERROR_NONE;
}

void tegula_context_release(tegula_context *context) { destroy(context); }

tegula_error tegula_context_run(tegula_context *context, const tegula_tensor *inputs, int32_t inputCount,
                                tegula_tensor *outputs, int32_t outputCount) {
  if (!context)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "tegula_context_run: invalid argument");
  if (context->running.exchange(true, std::memory_order_acquire))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT,
                    "the context is already running on another thread; use one context per thread");
  tegula_error error = run(*context, inputs, inputCount, outputs, outputCount);
  context->running.store(false, std::memory_order_release);
  return error;
}

void *tegula_context_take_output(tegula_context *context, int32_t index) {
  if (!context || index < 0 || static_cast<size_t>(index) >= context->outputs.size())
    return nullptr;
  OutputSlot &slot = context->outputs[static_cast<size_t>(index)];
  // A bound output's data is not ours, and neither is what a later run no longer uses.
  if (!slot.data || slot.data != slot.storage.get())
    return nullptr;
  slot.data = nullptr;
  return slot.storage.release();
}

void tegula_free(void *storage) { freeAligned(storage); }

int32_t tegula_context_failure(const tegula_context *context, int32_t *node) {
  if (node)
    *node = context->failure.node;
  return context->failure.status;
}

void tegula_context_set_hooks(tegula_context *context, const tegula_hooks *hooks) {
  context->hooks = hooks ? *hooks : tegula_hooks{};
}

void tegula_context_set_poll(tegula_context *context, int32_t (*poll)(void *user), void *user) {
  context->poll = poll;
  context->pollUser = user;
  context->nextPoll = 0;
}

tegula_error tegula_context_set_profiling(tegula_context *context, int32_t enabled) {
  if (enabled && !context->times.resize(static_cast<size_t>(context->model->artifact->kernel_count)))
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while enabling the profile");
  context->profiling = enabled != 0;
  return TEGULA_ERROR_NONE;
}

tegula_error tegula_context_profile(const tegula_context *context, int32_t kernel, int64_t *dispatchCount,
                                    int64_t *totalNanoseconds) {
  if (kernel < 0 || static_cast<size_t>(kernel) >= context->times.size())
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "there is no profile of kernel %d", kernel);
  *dispatchCount = context->times[static_cast<size_t>(kernel)].count;
  *totalNanoseconds = context->times[static_cast<size_t>(kernel)].nanoseconds;
  return TEGULA_ERROR_NONE;
}

int64_t tegula_context_dispatch_count(const tegula_context *context) { return context->dispatchCount; }
int64_t tegula_context_host_dispatch_count(const tegula_context *context) { return context->hostDispatchCount; }

} // extern "C"
