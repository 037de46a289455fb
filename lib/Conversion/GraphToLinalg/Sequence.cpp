// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sequences and optionals: host operations. An optional is the handle of what it holds, or nothing.
#include "tegula/Conversion/GraphToLinalg/HostCall.h"
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/abi.h"

using namespace mlir;
using namespace tegula;

template <typename OpTy> static SmallVector<Value> withPosition(OpTy op, OpBuilder &b) {
  if (op.getPosition())
    return {};
  return {toHandle(b, op.getLoc(), Value(), Type())};
}

static SmallVector<Value> concatParameters(graph::ConcatFromSequenceOp op, OpBuilder &b) {
  return {boxInteger(b, op.getLoc(), op.getAxis()), boxInteger(b, op.getLoc(), op.getNewAxis())};
}

static SmallVector<Value> splitParameters(graph::SplitToSequenceOp op, OpBuilder &b) {
  SmallVector<Value> parameters;
  if (!op.getSplit())
    parameters.push_back(toHandle(b, op.getLoc(), Value(), Type()));
  parameters.push_back(boxInteger(b, op.getLoc(), op.getAxis()));
  parameters.push_back(boxInteger(b, op.getLoc(), op.getKeepDims()));
  return parameters;
}

namespace {
struct OptionalConstructLowering : Lowering<graph::OptionalConstructOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::OptionalConstructOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value value = op.getValue();
    if (value && !canBox(value.getType()))
      return rewriter.notifyMatchFailure(op, "a tensor of unknown rank");
    rewriter.replaceOp(op, toHandle(rewriter, op.getLoc(), adaptor.getValue(), value ? value.getType() : Type()));
    return success();
  }
};

struct OptionalHasElementLowering : Lowering<graph::OptionalHasElementOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::OptionalHasElementOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value isThere = exec::HasValueOp::create(rewriter, loc, rewriter.getI1Type(), adaptor.getValue());
    Value stored = storeScalar(rewriter, loc, isThere, rewriter.getI1Type());
    rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, resultTensor(op), stored);
    return success();
  }
};

struct OptionalGetElementLowering : Lowering<graph::OptionalGetElementOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::OptionalGetElementOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    if (!canBox(op.getElement().getType()))
      return rewriter.notifyMatchFailure(op, "a tensor of unknown rank");
    Value isThere = exec::HasValueOp::create(rewriter, loc, rewriter.getI1Type(), adaptor.getValue());
    exec::CheckOp::create(rewriter, loc, isThere, TEGULA_INVALID_VALUE);
    rewriter.replaceOp(op, fromHandle(rewriter, loc, adaptor.getValue(), op.getElement().getType()));
    return success();
  }
};

struct RetypeLowering : Lowering<graph::RetypeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::RetypeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, adaptor.getValue());
    return success();
  }
};
} // namespace

void tegula::populateSequenceLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<OptionalConstructLowering, OptionalHasElementLowering, OptionalGetElementLowering, RetypeLowering>(
      converter, context);
  patterns.add<HostCallLowering<graph::SequenceConstructOp>>(converter, context, "sequence_construct", nullptr);
  patterns.add<HostCallLowering<graph::SequenceAtOp>>(converter, context, "sequence_at", nullptr);
  patterns.add<HostCallLowering<graph::SequenceLengthOp>>(converter, context, "sequence_length", nullptr);
  patterns.add<HostCallLowering<graph::SequenceInsertOp>>(converter, context, "sequence_insert",
                                                          withPosition<graph::SequenceInsertOp>);
  patterns.add<HostCallLowering<graph::SequenceEraseOp>>(converter, context, "sequence_erase",
                                                         withPosition<graph::SequenceEraseOp>);
  patterns.add<HostCallLowering<graph::SplitToSequenceOp>>(converter, context, "split_to_sequence", splitParameters);
  patterns.add<HostCallLowering<graph::ConcatFromSequenceOp>>(converter, context, "concat_from_sequence",
                                                              concatParameters);
}
