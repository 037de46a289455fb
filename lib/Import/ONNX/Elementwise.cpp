// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/GraphBuilder.h"
#include "tegula/Import/ONNX/NodeTable.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;

template <typename OpTy> static LogicalResult buildUnary(NodeContext &node) { return node.emit<OpTy>(node.operand(0)); }

template <typename OpTy> static LogicalResult buildBinary(NodeContext &node) {
  return node.emit<OpTy>(node.operand(0), node.operand(1));
}

/// Opset 6 and older broadcast the second operand only when `broadcast` is set: its dimensions meet those of the first
/// from `axis` on, or the last ones without it. Null (with a reason) when a rank is unknown.
static Value alignAtAxis(NodeContext &node) {
  Value rhs = node.operand(1);
  if (!node.getInteger("broadcast", 0) || !node.hasAttribute("axis"))
    return rhs;
  auto left = dyn_cast<RankedTensorType>(node.operand(0).getType());
  auto right = dyn_cast<RankedTensorType>(rhs.getType());
  if (!left || !right) {
    (void)node.unsupported("broadcasting at an axis of operands of unknown rank");
    return nullptr;
  }
  int64_t axis = node.getInteger("axis", 0);
  axis += axis < 0 ? left.getRank() : 0;
  int64_t trailing = left.getRank() - axis - right.getRank();
  if (axis < 0 || trailing < 0) {
    (void)node.error("expected an axis where the second operand fits, but got " + Twine(axis));
    return nullptr;
  }
  if (trailing == 0)
    return rhs;
  // A shape value of 0 copies the dimension, so that dynamic ones are no different.
  SmallVector<int64_t> shape(right.getShape()), values(right.getRank(), 0);
  shape.append(trailing, 1);
  values.append(trailing, 1);
  return node.create<graph::ReshapeOp>(RankedTensorType::get(shape, right.getElementType()), rhs, node.integers(values),
                                       false);
}

template <typename OpTy> static LogicalResult buildBinary1(NodeContext &node) {
  Value rhs = alignAtAxis(node);
  return rhs ? node.emit<OpTy>(node.operand(0), rhs) : failure();
}

/// Sum, Max, Min over any number of operands: a chain of binary ops.
template <typename OpTy> static Value chain(NodeContext &node) {
  Value value = node.operand(0);
  for (unsigned i = 1; i < node.operandCount(); ++i)
    value = node.create<OpTy>(i + 1 == node.operandCount() ? node.resultType()
                                                           : Type(UnrankedTensorType::get(node.elementType(0))),
                              value, node.operand(i));
  return value;
}

template <typename OpTy> static LogicalResult buildChain(NodeContext &node) {
  node.setResult(0, chain<OpTy>(node));
  return success();
}

static LogicalResult buildMean(NodeContext &node) {
  Value sum = chain<graph::AddOp>(node);
  if (node.operandCount() > 1)
    sum = node.create<graph::DivOp>(node.resultType(), sum,
                                    node.scalar(double(node.operandCount()), node.elementType(0)));
  node.setResult(0, sum);
  return success();
}

static LogicalResult buildMod(NodeContext &node) {
  return node.emit<graph::ModOp>(node.operand(0), node.operand(1), node.getInteger("fmod", 0) != 0);
}

