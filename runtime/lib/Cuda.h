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

void releaseDeviceModel(DeviceModel *model);

/// Prepares `context` to run on the first GPU: modules and constants with the model's first context, then a stream,
/// the arena and the workspace.
tegula_error createDeviceContext(tegula_context &context);
void releaseDeviceContext(DeviceContext *device);

/// Runs the program; inputs and outputs of `context` are bound. Output slots hold host memory in the end.
tegula_error runOnDevice(tegula_context &context, const tegula_tensor *inputs);

} // namespace tegula
#endif
