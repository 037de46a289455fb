// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifiers of recurrent layers.
#include "tegula/Dialect/Graph/IR/Graph.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace tegula::graph;

/// `states` results of [D, B, H] follow y.
template <typename OpTy> static LogicalResult inferRecurrent(OpTy op, int64_t states, SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(op.getX().getType());
  auto r = dyn_cast<RankedTensorType>(op.getR().getType());
  for (RankedTensorType type : {x, r})
    if (type && type.getRank() != 3)
      return op.emitOpError("expected x and r of rank 3, but got ") << type;
  Type element = cast<TensorType>(op.getX().getType()).getElementType();
  int64_t directions = op.getDirection() == "bidirectional" ? 2 : 1;
  int64_t steps = x ? x.getDimSize(0) : ShapedType::kDynamic, batches = x ? x.getDimSize(1) : ShapedType::kDynamic;
  int64_t hidden = r ? r.getDimSize(2) : ShapedType::kDynamic;
  types.push_back(RankedTensorType::get({steps, directions, batches, hidden}, element));
  types.append(states, RankedTensorType::get({directions, batches, hidden}, element));
  return success();
}

template <typename OpTy> static LogicalResult verifyRecurrent(OpTy op, int64_t gates, size_t activations) {
  StringRef direction = op.getDirection();
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    return op.emitOpError("expected direction to be forward, reverse or bidirectional, but got ") << direction;
  int64_t directions = direction == "bidirectional" ? 2 : 1;
  size_t count = activations * directions;
  if (op.getActivations().size() != count || op.getAlpha().size() != count || op.getBeta().size() != count)
    return op.emitOpError("expected ") << count << " activations with alpha and beta, but got "
                                       << op.getActivations().size();
  static const llvm::StringSet<> known{
      "Relu",       "Tanh",        "Sigmoid", "Affine",   "LeakyRelu", "ThresholdedRelu",
      "ScaledTanh", "HardSigmoid", "Elu",     "Softsign", "Softplus"};
  for (Attribute name : op.getActivations())
    if (!known.contains(cast<StringAttr>(name).getValue()))
      return op.emitOpError("expected a known activation, but got ") << name;
  auto x = dyn_cast<RankedTensorType>(op.getX().getType());
  auto w = dyn_cast<RankedTensorType>(op.getW().getType());
  auto r = dyn_cast<RankedTensorType>(op.getR().getType());
  for (RankedTensorType type : {x, w, r})
    if (type && type.getRank() != 3)
      return op.emitOpError("expected x, w and r of rank 3, but got ") << type;
  auto expect = [&](StringRef what, Value value, ArrayRef<int64_t> shape) -> LogicalResult {
    auto type = value ? dyn_cast<RankedTensorType>(value.getType()) : nullptr;
    if (!type)
      return success();
    bool fits = type.getRank() == int64_t(shape.size());
    for (size_t i = 0; fits && i < shape.size(); ++i)
      fits = ShapedType::isDynamic(shape[i]) || type.isDynamicDim(i) || type.getDimSize(i) == shape[i];
    if (fits)
      return success();
    return op.emitOpError("expected ") << what << " of " << RankedTensorType::get(shape, type.getElementType())
                                       << ", but got " << type;
  };
  if (!r)
    return success();
  int64_t hidden = r.getDimSize(2), batches = x ? x.getDimSize(1) : ShapedType::kDynamic;
  auto times = [&](int64_t n) { return ShapedType::isDynamic(hidden) ? hidden : hidden * n; };
  if (failed(expect("r", op.getR(), {directions, times(gates), hidden})) ||
      failed(expect("w", op.getW(), {directions, times(gates), x ? x.getDimSize(2) : ShapedType::kDynamic})) ||
      failed(expect("bias", op.getBias(), {directions, times(2 * gates)})) ||
      failed(expect("lengths", op.getLengths(), {batches})) ||
      failed(expect("initial_h", op.getInitialH(), {directions, batches, hidden})))
    return failure();
  if constexpr (std::is_same_v<OpTy, LstmOp>) {
    if (failed(expect("initial_c", op.getInitialC(), {directions, batches, hidden})) ||
        failed(expect("peepholes", op.getPeepholes(), {directions, times(3)})))
      return failure();
  }
  return success();
}

LogicalResult LstmOp::inferTypes(SmallVectorImpl<Type> &types) { return inferRecurrent(*this, 2, types); }
LogicalResult GruOp::inferTypes(SmallVectorImpl<Type> &types) { return inferRecurrent(*this, 1, types); }
LogicalResult RnnOp::inferTypes(SmallVectorImpl<Type> &types) { return inferRecurrent(*this, 1, types); }

LogicalResult LstmOp::verify() { return verifyRecurrent(*this, 4, 3); }
LogicalResult GruOp::verify() { return verifyRecurrent(*this, 3, 2); }
LogicalResult RnnOp::verify() { return verifyRecurrent(*this, 1, 1); }