template <bool total> static LogicalResult buildBitShift(NodeContext &node) {
  std::string direction = node.getString("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    return node.error("expected direction LEFT or RIGHT, but got '" + Twine(direction) + "'");
  return node.emit<graph::ShiftOp>(node.operand(0), node.operand(1), direction == "RIGHT", total);
}

static LogicalResult buildIsInf(NodeContext &node) {
  return node.emit<graph::IsInfOp>(node.operand(0), node.getInteger("detect_negative", 1) != 0,
                                   node.getInteger("detect_positive", 1) != 0);
}

/// min(max(x, lower), upper), so that the upper bound wins over the lower one.
static LogicalResult clip(NodeContext &node, Value lower, Value upper) {
  Value value = node.operand(0);
  if (lower)
    value = node.create<graph::MaxOp>(node.resultType(), value, lower);
  if (upper)
    value = node.create<graph::MinOp>(node.resultType(), value, upper);
  node.setResult(0, value);
  return success();
}

static LogicalResult buildClip(NodeContext &node) { return clip(node, node.operand(1), node.operand(2)); }

static LogicalResult buildClip1(NodeContext &node) {
  Value lower, upper;
  if (node.hasAttribute("min"))
    lower = node.scalar(double(node.getFloat("min", 0)), node.elementType(0));
  if (node.hasAttribute("max"))
    upper = node.scalar(double(node.getFloat("max", 0)), node.elementType(0));
  return clip(node, lower, upper);
}

/// The result's element type is that of attribute `to`, or what ONNX inferred where there is none.
static LogicalResult cast(NodeContext &node, Type element) {
  if (!element)
    return node.error("expected an element type, but got none");
  Type type = node.resultType(0, element);
  bool fromText = isa<graph::StringType>(node.elementType(0)), toText = isa<graph::StringType>(element);
  if (fromText && toText) {
    node.setResult(0, node.operand(0));
    return success();
  }
  if (fromText || toText) {
    Type number = fromText ? element : node.elementType(0);
    bool isWide = number.isInteger() || number.isF32() || number.isF64();
    if (!isWide || (number.isInteger() && number.getIntOrFloatBitWidth() < 8 && !(toText && number.isInteger(1))))
      return node.unsupported("text of elements other than f32, f64, bool and integers of 8 bits or more");
    if (toText)
      node.setResult(0, node.create<graph::FormatOp>(type, node.operand(0)));
    else
      node.setResult(0, node.create<graph::ParseOp>(type, node.operand(0)));
    return success();
  }
  node.setResult(0, node.create<graph::CastOp>(type, node.operand(0), node.getInteger("saturate", 1) != 0,
                                               node.getString("round_mode", "up")));
  return success();
}

static LogicalResult buildCast(NodeContext &node) {
  return cast(node, node.graph.convertAnyElementType(int32_t(node.getInteger("to", 0))));
}

/// Opset 1 spells the type's name.
static LogicalResult buildCast1(NodeContext &node) {
  std::string name = node.getString("to", "");
  onnx::TensorProto::DataType type;
  if (!onnx::TensorProto::DataType_Parse(llvm::StringRef(name).upper(), &type))
    return node.error("expected attribute to with a type's name, but got '" + name + "'");
  return cast(node, node.graph.convertAnyElementType(type));
}

static LogicalResult buildCastLike(NodeContext &node) { return cast(node, node.elementType(1)); }

static LogicalResult buildBitCast(NodeContext &node) {
  Type element = node.graph.convertElementType(int32_t(node.getInteger("to", 0)));
  if (!element)
    return node.unsupported("strings");
  if (isa<ComplexType>(element) || isa<ComplexType>(node.elementType(0)))
    return node.unsupported("complex elements");
  node.setResult(0, node.create<graph::BitcastOp>(node.resultType(0, element), node.operand(0)));
  return success();
}

static LogicalResult buildWhere(NodeContext &node) {
  return node.emit<graph::WhereOp>(node.operand(0), node.operand(1), node.operand(2));
}

/// Comparisons give bools, also where ONNX could not infer the shape.
template <typename OpTy> static LogicalResult compare(NodeContext &node, Value rhs) {
  node.setResult(0, node.create<OpTy>(node.resultType(0, node.builder.getI1Type()), node.operand(0), rhs));
  return success();
}
template <typename OpTy> static LogicalResult buildCompare(NodeContext &node) {
  return compare<OpTy>(node, node.operand(1));
}
template <typename OpTy> static LogicalResult buildCompare1(NodeContext &node) {
  Value rhs = alignAtAxis(node);
  return rhs ? compare<OpTy>(node, rhs) : failure();
}
static LogicalResult buildIsNan(NodeContext &node) {
  node.setResult(0, node.create<graph::IsNanOp>(node.resultType(0, node.builder.getI1Type()), node.operand(0)));
  return success();
}

void tegula::addElementwiseNodes(NodeTable &table) {
#define BINARY(Name, Op)                                                                                               \
  table.add(Name, 1, buildBinary1<graph::Op>);                                                                         \
  table.add(Name, 7, buildBinary<graph::Op>)
  BINARY("Add", AddOp);
  BINARY("Sub", SubOp);
  BINARY("Mul", MulOp);
  BINARY("Div", DivOp);
  BINARY("Pow", PowOp);
  BINARY("And", AndOp);
  BINARY("Or", OrOp);
  BINARY("Xor", XorOp);
#undef BINARY
#define COMPARE(Name, Op)                                                                                              \
  table.add(Name, 1, buildCompare1<graph::Op>);                                                                        \
  table.add(Name, 7, buildCompare<graph::Op>)
  COMPARE("Equal", EqualOp);
  COMPARE("Less", LessOp);
  COMPARE("Greater", GreaterOp);
#undef COMPARE
  table.add("LessOrEqual", 12, buildCompare<graph::LessOrEqualOp>);
  table.add("GreaterOrEqual", 12, buildCompare<graph::GreaterOrEqualOp>);
  table.add("BitwiseAnd", 18, buildBinary<graph::AndOp>);
  table.add("BitwiseOr", 18, buildBinary<graph::OrOp>);
  table.add("BitwiseXor", 18, buildBinary<graph::XorOp>);
  table.add("BitwiseNot", 18, buildUnary<graph::NotOp>);
  table.add("Not", 1, buildUnary<graph::NotOp>);
  table.add("Mod", 10, buildMod);
  table.add("BitShift", 11, buildBitShift<false>);
  table.add("BitShift", 28, buildBitShift<true>);
  table.add("Sum", 1, buildChain<graph::AddOp>);
  table.add("Max", 1, buildChain<graph::MaxOp>);
  table.add("Min", 1, buildChain<graph::MinOp>);
  table.add("Mean", 1, buildMean);
  table.add("Clip", 1, buildClip1);
  table.add("Clip", 11, buildClip);
  table.add("IsNaN", 9, buildIsNan);
  table.add("IsInf", 10, buildIsInf);
#define UNARY(Name, since, Op) table.add(Name, since, buildUnary<graph::Op>)
  UNARY("Neg", 1, NegOp);
  UNARY("Abs", 1, AbsOp);
  UNARY("Sign", 9, SignOp);
  UNARY("Ceil", 1, CeilOp);
  UNARY("Floor", 1, FloorOp);
  UNARY("Round", 11, RoundOp);
  UNARY("Reciprocal", 1, ReciprocalOp);
  UNARY("Sqrt", 1, SqrtOp);
  UNARY("Exp", 1, ExpOp);
  UNARY("Log", 1, LogOp);
  UNARY("Erf", 9, ErfOp);
  UNARY("Sin", 7, SinOp);
  UNARY("Cos", 7, CosOp);
  UNARY("Tan", 7, TanOp);
  UNARY("Asin", 7, AsinOp);
  UNARY("Acos", 7, AcosOp);
  UNARY("Atan", 7, AtanOp);
  UNARY("Sinh", 9, SinhOp);
  UNARY("Cosh", 9, CoshOp);
  UNARY("Tanh", 1, TanhOp);
  UNARY("Asinh", 9, AsinhOp);
  UNARY("Acosh", 9, AcoshOp);
  UNARY("Atanh", 9, AtanhOp);
#undef UNARY
  table.add("Cast", 1, buildCast1);
  table.add("Cast", 6, buildCast);
  table.add("CastLike", 15, buildCastLike);
  table.add("BitCast", 26, buildBitCast);
  table.add("Where", 9, buildWhere);
}
