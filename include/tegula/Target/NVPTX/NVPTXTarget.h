// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// NVIDIA GPUs: PTX text from LLVM IR. The host function runs on the CPU and passes device memory on.
#ifndef TEGULA_TARGET_NVPTX_NVPTXTARGET_H
#define TEGULA_TARGET_NVPTX_NVPTXTARGET_H

#include "tegula/Target/TargetBackend.h"

namespace tegula {

/// The target `nvptx`: "nvptx:sm_80", "nvptx:sm_90". Any architecture from sm_80 on that LLVM knows is taken; without
/// one the error lists examples.
const TargetBackend &getNVPTXBackend();

} // namespace tegula

#endif
