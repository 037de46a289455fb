// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "CudaDriver.h"
#include <dlfcn.h>
#include <pthread.h>

namespace tegula {
namespace {

pthread_mutex_t driverMutex = PTHREAD_MUTEX_INITIALIZER;
CudaDriver driver;
bool driverReady = false;

struct Symbol {
  const char *name;
  void *slot;
};

/// Opens the library once it is there; a failure is tried again by the next model.
tegula_error openDriver(const char *purpose) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return setError(TEGULA_ERROR_INCOMPATIBLE, "%s, but this machine has no CUDA driver (%s)", purpose, dlerror());
  const Symbol symbols[] = {
      {"cuInit", &driver.init},
      {"cuDeviceGetCount", &driver.deviceGetCount},
      {"cuDeviceGet", &driver.deviceGet},
      {"cuDeviceGetName", &driver.deviceGetName},
      {"cuDevicePrimaryCtxRetain", &driver.primaryContextRetain},
      {"cuDevicePrimaryCtxRelease_v2", &driver.primaryContextRelease},
      {"cuCtxPushCurrent_v2", &driver.contextPush},
      {"cuCtxPopCurrent_v2", &driver.contextPop},
      {"cuModuleLoadDataEx", &driver.moduleLoad},
      {"cuModuleUnload", &driver.moduleUnload},
      {"cuModuleGetFunction", &driver.moduleGetFunction},
      {"cuFuncSetAttribute", &driver.functionSetAttribute},
      {"cuMemAlloc_v2", &driver.memoryAllocate},
      {"cuMemFree_v2", &driver.memoryFree},
      {"cuMemcpyHtoDAsync_v2", &driver.copyToDevice},
      {"cuMemcpyDtoHAsync_v2", &driver.copyToHost},
      {"cuMemsetD8Async", &driver.fillBytes},
      {"cuStreamCreate", &driver.streamCreate},
      {"cuStreamDestroy_v2", &driver.streamDestroy},
      {"cuStreamSynchronize", &driver.streamSynchronize},
      {"cuLaunchKernel", &driver.launch},
      {"cuGetErrorString", &driver.errorString},
  };
  for (const Symbol &symbol : symbols) {
    void *function = dlsym(library, symbol.name);
    if (!function) {
      dlclose(library);
      return setError(TEGULA_ERROR_INCOMPATIBLE, "%s, but this machine's CUDA driver is too old: it has no %s", purpose,
                      symbol.name);
    }
    *static_cast<void **>(symbol.slot) = function;
  }
  int count = 0;
  CudaResult result = driver.init(0);
  if (result == 0)
    result = driver.deviceGetCount(&count);
  if (result == 0 && count > 0)
    return TEGULA_ERROR_NONE;
  const char *text = nullptr;
  if (result != 0 && driver.errorString(result, &text) != 0)
    text = nullptr;
  // The driver stays loaded: it does not survive being closed.
  return setError(TEGULA_ERROR_INCOMPATIBLE, "%s, but this machine has no usable GPU (%s)", purpose,
                  text ? text : "the CUDA driver lists none");
}

} // namespace

const CudaDriver *cudaDriver(const char *purpose) {
  pthread_mutex_lock(&driverMutex);
  if (!driverReady)
    driverReady = openDriver(purpose) == TEGULA_ERROR_NONE;
  bool ready = driverReady;
  pthread_mutex_unlock(&driverMutex);
  return ready ? &driver : nullptr;
}

tegula_error cudaFailed(const CudaDriver &driver, const char *what, CudaResult result) {
  constexpr CudaResult outOfMemory = 2; // CUDA_ERROR_OUT_OF_MEMORY
  const char *text = nullptr;
  if (driver.errorString(result, &text) != 0 || !text)
    text = "unknown error";
  return setError(result == outOfMemory ? TEGULA_ERROR_OUT_OF_MEMORY : TEGULA_ERROR_DEVICE, "%s: CUDA error %d (%s)",
                  what, result, text);
}

} // namespace tegula
