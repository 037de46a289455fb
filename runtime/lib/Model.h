// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a loaded model holds; immutable once made.
#ifndef TEGULA_RUNTIME_MODEL_H
#define TEGULA_RUNTIME_MODEL_H

#include "Memory.h"
#include "SharedLibrary.h"
#include "Sidecar.h"
#include "tegula/model.h"
#include <atomic>
#include <pthread.h>

namespace tegula {
class DeviceModel;
} // namespace tegula

struct tegula_model {
  std::atomic<int32_t> references{1};
  const tegula_artifact *artifact = nullptr;
  tegula::SharedLibrary library; // empty for an artifact in memory
  tegula::Sidecar sidecar;
  const void *constants = nullptr;

  // Per dimension of all inputs, one input after the other: number of its symbolic dimension, or -1.
  tegula::Array<int32_t> inputSymbols;
  int32_t symbolCount = 0;
  int64_t largestWorkspace = 0; // bytes per worker

  // What of a GPU model is on the device: made with the first context, so that a machine without a GPU can describe it.
  pthread_mutex_t deviceMutex = PTHREAD_MUTEX_INITIALIZER;
  tegula::DeviceModel *device = nullptr;

  ~tegula_model();
};

namespace tegula {
/// The device's half of the kernel table; null for a CPU model.
const tegula_device_kernel *deviceKernelsOf(const tegula_artifact &artifact);
} // namespace tegula

#endif
