// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/Lowering.h"

#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace tegula;

namespace {
/// Constants keep their bytes; only the type changes to the storage type.
struct ConstantLowering : Lowering<graph::ConstantOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ConstantOp op, OpAdaptor, ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    ElementsAttr value = op.getValue();
    if (value.getType() != type) {
      if (auto dense = dyn_cast<DenseElementsAttr>(value)) {
        Type element = getElement(op.getResult());
        if (element.isInteger(1) || isSubByteInteger(element)) {
          bool isSigned = !isUnsignedElement(element);
          value = dense.mapValues(type.getElementType(),
                                  [=](const APInt &bits) { return isSigned ? bits.sext(8) : bits.zext(8); });
        } else if (isNarrowFloat(element)) {
          value = dense.mapValues(type.getElementType(),
                                  [](const APFloat &number) { return number.bitcastToAPInt().zextOrTrunc(8); });
        } else
          value = cast<DenseElementsAttr>(dense).bitcast(type.getElementType());
      } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
        value = DenseResourceElementsAttr::get(type, resource.getRawHandle());
      } else {
        return rewriter.notifyMatchFailure(op, "unknown kind of constant");
      }
    }
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, type, cast<TypedAttr>(value));
    return success();
  }
};
} // namespace

void tegula::populateStructureLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ConstantLowering>(converter, patterns.getContext());
}
