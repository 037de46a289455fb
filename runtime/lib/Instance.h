// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the functions that a model exports call in the runtime core beside it; see tegula/instance.h. The compiler knows
// these names.
#ifndef TEGULA_RUNTIME_INSTANCE_H
#define TEGULA_RUNTIME_INSTANCE_H

#include "Cuda.h"
#include "tegula/instance.h"

extern "C" {

/// `device` is null for a CPU model.
tegula_error tegula_instance_create(const tegula_artifact *artifact, const tegula::Device *device,
                                    const tegula_host *host, tegula_instance **result);
tegula_error tegula_instance_clone(const tegula_instance *instance, tegula_instance **result);
tegula_error tegula_instance_run(tegula_instance *instance, const tegula_tensor *inputs, int32_t inputCount,
                                 tegula_tensor *outputs, int32_t outputCount);
void tegula_instance_release(tegula_instance *instance);
const char *tegula_instance_last_error(void);

} // extern "C"
#endif
