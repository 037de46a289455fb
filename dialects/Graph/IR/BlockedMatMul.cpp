// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifiers of matrix products on blocked columns.
#include "tegula/Dialect/Graph/IR/Blocked.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula::graph;

static Type elementOf(Value value) { return cast<TensorType>(value.getType()).getElementType(); }

int64_t tegula::graph::getBlockLength(ModuleOp module, int64_t lanes) {
  auto common = module->getAttrOfType<IntegerAttr>("graph.channel_block");
  return common ? common.getInt() : lanes;
}

int64_t tegula::graph::getByteGroup(ModuleOp module) {
  auto common = module->getAttrOfType<IntegerAttr>("graph.channel_group");
  return common ? common.getInt() : 0;
}

LogicalResult tegula::graph::verifyBlockAttribute(Operation *op, NamedAttribute attribute) {
  bool isBlock = attribute.getName() == "graph.channel_block";
  if (!isBlock && attribute.getName() != "graph.channel_group")
    return success();
  auto length = dyn_cast<IntegerAttr>(attribute.getValue());
  if (isa<ModuleOp>(op) && length &&
      (isBlock ? llvm::is_contained({4, 8, 16}, length.getInt()) : llvm::is_contained({2, 4}, length.getInt())))
    return success();
  return op->emitOpError("expected ") << attribute.getName().getValue() << " to be "
                                      << (isBlock ? "4, 8 or 16" : "2 or 4") << " on a module, but got "
                                      << attribute.getValue();
}

LogicalResult BlockColumnsOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (!x) {
    types.push_back(UnrankedTensorType::get(elementOf(getX())));
    return success();
  }
  int64_t columns = x.getDimSize(1), length = getLength();
  int64_t blocks = ShapedType::isDynamic(columns) ? columns : int64_t(llvm::divideCeil(columns, length));
  types.push_back(RankedTensorType::get({blocks, x.getDimSize(0), length}, x.getElementType()));
  return success();
}

LogicalResult BlockColumnsOp::verify() {
  if (int64_t(getLength()) <= 0)
    return emitOpError("expected a positive length, but got ") << int64_t(getLength());
  if (auto x = dyn_cast<RankedTensorType>(getX().getType()); x && x.getRank() != 2)
    return emitOpError("expected an operand [K, N], but got ") << x;
  return success();
}

LogicalResult BlockedMatMulOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (!x) {
    types.push_back(UnrankedTensorType::get(elementOf(getY())));
    return success();
  }
  SmallVector<int64_t> shape(x.getShape());
  shape.back() = int64_t(getColumns());
  types.push_back(RankedTensorType::get(shape, elementOf(getY())));
  return success();
}

LogicalResult BlockedMatMulOp::verify() {
  auto isFloat = [](Type type) { return type.isF32() || type.isF16() || type.isBF16(); };
  Type from = elementOf(getX()), held = elementOf(getWeight()), to = elementOf(getY());
  if (!isFloat(from) || !(isFloat(held) || held.isInteger(8)) || (to != from && !to.isF32()))
    return emitOpError("expected an operand of f32, f16 or bf16, a weight of these or of 8 bits, and a result of the "
                       "operand's type or f32, but got ")
           << from << ", " << held << " and " << to;
  auto weight = dyn_cast<RankedTensorType>(getWeight().getType());
  int64_t columns = getColumns();
  if (!weight || weight.getRank() != 3 || !weight.hasStaticShape() || weight.getNumElements() == 0 || columns <= 0 ||
      weight.getDimSize(0) != int64_t(llvm::divideCeil(columns, weight.getDimSize(2))))
    return emitOpError("expected a weight [ceil(")
           << columns << " / c), K, c] of static shape, but got " << getWeight().getType();
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (x && (x.getRank() == 0 || (!x.isDynamicDim(x.getRank() - 1) && x.getShape().back() != weight.getDimSize(1))))
    return emitOpError("expected an operand [..., ") << weight.getDimSize(1) << "], but got " << x;
  return success();
}
