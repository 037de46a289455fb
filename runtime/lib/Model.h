// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a loaded model holds; immutable once made.
#ifndef TEGULA_RUNTIME_MODEL_H
#define TEGULA_RUNTIME_MODEL_H

#include "Memory.h"
#include "Sidecar.h"
#include "tegula/model.h"
#include <atomic>
#include <pthread.h>

namespace tegula {
class DeviceModel;
class SharedLibrary;
struct Device;
} // namespace tegula

struct tegula_model {
  std::atomic<int32_t> references{1};
  const tegula_artifact *artifact = nullptr;
  tegula::SharedLibrary *library = nullptr; // null for an artifact in memory
  void (*closeLibrary)(tegula::SharedLibrary *) = nullptr;
  tegula::Sidecar sidecar;
  const void *constants = nullptr;

  // Per dimension of all inputs, one input after the other: number of its symbolic dimension, or -1.
  tegula::Array<int32_t> inputSymbols;
  // The default of each input, all zeros where it has none; empty when none has.
  tegula::Array<tegula_tensor> defaults;
  int32_t symbolCount = 0;
  int64_t largestWorkspace = 0; // bytes per worker

  // What of a GPU model is on the device: made with the first context, so that a machine without a GPU can describe it.
  pthread_mutex_t deviceMutex = PTHREAD_MUTEX_INITIALIZER;
  tegula::DeviceModel *device = nullptr;
  const tegula::Device *deviceFunctions = nullptr; // may be null for a CPU model

  ~tegula_model();
};

namespace tegula {
/// Checks the artifact and this machine and prepares the rest of the model. `directory`: the sidecar's folder where
/// `options` names none; null if unknown.
tegula_error finishModel(tegula_model &model, const tegula_model_options *options, const char *directory);

/// The type of input or output `k`, of which `table` is the artifact's; null for a tensor.
inline const tegula_value_type *valueTypeOf(const tegula_artifact &artifact, const tegula_value_type *const *table,
                                            int32_t k) {
  return artifact.struct_size >= sizeof(tegula_artifact) && table ? table[k] : nullptr;
}
/// The device's half of the kernel table; null for a CPU model.
const tegula_device_kernel *deviceKernelsOf(const tegula_artifact &artifact);
} // namespace tegula

#endif
