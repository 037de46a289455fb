// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  graph ops on ranked tensors.
// Out: linalg, tensor, arith, math and scf on storage types (no i1, no unsigned integers in memory); shape arithmetic
//      as scalars in the function, and checks of what only the run tells.
// One pattern per op, in the file of its group.
#include "tegula/Conversion/GraphToLinalg/Blocked.h"
#include "tegula/Conversion/GraphToLinalg/Lowering.h"
#include "tegula/Conversion/GraphToLinalg/ShapeChecks.h"
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

/// A tensor's elements as a caller of the model has them in memory (see tegula/abi.h): bools are bytes, narrower types
/// are packed into bytes; strings stay as they are.
static ElementsAttr packElements(ElementsAttr elements) {
  Type element = elements.getElementType();
  auto dense = dyn_cast<DenseIntOrFPElementsAttr>(elements);
  if (!dense || !element.isIntOrFloat() || element.getIntOrFloatBitWidth() >= 8)
    return elements;
  unsigned bits = element.isInteger(1) ? 8 : element.getIntOrFloatBitWidth();
  SmallVector<uint8_t> bytes(llvm::divideCeil(uint64_t(dense.getNumElements()) * bits, 8), 0);
  uint64_t at = 0;
  auto add = [&](const APInt &value) {
    bytes[at / 8] |= uint8_t(value.getZExtValue() << at % 8);
    at += bits;
  };
  if (isa<FloatType>(element))
    for (APFloat value : dense.getValues<APFloat>())
      add(value.bitcastToAPInt());
  else
    llvm::for_each(dense.getValues<APInt>(), add);
  auto type = RankedTensorType::get(int64_t(bytes.size()), IntegerType::get(elements.getContext(), 8));
  return DenseElementsAttr::get(type, ArrayRef(bytes));
}

namespace {
struct GraphToLinalgPass : tegula::impl::GraphToLinalgPassBase<GraphToLinalgPass> {
  /// `exec.inputs` and `exec.outputs` keep the ONNX types, names and symbols of @main, which storage types forget, and
  /// the defaults of inputs in the representation of callers.
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
    for (auto [i, type] : llvm::enumerate(main.getArgumentTypes())) {
      NamedAttrList input(cast<DictionaryAttr>(describe(type, main.getArgAttrDict(i))));
      if (auto elements = main.getArgAttrOfType<ElementsAttr>(i, "graph.default")) {
        input.set("default", packElements(elements));
        input.set("default_shape", builder.getDenseI64ArrayAttr(elements.getShapedType().getShape()));
      }
      inputs.push_back(input.getDictionary(&getContext()));
    }
    for (auto [i, type] : llvm::enumerate(main.getResultTypes()))
      outputs.push_back(describe(type, main.getResultAttrDict(i)));
    getOperation()->setAttr("exec.inputs", builder.getArrayAttr(inputs));
    getOperation()->setAttr("exec.outputs", builder.getArrayAttr(outputs));
  }

  /// Results that are known to have no elements need no computation: upstream's views refuse offsets in them.
  void dropEmptyComputations() {
    auto isTensor = llvm::IsaPred<TensorType>;
    auto isEmpty = [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return tensor && tensor.hasStaticShape() && tensor.getNumElements() == 0;
    };
    getOperation().walk([&](Operation *op) {
      bool isEmptyOp = isa_and_nonnull<tegula::graph::GraphDialect>(op->getDialect()) && op->getNumResults() &&
                       op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
                       llvm::all_of(op->getOperandTypes(), isTensor) && llvm::all_of(op->getResultTypes(), isEmpty);
      if (!isEmptyOp)
        return;
      OpBuilder builder(op);
      for (OpResult result : op->getResults()) {
        auto type = cast<RankedTensorType>(result.getType());
        result.replaceAllUsesWith(
            tensor::EmptyOp::create(builder, op->getLoc(), type.getShape(), type.getElementType()));
      }
      op->erase();
    });
  }

  void runOnOperation() override {
    recordInterface();
    dropEmptyComputations();
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
    tegula::populateViewLowerings(converter, patterns);
    tegula::populateConvolutionLowerings(converter, patterns);
    tegula::populateBlockedConvolutionLowerings(converter, patterns);
    tegula::populateBlockedMatMulLowerings(converter, patterns);
    tegula::populateAttentionLowerings(converter, patterns);
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
      return signalPassFailure();
    tegula::insertShapeChecks(getOperation());
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
