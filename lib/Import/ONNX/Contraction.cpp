// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Quantized.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tegula;

static LogicalResult buildMatMul(NodeContext &node) {
  return node.emit<graph::MatMulOp>(node.operand(0), node.operand(1), false, false);
}

/// Gemm: alpha * A' * B' + beta * C. Opset 6 and older broadcast C only with the attribute `broadcast`; a C of the
/// result's shape needs none, so both read the same.
static LogicalResult buildGemm(NodeContext &node) {
  Type type = node.resultType();
  Value product = node.create<graph::MatMulOp>(type, node.operand(0), node.operand(1),
                                               node.getInteger("transA", 0) != 0, node.getInteger("transB", 0) != 0);
  float alpha = node.getFloat("alpha", 1), beta = node.getFloat("beta", 1);
  Type element = node.elementType(0);
  if (alpha != 1)
    product = node.create<graph::MulOp>(type, product, node.scalar(double(alpha), element));
  if (Value bias = node.operand(2)) {
    if (beta != 1)
      bias = node.create<graph::MulOp>(bias.getType(), bias, node.scalar(double(beta), element));
    product = node.create<graph::AddOp>(type, product, bias);
  }
  node.setResult(0, product);
  return success();
}

static LogicalResult buildEinsum(NodeContext &node) {
  SmallVector<Value> operands;
  for (unsigned i = 0; i < node.operandCount(); ++i)
    operands.push_back(node.operand(i));
  return node.emit<graph::EinsumOp>(operands, node.getString("equation", ""));
}

/// The constant that all elements of a zero point are; 0 for an absent one.
static std::optional<int64_t> uniformZeroPoint(Value zero) {
  if (!zero)
    return 0;
  if (auto reshape = zero.getDefiningOp<graph::ReshapeOp>())
    zero = reshape.getX();
  auto values = graph::getConstantIntegers(zero);
  return values && !values->empty() && llvm::all_equal(*values) ? std::optional(values->front()) : std::nullopt;
}

std::pair<IntegerOperand, IntegerOperand> tegula::subtractZeroPoints(NodeContext &node, Value lhs, Value lhsZero,
                                                                     Value rhs, Value rhsZero) {
  auto left = uniformZeroPoint(lhsZero), right = uniformZeroPoint(rhsZero);
  if (left && right)
    return {{lhs, *left}, {rhs, *right}};
  Type i32 = node.builder.getI32Type();
  auto widen = [&](Value value) -> Value {
    return node.create<graph::CastOp>(cast<TensorType>(value.getType()).clone(i32), value, true);
  };
  auto subtract = [&](Value value, Value zero) -> Value {
    Value wide = widen(value);
    return uniformZeroPoint(zero) == 0 ? wide : node.create<graph::SubOp>(wide.getType(), wide, widen(zero));
  };
  Value wideLeft = subtract(lhs, lhsZero), wideRight = subtract(rhs, rhsZero);
  return {{wideLeft}, {wideRight}};
}

LogicalResult tegula::requantize(NodeContext &node, Value sum, Value lhsScale, Value rhsScale, Value scale,
                                 Value zero) {
  Type element = cast<TensorType>(scale.getType()).getElementType();
  Type unknown = UnrankedTensorType::get(element);
  Value factor = node.create<graph::MulOp>(unknown, lhsScale, rhsScale);
  Value real = node.create<graph::CastOp>(unknown, sum, true);
  real = node.create<graph::MulOp>(unknown, real, factor);
  Type resultElement = zero ? cast<TensorType>(zero.getType()).getElementType()
                            : Type(IntegerType::get(node.builder.getContext(), 8, IntegerType::Unsigned));
  SmallVector<Value> operands{real, scale};
  if (zero)
    operands.push_back(zero);
  Value result = node.compose("QuantizeLinear", operands, {}, resultElement);
  if (!result)
    return failure();
  node.setResult(0, result);
  return success();
}

/// A zero point (or scale) of rows [M], as a column [M, 1] against [.., M, K]; other ranks broadcast as they are.
static Value alignWithRows(NodeContext &node, Value value, Value matrix) {
  auto type = dyn_cast_or_null<RankedTensorType>(value ? value.getType() : Type());
  auto matrixType = dyn_cast<RankedTensorType>(matrix.getType());
  if (!type || type.getRank() != 1 || type.getDimSize(0) == 1 || !matrixType || matrixType.getRank() < 2)
    return value;
  return node.reshape(value, {-1, 1});
}

static LogicalResult buildMatMulInteger(NodeContext &node) {
  Value lhs = node.operand(0), rhs = node.operand(1);
  auto [left, right] = subtractZeroPoints(node, lhs, alignWithRows(node, node.operand(2), lhs), rhs, node.operand(3));
  Value result = node.create<graph::MatMulOp>(node.resultType(0, node.builder.getI32Type()), left.value, right.value,
                                              false, false, left.zeroPoint, right.zeroPoint);
  node.setResult(0, result);
  return success();
}

/// a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point.
static LogicalResult buildQLinearMatMul(NodeContext &node) {
  Value lhs = node.operand(0), rhs = node.operand(3);
  auto [left, right] = subtractZeroPoints(node, lhs, alignWithRows(node, node.operand(2), lhs), rhs, node.operand(5));
  Value sum = node.create<graph::MatMulOp>(UnrankedTensorType::get(node.builder.getI32Type()), left.value, right.value,
                                           false, false, left.zeroPoint, right.zeroPoint);
  return requantize(node, sum, alignWithRows(node, node.operand(1), lhs), node.operand(4), node.operand(6),
                    node.operand(7));
}

void tegula::addContractionNodes(NodeTable &table) {
  table.add("MatMul", 1, buildMatMul);
  table.add("Gemm", 1, buildGemm);
  table.add("Einsum", 12, buildEinsum);
  table.add("MatMulInteger", 10, buildMatMulInteger);
  table.add("QLinearMatMul", 10, buildQLinearMatMul);
}
