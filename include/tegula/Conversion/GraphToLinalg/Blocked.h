// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Lowerings of the ops that stage layout makes. Internal to lib/Conversion/GraphToLinalg.
#ifndef TEGULA_CONVERSION_GRAPHTOLINALG_BLOCKED_H
#define TEGULA_CONVERSION_GRAPHTOLINALG_BLOCKED_H

#include "tegula/Conversion/GraphToLinalg/Lowering.h"

namespace tegula {

void populateBlockedConvolutionLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateBlockedMatMulLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateAttentionLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);

} // namespace tegula

#endif
