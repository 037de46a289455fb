// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the integer contractions of ONNX share; internal to lib/Import.
#ifndef TEGULA_IMPORT_ONNX_QUANTIZED_H
#define TEGULA_IMPORT_ONNX_QUANTIZED_H

#include "tegula/Import/ONNX/NodeTable.h"

namespace tegula {

/// An operand of an integer contraction: 8-bit with a zero point, or i32.
struct IntegerOperand {
  mlir::Value value;
  int64_t zeroPoint = 0;
};

/// Both operands of an integer contraction less their zero points (null: none). They stay 8-bit integers when both zero
/// points are constants of one value each, and become i32, less their zero points, otherwise.
std::pair<IntegerOperand, IntegerOperand> subtractZeroPoints(NodeContext &node, mlir::Value lhs, mlir::Value lhsZero,
                                                             mlir::Value rhs, mlir::Value rhsZero);

/// Makes round(sum * lhs_scale * rhs_scale / scale) + zero, saturated to the zero point's type, the node's result.
mlir::LogicalResult requantize(NodeContext &node, mlir::Value sum, mlir::Value lhsScale, mlir::Value rhsScale,
                               mlir::Value scale, mlir::Value zero);

} // namespace tegula

#endif
