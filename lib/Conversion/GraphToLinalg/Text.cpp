// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops that look into strings: host operations.
#include "tegula/Conversion/GraphToLinalg/HostCall.h"
#include "tegula/Dialect/Graph/IR/Types.h"

using namespace mlir;
using namespace tegula;

static SmallVector<Value> splitParameters(graph::StringSplitOp op, OpBuilder &b) {
  return {boxStrings(b, op.getLoc(), b.getStrArrayAttr(op.getDelimiter())),
          boxInteger(b, op.getLoc(), op.getMaxSplit() ? int64_t(*op.getMaxSplit()) : -1)};
}

static SmallVector<Value> normalizeParameters(graph::StringNormalizeOp op, OpBuilder &b) {
  // As the runtime numbers them.
  int64_t change = llvm::StringSwitch<int64_t>(op.getCaseChange()).Case("LOWER", 1).Case("UPPER", 2).Default(0);
  return {boxInteger(b, op.getLoc(), change), boxInteger(b, op.getLoc(), op.getIsCaseSensitive()),
          boxStrings(b, op.getLoc(), op.getStopWords())};
}

static SmallVector<Value> regexParameters(graph::RegexFullMatchOp op, OpBuilder &b) {
  return {boxStrings(b, op.getLoc(), b.getStrArrayAttr(op.getPattern()))};
}

static SmallVector<Value> parseParameters(graph::ParseOp op, OpBuilder &b) {
  return {boxInteger(b, op.getLoc(), graph::getOnnxElementType(getElement(op.getY())))};
}

namespace {
struct StringConstantLowering : Lowering<graph::StringConstantOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::StringConstantOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Type type = op.getY().getType();
    Value strings = boxStrings(rewriter, op.getLoc(), op.getValue(), cast<RankedTensorType>(type).getShape());
    rewriter.replaceOp(op, fromHandle(rewriter, op.getLoc(), strings, type));
    return success();
  }
};
} // namespace

void tegula::populateTextLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<StringConstantLowering>(converter, context);
  patterns.add<HostCallLowering<graph::StringConcatOp>>(converter, context, "string_concat", nullptr);
  patterns.add<HostCallLowering<graph::StringSplitOp>>(converter, context, "string_split", splitParameters);
  patterns.add<HostCallLowering<graph::StringNormalizeOp>>(converter, context, "string_normalize", normalizeParameters);
  patterns.add<HostCallLowering<graph::RegexFullMatchOp>>(converter, context, "regex_full_match", regexParameters);
  patterns.add<HostCallLowering<graph::FormatOp>>(converter, context, "format", nullptr);
  patterns.add<HostCallLowering<graph::ParseOp>>(converter, context, "parse", parseParameters);
}
