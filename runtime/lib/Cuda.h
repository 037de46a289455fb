// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Models whose kernels are PTX. The host function runs on the CPU and gets device addresses; its dispatches go to one
// stream per context, in order; inputs are copied to the device before it, outputs to the host after it.
#ifndef TEGULA_RUNTIME_CUDA_H
#define TEGULA_RUNTIME_CUDA_H

#include "tegula/model.h"

struct tegula_context;

namespace tegula {

class DeviceModel;
class DeviceContext;

/// What a kind of device does for models whose kernels run on it.
struct Device {
  /// Prepares `context` to run on the first GPU: modules and constants with the model's first context, then a stream,
  /// the arena and the workspace.
  tegula_error (*createContext)(tegula_context &context);
  void (*releaseContext)(DeviceContext *device);
  void (*releaseModel)(DeviceModel *model);
  /// Runs the program; inputs and outputs of `context` are bound. Output slots hold host memory in the end.
  tegula_error (*run)(tegula_context &context, const tegula_tensor *inputs);
};

} // namespace tegula

/// A model for the CPU does without it and its use of the dynamic loader; so its name is C's.
extern "C" const tegula::Device tegula_cuda_device;
#endif
