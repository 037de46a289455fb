// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Cuda.h"
#include "Context.h"
#include "CudaDriver.h"
#include "ElementType.h"
#include <time.h>

namespace tegula {

/// Makes a CUDA context current for the calling thread while in scope.
class CurrentContext {
public:
  CurrentContext(const CudaDriver &driver, CudaHandle context) : driver(driver) {
    result = driver.contextPush(context);
  }
  ~CurrentContext() {
    CudaHandle popped;
    if (result == 0)
      driver.contextPop(&popped);
  }
  CurrentContext(const CurrentContext &) = delete;
  CurrentContext &operator=(const CurrentContext &) = delete;

  CudaResult result;

private:
  const CudaDriver &driver;
};

/// Device memory that keeps its capacity.
struct DeviceBuffer {
  CudaPointer pointer = 0;
  size_t capacity = 0;

  CudaResult reserve(const CudaDriver &driver, size_t bytes) {
    if (pointer && bytes <= capacity)
      return 0;
    release(driver);
    // Never null, and a little more than asked for, like host memory.
    CudaResult result = driver.memoryAllocate(&pointer, bytes + 256);
    if (result != 0)
      pointer = 0;
    else
      capacity = bytes;
    return result;
  }
  void release(const CudaDriver &driver) {
    if (pointer)
      driver.memoryFree(pointer);
    pointer = 0;
    capacity = 0;
  }
  void *address() const { return reinterpret_cast<void *>(static_cast<uintptr_t>(pointer)); }
};

class DeviceModel {
public:
  const CudaDriver *driver = nullptr;
  CudaDevice ordinal = 0;
  CudaHandle context = nullptr;
  Array<CudaHandle> modules;          // by kernel; a kernel that shares its text has null
  Array<Array<CudaHandle>> functions; // by kernel and phase
  DeviceBuffer constants;
  int32_t mostParameters = 0;

  ~DeviceModel() {
    if (!context)
      return;
    {
      CurrentContext current(*driver, context);
      constants.release(*driver);
      for (CudaHandle module : modules)
        if (module)
          driver->moduleUnload(module);
    }
    driver->primaryContextRelease(ordinal);
  }

  tegula_error open(const tegula_model &model);

private:
  tegula_error loadKernel(const tegula_artifact &artifact, int32_t row);
};

class DeviceContext {
public:
  DeviceModel *model = nullptr; // lives as long as the context's model
  CudaHandle stream = nullptr;
  DeviceBuffer arena, workspace, statuses;
  Array<DeviceBuffer> inputs, outputs;
  Array<void *> inputAddresses;
  Array<int32_t> hostStatuses;
  Array<uint64_t> parameters;
  Array<void *> parameterAddresses;

  // Storage of unknown size, reused from run to run; a model has few of them, so they are searched one by one.
  struct Block {
    DeviceBuffer buffer;
    bool used = false;
    Block *next = nullptr;
  };
  Block *blocks = nullptr;

