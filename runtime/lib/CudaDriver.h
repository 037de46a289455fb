// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The few functions of the CUDA driver API that the runtime calls, found at run time in libcuda.so.1: nothing of CUDA
// is needed to build or to run a CPU model.
#ifndef TEGULA_RUNTIME_CUDADRIVER_H
#define TEGULA_RUNTIME_CUDADRIVER_H

#include "Error.h"

namespace tegula {

using CudaResult = int; // 0: success
using CudaDevice = int;
using CudaPointer = unsigned long long;
using CudaHandle = void *; // context, module, function or stream

struct CudaDriver {
  CudaResult (*init)(unsigned flags);
  CudaResult (*deviceGetCount)(int *count);
  CudaResult (*deviceGet)(CudaDevice *device, int ordinal);
  CudaResult (*deviceGetName)(char *name, int length, CudaDevice device);
  CudaResult (*primaryContextRetain)(CudaHandle *context, CudaDevice device);
  CudaResult (*primaryContextRelease)(CudaDevice device);
  CudaResult (*contextPush)(CudaHandle context);
  CudaResult (*contextPop)(CudaHandle *context);
  CudaResult (*moduleLoad)(CudaHandle *module, const void *image, unsigned optionCount, int *options, void **values);
  CudaResult (*moduleUnload)(CudaHandle module);
  CudaResult (*moduleGetFunction)(CudaHandle *function, CudaHandle module, const char *name);
  CudaResult (*functionSetAttribute)(CudaHandle function, int attribute, int value);
  CudaResult (*memoryAllocate)(CudaPointer *pointer, size_t bytes);
  CudaResult (*memoryFree)(CudaPointer pointer);
  CudaResult (*copyToDevice)(CudaPointer to, const void *from, size_t bytes, CudaHandle stream);
  CudaResult (*copyToHost)(void *to, CudaPointer from, size_t bytes, CudaHandle stream);
  CudaResult (*fillBytes)(CudaPointer to, unsigned char value, size_t bytes, CudaHandle stream);
  CudaResult (*streamCreate)(CudaHandle *stream, unsigned flags);
  CudaResult (*streamDestroy)(CudaHandle stream);
  CudaResult (*streamSynchronize)(CudaHandle stream);
  CudaResult (*launch)(CudaHandle function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                       unsigned blockY, unsigned blockZ, unsigned sharedBytes, CudaHandle stream, void **parameters,
                       void **extra);
  CudaResult (*errorString)(CudaResult result, const char **text);
};

/// The driver, initialized; null, after setError with the reason, when this machine has none or no GPU. `purpose`
/// starts the message.
const CudaDriver *cudaDriver(const char *purpose);

/// Records "<what>: <the driver's text>".
tegula_error cudaFailed(const CudaDriver &driver, const char *what, CudaResult result);

} // namespace tegula
#endif
