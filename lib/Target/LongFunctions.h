// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_LIB_TARGET_LONGFUNCTIONS_H
#define TEGULA_LIB_TARGET_LONGFUNCTIONS_H

#include "llvm/IR/Module.h"
#include "llvm/IR/PassManager.h"

namespace tegula {

/// LLVM's time grows with the square of a function's length, in optimizer and code generator. A function that is too
/// long for them is the host function of a model with thousands of dispatches, which does little itself: it is cut into
/// pieces that are not optimized, so that its compilation takes time in proportion to it.
void cutLongFunctions(llvm::Module &module, llvm::FunctionAnalysisManager &functions);

} // namespace tegula

#endif // TEGULA_LIB_TARGET_LONGFUNCTIONS_H