  ~DeviceContext() {
    if (!stream)
      return;
    const CudaDriver &driver = *model->driver;
    CurrentContext current(driver, model->context);
    driver.streamSynchronize(stream);
    arena.release(driver);
    workspace.release(driver);
    statuses.release(driver);
    for (DeviceBuffer &buffer : inputs)
      buffer.release(driver);
    for (DeviceBuffer &buffer : outputs)
      buffer.release(driver);
    while (Block *block = blocks) {
      blocks = block->next;
      block->buffer.release(driver);
      destroy(block);
    }
    driver.streamDestroy(stream);
  }
};

namespace {

tegula_error outOfHostMemory() {
  return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while loading a GPU model");
}

/// Keeps the message of the last setError as the reason why the run fails.
int32_t failRun(tegula_context &context, tegula_error error) {
  if (!context.failure.described) {
    context.failure.described = true;
    context.failure.error = error;
  }
  return context.failure.status = error == TEGULA_ERROR_OUT_OF_MEMORY ? TEGULA_OUT_OF_MEMORY : TEGULA_DEVICE_ERROR;
}

int64_t nanosecondsNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

tegula_error launchPhase(tegula_context &context, int32_t row, uint32_t phaseIndex, const int64_t *dims) {
  DeviceContext &device = *context.device;
  const CudaDriver &driver = *device.model->driver;
  const tegula_artifact &artifact = *context.model->artifact;
  const tegula_device_phase &phase = deviceKernelsOf(artifact)[row].phases[phaseIndex];
  int64_t blocks[3] = {1, 1, 1};
  phase.grid(dims, blocks);
  if (blocks[0] == 0 || blocks[1] == 0 || blocks[2] == 0)
    return TEGULA_ERROR_NONE;
  constexpr int64_t mostX = 0x7fffffff, mostYZ = 65535;
  if (blocks[0] < 0 || blocks[0] > mostX || blocks[1] < 0 || blocks[1] > mostYZ || blocks[2] < 0 || blocks[2] > mostYZ)
    return setError(TEGULA_ERROR_DEVICE, "kernel %s: a grid of %lld x %lld x %lld blocks exceeds what a GPU can launch",
                    artifact.kernels[row].name, static_cast<long long>(blocks[0]), static_cast<long long>(blocks[1]),
                    static_cast<long long>(blocks[2]));
  CudaResult result = driver.launch(
      device.model->functions[static_cast<size_t>(row)][phaseIndex], static_cast<unsigned>(blocks[0]),
      static_cast<unsigned>(blocks[1]), static_cast<unsigned>(blocks[2]), static_cast<unsigned>(phase.block[0]),
      static_cast<unsigned>(phase.block[1]), static_cast<unsigned>(phase.block[2]),
      static_cast<unsigned>(phase.shared_bytes), device.stream, device.parameterAddresses.data(), nullptr);
  return result == 0 ? TEGULA_ERROR_NONE : cudaFailed(driver, artifact.kernels[row].name, result);
}

int32_t dispatch(void *opaque, int32_t row, int64_t, void *const *buffers, const int64_t *dims) {
  auto &context = *static_cast<tegula_context *>(opaque);
  const tegula_artifact &artifact = *context.model->artifact;
  if (row < 0 || row >= artifact.kernel_count)
    return TEGULA_INVALID_VALUE;
  if (int32_t status = poll(opaque))
    return status;
  DeviceContext &device = *context.device;
  const CudaDriver &driver = *device.model->driver;
  const tegula_kernel &kernel = artifact.kernels[row];
  const tegula_device_kernel &deviceKernel = deviceKernelsOf(artifact)[row];
  ++context.dispatchCount;

  size_t at = 0;
  for (int32_t k = 0; k < deviceKernel.buffer_count; ++k)
    device.parameters[at++] = reinterpret_cast<uintptr_t>(buffers[k]);
  for (int32_t k = 0; k < deviceKernel.dim_count; ++k)
    device.parameters[at++] = static_cast<uint64_t>(dims[k]);
  device.parameters[at++] = device.workspace.pointer;
  device.parameters[at++] = device.statuses.pointer + sizeof(int32_t) * static_cast<size_t>(row);

  // Whoever watches single kernels pays for waiting on each.
  bool watched = context.profiling || context.hooks.before || context.hooks.after;
  if (context.hooks.before)
    context.hooks.before(context.hooks.user, row, buffers, dims);
  if (watched)
    driver.streamSynchronize(device.stream);
  int64_t begin = context.profiling ? nanosecondsNow() : 0;
  for (uint32_t p = 0; p < kernel.phase_count; ++p)
    if (tegula_error error = launchPhase(context, row, p, dims))
      return failRun(context, error);
  if (watched)
    if (CudaResult result = driver.streamSynchronize(device.stream))
      return failRun(context, cudaFailed(driver, kernel.name, result));
  if (context.profiling) {
    KernelTime &time = context.times[static_cast<size_t>(row)];
    ++time.count;
    time.nanoseconds += nanosecondsNow() - begin;
  }
  if (context.hooks.after)
    context.hooks.after(context.hooks.user, row, TEGULA_OK, buffers, dims);
  return TEGULA_OK;
}

void *allocate(void *opaque, int64_t bytes) {
  auto &context = *static_cast<tegula_context *>(opaque);
  DeviceContext &device = *context.device;
  if (bytes < 0)
    return nullptr;
  DeviceContext::Block *best = nullptr;
  for (DeviceContext::Block *block = device.blocks; block; block = block->next)
    if (!block->used && block->buffer.capacity >= static_cast<size_t>(bytes) &&
        (!best || block->buffer.capacity < best->buffer.capacity))
      best = block;
  // A block much bigger than needed may be wanted by what comes next.
  if (best && best->buffer.capacity / 2 > static_cast<size_t>(bytes) + 4096)
    best = nullptr;
  if (!best) {
    best = create<DeviceContext::Block>();
    if (!best)
      return nullptr;
    if (CudaResult result = best->buffer.reserve(*device.model->driver, static_cast<size_t>(bytes))) {
      destroy(best);
      failRun(context, cudaFailed(*device.model->driver, "cannot allocate device memory", result));
      return nullptr;
    }
    best->next = device.blocks;
    device.blocks = best;
  }
  best->used = true;
  return best->buffer.address();
}

/// The stream keeps order, so that the next user's kernels come after those of this one.
void release(void *opaque, void *pointer) {
  for (DeviceContext::Block *block = static_cast<tegula_context *>(opaque)->device->blocks; block; block = block->next)
    if (block->buffer.address() == pointer)
      block->used = false;
}

void *output(void *opaque, int32_t index, int32_t rank, const int64_t *shape) {
  auto &context = *static_cast<tegula_context *>(opaque);
  DeviceContext &device = *context.device;
  if (!outputStorage(context, index, rank, shape))
    return nullptr;
  const ElementType &type = *elementType(context.model->artifact->outputs[index].element_type);
  DeviceBuffer &buffer = device.outputs[static_cast<size_t>(index)];
  CudaResult result = buffer.reserve(*device.model->driver, static_cast<size_t>(programBytes(type, rank, shape)));
  if (result != 0) {
    failRun(context, cudaFailed(*device.model->driver, "cannot allocate device memory for an output", result));
    return nullptr;
  }
  return buffer.address();
}

const tegula_services deviceServices = {
    TEGULA_ABI_VERSION, sizeof(tegula_services), dispatch, allocate, release, output, recordFailure,
    // A program for a GPU has no values.
    /*host=*/nullptr, /*box=*/nullptr, /*extents=*/nullptr, /*read=*/nullptr, /*retain=*/nullptr, /*drop=*/nullptr,
    /*output_value=*/nullptr, poll};

tegula_error prepare(tegula_context &context, DeviceContext &device) {
  const tegula_model &model = *context.model;
  const tegula_artifact &artifact = *model.artifact;
  const CudaDriver &driver = *device.model->driver;
  CurrentContext current(driver, device.model->context);
  if (current.result != 0)
    return cudaFailed(driver, "cannot use the GPU", current.result);
  size_t kernelCount = static_cast<size_t>(artifact.kernel_count);
  size_t parameterCount = static_cast<size_t>(device.model->mostParameters);
  if (!device.inputs.resize(static_cast<size_t>(artifact.input_count)) ||
      !device.inputAddresses.resize(static_cast<size_t>(artifact.input_count)) ||
      !device.outputs.resize(static_cast<size_t>(artifact.output_count)) || !device.hostStatuses.resize(kernelCount) ||
      !device.parameters.resize(parameterCount) || !device.parameterAddresses.resize(parameterCount))
    return outOfHostMemory();
  for (size_t k = 0; k < parameterCount; ++k)
    device.parameterAddresses[k] = &device.parameters[k];
  constexpr unsigned nonBlocking = 1; // does not wait for the legacy default stream
  CudaResult result = driver.streamCreate(&device.stream, nonBlocking);
  if (result == 0)
    result = device.arena.reserve(driver, static_cast<size_t>(artifact.arena_bytes));
  if (result == 0)
    result = device.workspace.reserve(driver, static_cast<size_t>(model.largestWorkspace));
  if (result == 0)
    result = device.statuses.reserve(driver, sizeof(int32_t) * kernelCount);
  return result == 0 ? TEGULA_ERROR_NONE : cudaFailed(driver, "cannot prepare the GPU", result);
}

/// Copies inputs in, runs the program and copies results out; the CUDA context is current.
tegula_error runOnStream(tegula_context &context, const tegula_tensor *inputs) {
  DeviceContext &device = *context.device;
  const CudaDriver &driver = *device.model->driver;
  const tegula_artifact &artifact = *context.model->artifact;
  size_t statusBytes = sizeof(int32_t) * static_cast<size_t>(artifact.kernel_count);
  CudaResult result = statusBytes ? driver.fillBytes(device.statuses.pointer, 0, statusBytes, device.stream) : 0;
  for (int32_t k = 0; k < artifact.input_count && result == 0; ++k) {
    DeviceBuffer &buffer = device.inputs[static_cast<size_t>(k)];
    auto bytes =
        static_cast<size_t>(programBytes(*elementType(inputs[k].element_type), inputs[k].rank, inputs[k].shape));
    result = buffer.reserve(driver, bytes);
    if (result == 0 && bytes > 0)
      result = driver.copyToDevice(buffer.pointer, context.inputs[static_cast<size_t>(k)], bytes, device.stream);
    device.inputAddresses[static_cast<size_t>(k)] = buffer.address();
  }
  if (result != 0) {
    driver.streamSynchronize(device.stream);
    return cudaFailed(driver, "cannot copy the inputs to the GPU", result);
  }

  int32_t status =
      artifact.program(&context, &deviceServices, device.arena.address(), device.model->constants.address(),
                       device.inputAddresses.data(), context.dims.data());
  for (DeviceContext::Block *block = device.blocks; block; block = block->next)
    block->used = false;
  if (statusBytes)
    result = driver.copyToHost(device.hostStatuses.data(), device.statuses.pointer, statusBytes, device.stream);
  for (int32_t k = 0; k < artifact.output_count && result == 0 && status == TEGULA_OK; ++k) {
    const OutputSlot &slot = context.outputs[static_cast<size_t>(k)];
    if (!slot.data)
      continue; // the caller reports that
    auto bytes =
        static_cast<size_t>(programBytes(*elementType(artifact.outputs[k].element_type), slot.rank, slot.shape.data()));
    if (bytes > 0)
      result = driver.copyToHost(slot.target, device.outputs[static_cast<size_t>(k)].pointer, bytes, device.stream);
  }
  // Nothing of this run may still be in flight when the user's buffers go.
  CudaResult finished = driver.streamSynchronize(device.stream);
  if (result == 0)
    result = finished;
  if (result != 0 && !context.failure.described)
    return cudaFailed(driver, "the GPU failed", result);
  for (int32_t k = 0; k < artifact.kernel_count && result == 0; ++k) {
    if (device.hostStatuses[static_cast<size_t>(k)] == TEGULA_OK)
      continue;
    context.failure.status = device.hostStatuses[static_cast<size_t>(k)];
    context.failure.kernel = k;
    return reportFailure(context, context.failure.status);
  }
  return status == TEGULA_OK ? TEGULA_ERROR_NONE : reportFailure(context, status);
}

} // namespace

tegula_error DeviceModel::loadKernel(const tegula_artifact &artifact, int32_t row) {
  const tegula_kernel &kernel = artifact.kernels[row];
  const tegula_device_kernel &deviceKernel = deviceKernelsOf(artifact)[row];
  int32_t parameterCount = deviceKernel.buffer_count + deviceKernel.dim_count + 2;
  if (parameterCount > mostParameters)
    mostParameters = parameterCount;

  int32_t owner = 0;
  while (artifact.kernels[owner].ptx != kernel.ptx)
    ++owner;
  if (owner == row) {
    char log[512] = "";
    enum { errorLog = 5, errorLogBytes = 6 }; // CU_JIT_ERROR_LOG_BUFFER, ..._SIZE_BYTES
    int options[] = {errorLog, errorLogBytes};
    void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
    CudaHandle &module = modules[static_cast<size_t>(row)];
    if (CudaResult result = driver->moduleLoad(&module, kernel.ptx, 2, options, values)) {
      module = nullptr;
      log[sizeof(log) - 1] = 0;
      Text what;
      what.append("model '%s' for %s: the GPU's driver refuses kernel %s%s%s", artifact.model, artifact.target,
                  kernel.name, *log ? ": " : "", log);
      return cudaFailed(*driver, what.get(), result);
    }
  }
  Array<CudaHandle> &entries = functions[static_cast<size_t>(row)];
  if (!entries.resize(kernel.phase_count))
    return outOfHostMemory();
  for (uint32_t p = 0; p < kernel.phase_count; ++p) {
    const tegula_device_phase &phase = deviceKernel.phases[p];
    CudaResult result = driver->moduleGetFunction(&entries[p], modules[static_cast<size_t>(owner)], phase.entry);
    constexpr int mostDynamicShared = 8; // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    constexpr int sharedWithoutAsking = 48 << 10;
    if (result == 0 && phase.shared_bytes > sharedWithoutAsking)
      result = driver->functionSetAttribute(entries[p], mostDynamicShared, phase.shared_bytes);
    if (result != 0)
      return cudaFailed(*driver, phase.entry, result);
  }
  return TEGULA_ERROR_NONE;
}

tegula_error DeviceModel::open(const tegula_model &model) {
  const tegula_artifact &artifact = *model.artifact;
  Text purpose;
  purpose.append("model '%s' was compiled for %s", artifact.model, artifact.target);
  driver = cudaDriver(purpose.get());
  if (!driver)
    return TEGULA_ERROR_INCOMPATIBLE;
  CudaResult result = driver->deviceGet(&ordinal, 0);
  if (result == 0)
    result = driver->primaryContextRetain(&context, ordinal);
  if (result != 0) {
    context = nullptr;
    return cudaFailed(*driver, "cannot use the GPU", result);
  }
  CurrentContext current(*driver, context);
  if (current.result != 0)
    return cudaFailed(*driver, "cannot use the GPU", current.result);
  if (!modules.resize(static_cast<size_t>(artifact.kernel_count)) ||
      !functions.resize(static_cast<size_t>(artifact.kernel_count)))
    return outOfHostMemory();
  for (int32_t k = 0; k < artifact.kernel_count; ++k)
    if (tegula_error error = loadKernel(artifact, k))
      return error;
  size_t bytes = static_cast<size_t>(artifact.constants_bytes);
  result = constants.reserve(*driver, bytes);
  // On the default stream of the driver (null), which waits until the copy is done.
  if (result == 0 && bytes > 0)
    result = driver->copyToDevice(constants.pointer, model.constants, bytes, nullptr);
  if (result == 0)
    result = driver->streamSynchronize(nullptr);
  return result == 0 ? TEGULA_ERROR_NONE : cudaFailed(*driver, "cannot copy the weights to the GPU", result);
}

static void releaseDeviceModel(DeviceModel *model) { destroy(model); }

static void releaseDeviceContext(DeviceContext *device) { destroy(device); }

static tegula_error createDeviceContext(tegula_context &context) {
  tegula_model &model = *context.model;
  tegula_error error = TEGULA_ERROR_NONE;
  pthread_mutex_lock(&model.deviceMutex);
  if (!model.device) {
    DeviceModel *fresh = create<DeviceModel>();
    error = fresh ? fresh->open(model) : outOfHostMemory();
    if (error)
      destroy(fresh);
    else
      model.device = fresh;
  }
  pthread_mutex_unlock(&model.deviceMutex);
  if (error)
    return error;
  context.device = create<DeviceContext>();
  if (!context.device)
    return outOfHostMemory();
  context.device->model = model.device;
  return prepare(context, *context.device);
}

static tegula_error runOnDevice(tegula_context &context, const tegula_tensor *inputs) {
  const DeviceModel &model = *context.device->model;
  CurrentContext current(*model.driver, model.context);
  if (current.result != 0)
    return cudaFailed(*model.driver, "cannot use the GPU", current.result);
  return runOnStream(context, inputs);
}

} // namespace tegula

const tegula::Device tegula_cuda_device = {tegula::createDeviceContext, tegula::releaseDeviceContext,
                                           tegula::releaseDeviceModel, tegula::runOnDevice};
