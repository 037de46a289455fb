// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a loaded model holds; immutable once made.
#ifndef TEGULA_RUNTIME_MODEL_H
#define TEGULA_RUNTIME_MODEL_H

#include "Memory.h"
#include "SharedLibrary.h"
#include "Sidecar.h"
#include "tegula/model.h"
#include <atomic>

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
  bool device = false;          // kernels are PTX: memory and launches belong to the CUDA driver
};

#endif
