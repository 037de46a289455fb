// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  graph ops on ranked tensors.
// Out: linalg, tensor, arith, math and scf on storage types (no i1, no unsigned integers in memory); shape arithmetic
// as
//      scalars in the function.
// One pattern per op, in the file of its group.
#include "tegula/Conversion/GraphToLinalg/Blocked.h"
#include "tegula/Conversion/GraphToLinalg/Lowering.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Types.h"
#include "tegula/Kernel/Unsupported.h"

#include "mlir/Dialect/Func/Transforms/FuncConversions.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_GRAPHTOLINALGPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

namespace {
struct GraphToLinalgPass : tegula::impl::GraphToLinalgPassBase<GraphToLinalgPass> {
  /// `exec.inputs` and `exec.outputs` keep the ONNX types, names and symbols of @main, which storage types forget.
  void recordInterface() {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    Builder builder(&getContext());
    auto describe = [&](Type type, DictionaryAttr attributes) -> Attribute {
      NamedAttrList list;
      list.set("type", TypeAttr::get(type));
      for (StringRef key : {"name", "dims"})
        if (Attribute value = attributes ? attributes.get(("graph." + key).str()) : Attribute())
          list.set(key, value);
      return list.getDictionary(&getContext());
    };
    SmallVector<Attribute> inputs, outputs;
    for (auto [i, type] : llvm::enumerate(main.getArgumentTypes()))
      inputs.push_back(describe(type, main.getArgAttrDict(i)));
    for (auto [i, type] : llvm::enumerate(main.getResultTypes()))
      outputs.push_back(describe(type, main.getResultAttrDict(i)));
    getOperation()->setAttr("exec.inputs", builder.getArrayAttr(inputs));
    getOperation()->setAttr("exec.outputs", builder.getArrayAttr(outputs));
  }

  void runOnOperation() override {
    recordInterface();
    MLIRContext &context = getContext();
    TypeConverter converter;
    converter.addConversion([](Type type) { return type; });
    converter.addConversion([](TensorType type) -> Type {
      Type element = tegula::getStorageType(type.getElementType());
      if (auto ranked = dyn_cast<RankedTensorType>(type))
        return RankedTensorType::get(ranked.getShape(), element);
      return UnrankedTensorType::get(element);
    });

    converter.addConversion([](Type type) -> std::optional<Type> {
      if (!tegula::graph::isValueType(type))
        return std::nullopt;
      return Type(tegula::exec::HandleType::get(type.getContext()));
    });

    RewritePatternSet patterns(&context);
    tegula::populateStructureLowerings(converter, patterns);
    tegula::populateElementwiseLowerings(converter, patterns);
    tegula::populateActivationLowerings(converter, patterns);
    tegula::populateReductionLowerings(converter, patterns);
    tegula::populateQuantizationLowerings(converter, patterns);
    tegula::populateContractionLowerings(converter, patterns);
    tegula::populateMovementLowerings(converter, patterns);
    tegula::populateConvolutionLowerings(converter, patterns);
    tegula::populateBlockedConvolutionLowerings(converter, patterns);
    tegula::populatePoolingLowerings(converter, patterns);
    tegula::populateRecurrentLowerings(converter, patterns);
    tegula::populateNormalizationLowerings(converter, patterns);
    tegula::populateAssemblyLowerings(converter, patterns);
    tegula::populateIndexingLowerings(converter, patterns);
    tegula::populateScatterLowerings(converter, patterns);
    tegula::populateGenerationLowerings(converter, patterns);
    tegula::populateResamplingLowerings(converter, patterns);
    tegula::populateSamplingLowerings(converter, patterns);
    tegula::populateUniqueLowerings(converter, patterns);
    tegula::populateSequenceLowerings(converter, patterns);
    tegula::populateTextLowerings(converter, patterns);
    tegula::populateMapLowerings(converter, patterns);
    tegula::populateVisionLowerings(converter, patterns);
    populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns, converter);
    populateReturnOpTypeConversionPattern(patterns, converter);

    if (failed(tegula::lowerControlFlow(getOperation())))
      return signalPassFailure();
    ConversionTarget target(context);
    tegula::populateControlFlowLowerings(converter, patterns, target);
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    target.addIllegalDialect<tegula::graph::GraphDialect>();
    target.addDynamicallyLegalOp<func::FuncOp>(
        [&](func::FuncOp function) { return converter.isSignatureLegal(function.getFunctionType()); });
    target.addDynamicallyLegalOp<func::ReturnOp>([&](func::ReturnOp op) { return converter.isLegal(op); });
    if (failed(convert(target, std::move(patterns))))
      signalPassFailure();
  }

  /// An op that no pattern takes is a form of an operator that has no lowering (an extent that must be known is not,
  /// say): the model asks for what cannot be done.
  LogicalResult convert(const ConversionTarget &target, FrozenRewritePatternSet patterns) {
    std::optional<Location> refused;
    {
      ScopedDiagnosticHandler watch(&getContext(), [&](Diagnostic &diagnostic) {
        bool isRefusal = StringRef(diagnostic.str()).starts_with("failed to legalize operation 'graph.");
        if (isRefusal)
          refused = diagnostic.getLocation();
        return success(isRefusal);
      });
      if (succeeded(applyPartialConversion(getOperation(), target, patterns)))
        return success();
    }
    if (refused)
      getOperation()->walk([&](Operation *op) {
        if (op->getLoc() != *refused || !isa<tegula::graph::GraphDialect>(op->getDialect()))
          return WalkResult::advance();
        InFlightDiagnostic error = tegula::emitUnsupported(op);
        error << "unsupported form: no lowering of " << op->getName() << " takes (" << op->getOperandTypes() << ") -> ("
              << op->getResultTypes() << ")";
        return WalkResult::interrupt();
      });
    return failure();
  }
};
} // namespace
