// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops on boxes and pictures: host operations.
#include "tegula/Conversion/GraphToLinalg/HostCall.h"

using namespace mlir;
using namespace tegula;

static SmallVector<Value> decodeParameters(graph::DecodeImageOp op, OpBuilder &b) {
  // As the runtime numbers them.
  int64_t format = llvm::StringSwitch<int64_t>(op.getPixelFormat()).Case("BGR", 1).Case("Grayscale", 2).Default(0);
  return {boxInteger(b, op.getLoc(), format)};
}

namespace {
struct NonMaxSuppressionLowering : Lowering<graph::NonMaxSuppressionOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::NonMaxSuppressionOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    if (!canBox(op->getOperandTypes()) || !canBox(op->getResultTypes()))
      return rewriter.notifyMatchFailure(op, "a tensor of unknown rank");
    SmallVector<Value> handles;
    for (auto [value, original] :
         {std::pair(adaptor.getBoxes(), op.getBoxes()), std::pair(adaptor.getScores(), op.getScores()),
          std::pair(adaptor.getMaxCount(), op.getMaxCount()),
          std::pair(adaptor.getIouThreshold(), op.getIouThreshold()),
          std::pair(adaptor.getScoreThreshold(), op.getScoreThreshold())})
      handles.push_back(toHandle(rewriter, loc, value, original ? original.getType() : Type()));
    handles.push_back(boxInteger(rewriter, loc, op.getCenterPoint()));
    Value result = callHost(rewriter, loc, "non_max_suppression", handles).front();
    rewriter.replaceOp(op, fromHandle(rewriter, loc, result, op.getSelected().getType()));
    return success();
  }
};
} // namespace

void tegula::populateVisionLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<NonMaxSuppressionLowering>(converter, patterns.getContext());
  patterns.add<HostCallLowering<graph::DecodeImageOp>>(converter, patterns.getContext(), "decode_image",
                                                       decodeParameters);
}
