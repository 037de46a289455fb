// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifiers of convolutions on blocked channels.
#include "tegula/Dialect/Graph/IR/Blocked.h"
#include "tegula/Dialect/Graph/IR/Window.h"

using namespace mlir;
using namespace tegula::graph;

static RankedTensorType ranked(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

static Type elementOf(Value value) { return cast<TensorType>(value.getType()).getElementType(); }
/// Whether neighboring elements of the weight are summed together.
template <typename OpTy> static bool isGrouped(OpTy op) { return !elementOf(op.getX()).isF32(); }

/// Operands and result are of f32, of bf16, or of integers as the ops say.
template <typename OpTy> static LogicalResult verifyElements(OpTy op) {
  Type x = elementOf(op.getX()), weight = elementOf(op.getWeight()), y = elementOf(op.getY());
  if (op.getBias() && elementOf(op.getBias()) != y)
    return op.emitOpError("expected a bias of the result's type ") << y << ", but got " << op.getBias().getType();
  bool isFloat = x.isF32() || (x.isBF16() && isa<BlockedConvOp>(op));
  if (isFloat) {
    if (weight != x || !y.isF32())
      return op.emitOpError("expected a weight of the operand's type and a result of f32 for an operand of ")
             << x << ", but got " << weight << " and " << y;
    if (op.getXOffset() != 0 || op.getXPadding() != 0)
      return op.emitOpError("expected x_offset and x_padding for 8-bit operands only");
    return success();
  }
  if (!x.isInteger(8))
    return op.emitOpError("expected an operand of f32 or of 8 bits, but got ") << x;
  if (!(weight.isSignlessInteger(8) || weight.isSignlessInteger(16)) || !y.isSignlessInteger(32))
    return op.emitOpError("expected a weight of i8 or i16 and a result of i32 for an 8-bit operand, but got ")
           << weight << " and " << y;
  int64_t low = x.isUnsignedInteger() ? 0 : -128, padding = op.getXPadding();
  if (padding < low || padding > low + 255)
    return op.emitOpError("expected x_padding to be a value of ") << x << ", but got " << padding;
  return success();
}

/// What both ops ask of `x`, the weight (of rank `weightRank`, and one more for groups), the window and the elements.
template <typename OpTy> static LogicalResult verifyCommon(OpTy op, int64_t weightRank) {
  if (failed(verifyElements(op)))
    return failure();
  weightRank += isGrouped(op);
  if (RankedTensorType x = ranked(op.getX()); x && (x.getRank() != 5 || ShapedType::isDynamic(x.getDimSize(4))))
    return op.emitOpError("expected an operand [N, C / c, H, W, c] with static c, but got ") << x;
  RankedTensorType weight = ranked(op.getWeight());
  if (!weight || !weight.hasStaticShape() || weight.getRank() != weightRank || weight.getNumElements() == 0)
    return op.emitOpError("expected a weight of rank ")
           << weightRank << " and static shape, but got " << op.getWeight().getType();
  if (failed(verifyWindow(op, 2, op.getStrides(), op.getDilations(), op.getPads(), op.getAutoPad())))
    return failure();
  if (llvm::any_of(op.getPads(), [](int64_t pad) { return pad < 0; }))
    return op.emitOpError("expected pads of 0 or more");
  return success();
}

/// Blocks and block length of an operand agree with what the weight says.
static LogicalResult verifyBlocks(Operation *op, StringRef name, Value value, ArrayRef<int64_t> dims, int64_t blocks,
                                  int64_t length) {
  RankedTensorType type = value ? ranked(value) : RankedTensorType();
  if (!type)
    return success();
  if (type.getRank() <= dims[1] || (!type.isDynamicDim(dims[0]) && type.getDimSize(dims[0]) != blocks) ||
      (!type.isDynamicDim(dims[1]) && type.getDimSize(dims[1]) != length))
    return op->emitOpError("expected ") << blocks << " blocks of " << length << " channels as the weight says, but the "
                                        << name << " is " << type;
  return success();
}

LogicalResult BlockedConvOp::inferTypes(SmallVectorImpl<Type> &types) {
  RankedTensorType x = ranked(getX()), weight = ranked(getWeight());
  if (!x || !weight) {
    types.push_back(UnrankedTensorType::get(cast<TensorType>(getY().getType()).getElementType()));
    return success();
  }
  SmallVector<int64_t> kernel{3, 3}, shape{x.getDimSize(0), weight.getDimSize(getWinograd() ? 2 : 0)};
  if (!getWinograd())
    kernel = {weight.getDimSize(2), weight.getDimSize(3)};
  if (failed(inferWindows(*this, x.getShape().take_front(4), kernel, getStrides(), getDilations(), getPads(),
                          getAutoPad(), /*ceilMode=*/false, shape)))
    return failure();
  shape.push_back(weight.getDimSize(5));
  types.push_back(RankedTensorType::get(shape, elementOf(getY())));
  return success();
}

LogicalResult BlockedConvOp::verify() {
  if (failed(verifyCommon(*this, 6)))
    return failure();
  ArrayRef<int64_t> weight = cast<RankedTensorType>(getWeight().getType()).getShape();
  int64_t first = 0, winograd = getWinograd();
  if (winograd) {
    auto isOne = [](int64_t value) { return value == 1; };
    if ((winograd != 2 && winograd != 4) || !llvm::all_of(getStrides(), isOne) || !llvm::all_of(getDilations(), isOne))
      return emitOpError("expected tiles of 2 or 4 with stride and dilation 1 for Winograd's algorithm, but got tiles "
                         "of ")
             << winograd;
    if (weight[0] != winograd + 2 || weight[1] != winograd + 2)
      return emitOpError("expected a transformed weight of ")
             << winograd + 2 << " x " << winograd + 2 << ", but got " << getWeight().getType();
    first = 2;
  }
  if (winograd && isGrouped(*this))
    return emitOpError("expected f32 for Winograd's algorithm, but got ") << getX().getType();
  int64_t inner = isGrouped(*this) ? weight[4] * weight[6] : weight[4];
  if (failed(verifyBlocks(*this, "operand", getX(), {1, 4}, weight[first + 1], inner)) ||
      failed(verifyBlocks(*this, "bias", getBias(), {0, 1}, weight[first], weight[5])))
    return failure();
  SmallVector<Type> types;
  return inferTypes(types);
}

LogicalResult BlockedDepthwiseConvOp::inferTypes(SmallVectorImpl<Type> &types) {
  RankedTensorType x = ranked(getX()), weight = ranked(getWeight());
  if (!x || !weight) {
    types.push_back(UnrankedTensorType::get(cast<TensorType>(getY().getType()).getElementType()));
    return success();
  }
  SmallVector<int64_t> shape{x.getDimSize(0), weight.getDimSize(0)}, kernel(weight.getShape().slice(1, 2));
  if (isGrouped(*this))
    kernel[1] *= weight.getDimSize(4);
  if (failed(inferWindows(*this, x.getShape().take_front(4), kernel, getStrides(), getDilations(), getPads(),
                          getAutoPad(), /*ceilMode=*/false, shape)))
    return failure();
  shape.push_back(weight.getDimSize(3));
  types.push_back(RankedTensorType::get(shape, elementOf(getY())));
  return success();
}

LogicalResult BlockedDepthwiseConvOp::verify() {
  if (failed(verifyCommon(*this, 4)))
    return failure();
  ArrayRef<int64_t> weight = cast<RankedTensorType>(getWeight().getType()).getShape();
  if (failed(verifyBlocks(*this, "operand", getX(), {1, 4}, weight[0], weight[3])) ||
      failed(verifyBlocks(*this, "bias", getBias(), {0, 1}, weight[0], weight[3])))
    return failure();
  SmallVector<Type> types;
  return inferTypes(types);
}

LogicalResult BlockChannelsOp::inferTypes(SmallVectorImpl<Type> &types) {
  RankedTensorType x = ranked(getX());
  if (!x) {
    types.push_back(UnrankedTensorType::get(cast<TensorType>(getX().getType()).getElementType()));
    return success();
  }
  int64_t channels = x.getDimSize(1), length = getLength();
  int64_t blocks = ShapedType::isDynamic(channels) ? channels : channels / length;
  types.push_back(
      RankedTensorType::get({x.getDimSize(0), blocks, x.getDimSize(2), x.getDimSize(3), length}, x.getElementType()));
  return success();
}

LogicalResult BlockChannelsOp::verify() {
  RankedTensorType x = ranked(getX());
  if (int64_t(getLength()) <= 0)
    return emitOpError("expected a positive length, but got ") << int64_t(getLength());
  if (x && (x.getRank() != 4 || (!x.isDynamicDim(1) && x.getDimSize(1) % int64_t(getLength()) != 0)))
    return emitOpError("expected an operand [N, C, H, W] with C a multiple of ") << getLength() << ", but got " << x;
  return success();
}

OpFoldResult BlockChannelsOp::fold(FoldAdaptor) {
  auto source = getX().getDefiningOp<UnblockChannelsOp>();
  return source && source.getX().getType() == getType() ? OpFoldResult(source.getX()) : OpFoldResult();
}

LogicalResult UnblockChannelsOp::inferTypes(SmallVectorImpl<Type> &types) {
  RankedTensorType x = ranked(getX());
  if (!x) {
    types.push_back(UnrankedTensorType::get(cast<TensorType>(getX().getType()).getElementType()));
    return success();
  }
  types.push_back(RankedTensorType::get({x.getDimSize(0), int64_t(getChannels()), x.getDimSize(2), x.getDimSize(3)},
                                        x.getElementType()));
  return success();
}

LogicalResult UnblockChannelsOp::verify() {
  RankedTensorType x = ranked(getX());
  if (!x)
    return success();
  if (x.getRank() != 5 || ShapedType::isDynamic(x.getDimSize(4)))
    return emitOpError("expected an operand [N, B, H, W, c] with static c, but got ") << x;
  int64_t channels = getChannels();
  if (channels < 0 || (!x.isDynamicDim(1) && channels > x.getDimSize(1) * x.getDimSize(4)))
    return emitOpError("expected at most the channels of the operand, but got ") << channels << " of " << x;
  return success();
}
