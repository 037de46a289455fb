// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Kernel/ConstantEvaluator.h"

MLIR_DEFINE_EXPLICIT_TYPE_ID(tegula::ConstantEvaluator)
