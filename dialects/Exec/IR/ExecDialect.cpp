// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tegula::exec;

/// "(type, type)", also "()", which the generated parser of types does not take.
static ParseResult parseTypes(OpAsmParser &parser, SmallVectorImpl<Type> &types) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                        [&] { return parser.parseType(types.emplace_back()); });
}
static void printTypes(OpAsmPrinter &printer, Operation *, TypeRange types) { printer << '(' << types << ')'; }

#include "tegula/Dialect/Exec/IR/ExecDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "tegula/Dialect/Exec/IR/ExecAttributes.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "tegula/Dialect/Exec/IR/ExecTypes.cpp.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Exec/IR/ExecOps.cpp.inc"

void ExecDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "tegula/Dialect/Exec/IR/ExecAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "tegula/Dialect/Exec/IR/ExecTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "tegula/Dialect/Exec/IR/ExecOps.cpp.inc"
      >();
}

int64_t tegula::exec::getElementBytes(Type element) {
  if (auto complex = dyn_cast<ComplexType>(element))
    return 2 * getElementBytes(complex.getElementType());
  return element.isIndex() ? 8 : int64_t(llvm::divideCeil(element.getIntOrFloatBitWidth(), 8));
}

std::optional<StoredElements> tegula::exec::getStoredElements(ElementsAttr elements) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob ? std::optional(StoredElements{blob->getData()}) : std::nullopt;
  }
  auto dense = cast<DenseElementsAttr>(elements);
  return StoredElements{dense.getRawData(), dense.isSplat()};
}

// --- exec.kernel -----------------------------------------------------------------------------------------------------

static func::FuncOp findFunction(KernelOp kernel, StringRef name) {
  for (auto function : kernel.getBody().front().getOps<func::FuncOp>())
    if (function.getSymName() == name)
      return function;
  return nullptr;
}

func::FuncOp KernelOp::getFunction() { return findFunction(*this, getSymName()); }
std::string KernelOp::getWorkspaceName() { return (getSymName() + "_workspace").str(); }
func::FuncOp KernelOp::getWorkspaceFunction() { return findFunction(*this, getWorkspaceName()); }

LogicalResult KernelOp::verify() {
  // After lowering to LLVM the function is an llvm.func; until then it is a func.func.
  if (func::FuncOp function = getFunction()) {
    if (!llvm::all_of(function.getArgumentTypes(), llvm::IsaPred<ShapedType, IndexType>))
      return success(); // already with the runtime's signature
    int64_t shaped = llvm::count_if(function.getArgumentTypes(), llvm::IsaPred<ShapedType>);
    if (getResultCount() > uint64_t(shaped))
      return emitOpError("expected at least ") << getResultCount() << " memref arguments, but got " << shaped;
  }
  return success();
}

LogicalResult FillBorderOp::verify() {
  auto type = cast<MemRefType>(getBuffer().getType());
  auto isNegative = [](int64_t width) { return width < 0; };
  if (int64_t(getLow().size()) != type.getRank() || int64_t(getHigh().size()) != type.getRank() ||
      llvm::any_of(getLow(), isNegative) || llvm::any_of(getHigh(), isNegative))
    return emitOpError("expected two widths of 0 or more for each dimension of ") << type;
  if (getValue().getType() != type.getElementType())
    return emitOpError("expected a value of ") << type.getElementType() << ", but got " << getValue();
  return success();
}

LogicalResult TemporaryOp::verify() {
  auto type = cast<MemRefType>(getResult().getType());
  if (!type.getLayout().isIdentity())
    return emitOpError("expected a dense memref, but got ") << type;
  if (type.getNumDynamicDims() != int64_t(getSizes().size()))
    return emitOpError("expected ") << type.getNumDynamicDims() << " sizes, but got " << getSizes().size();
  return success();
}

// --- exec.dispatch ---------------------------------------------------------------------------------------------------

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("expected @") << getKernel() << " to be an exec.kernel";
  func::FuncOp function = kernel.getFunction();
  if (!function)
    return success();
  size_t operands = getIns().size() + getOuts().size() + getScalars().size();
  if (function.getNumArguments() != operands)
    return emitOpError("expected ") << function.getNumArguments() << " operands as kernel @" << getKernel()
                                    << " takes, but got " << operands;
  if (kernel.getResultCount() != getOuts().size())
    return emitOpError("expected ") << kernel.getResultCount() << " outs as kernel @" << getKernel()
                                    << " has results, but got " << getOuts().size();
  return success();
}

void DispatchOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : getInsMutable())
    if (isa<MemRefType>(operand.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  for (OpOperand &operand : getOutsMutable())
    if (isa<MemRefType>(operand.get().getType()))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
}

bool DispatchOp::bufferizesToMemoryRead(OpOperand &operand, const bufferization::AnalysisState &) {
  return operand.getOperandNumber() < getIns().size();
}

bool DispatchOp::bufferizesToMemoryWrite(OpOperand &operand, const bufferization::AnalysisState &) {
  return operand.getOperandNumber() >= getIns().size();
}

bufferization::AliasingValueList DispatchOp::getAliasingValues(OpOperand &operand,
                                                               const bufferization::AnalysisState &) {
  if (operand.getOperandNumber() < getIns().size())
    return {};
  return {{getResult(operand.getOperandNumber() - getIns().size()), bufferization::BufferRelation::Equivalent}};
}

/// The buffer of `value`, dense: the runtime and its kernels know no strides, so a strided view is copied.
static FailureOr<Value> getDenseBuffer(RewriterBase &rewriter, Location loc, Value value,
                                       const bufferization::BufferizationOptions &options,
                                       bufferization::BufferizationState &state) {
  FailureOr<Value> buffer = bufferization::getBuffer(rewriter, value, options, state);
  if (failed(buffer))
    return failure();
  auto type = cast<MemRefType>(buffer->getType());
  if (type.getLayout().isIdentity())
    return buffer;
  auto dense = MemRefType::get(type.getShape(), type.getElementType());
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(memref::DimOp::create(rewriter, loc, *buffer, i));
  Value copy = memref::AllocOp::create(rewriter, loc, dense, sizes);
  memref::CopyOp::create(rewriter, loc, *buffer, copy);
  return copy;
}

LogicalResult DispatchOp::bufferize(RewriterBase &rewriter, const bufferization::BufferizationOptions &options,
                                    bufferization::BufferizationState &state) {
  auto toBuffers = [&](ValueRange values, SmallVectorImpl<Value> &buffers) -> LogicalResult {
    for (Value value : values) {
      if (!isa<TensorType>(value.getType())) {
        buffers.push_back(value);
        continue;
      }
      FailureOr<Value> buffer = getDenseBuffer(rewriter, getLoc(), value, options, state);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    return success();
  };
  SmallVector<Value> ins, outs;
  if (failed(toBuffers(getIns(), ins)) || failed(toBuffers(getOuts(), outs)))
    return failure();
  auto dispatch = DispatchOp::create(rewriter, getLoc(), TypeRange(), getKernelAttr(), ins, outs, getScalars());
  dispatch->setDiscardableAttrs(getOperation()->getDiscardableAttrDictionary());
  bufferization::replaceOpWithBufferizedValues(rewriter, *this, outs);
  return success();
}

// --- exec.constant ---------------------------------------------------------------------------------------------------

bool tegula::exec::ConstantOp::isWritable(Value, const bufferization::AnalysisState &) { return false; }

LogicalResult tegula::exec::ConstantOp::bufferize(RewriterBase &rewriter, const bufferization::BufferizationOptions &,
                                                  bufferization::BufferizationState &) {
  auto type = cast<RankedTensorType>(getResult().getType());
  auto memref = MemRefType::get(type.getShape(), type.getElementType());
  auto constant = ConstantOp::create(rewriter, getLoc(), memref, getValueAttr(), getOffsetAttr());
  bufferization::replaceOpWithBufferizedValues(rewriter, *this, constant.getResult());
  return success();
}

// --- exec.broadcast_view ---------------------------------------------------------------------------------------------

bool BroadcastViewOp::bufferizesToMemoryRead(OpOperand &, const bufferization::AnalysisState &) { return false; }
bool BroadcastViewOp::bufferizesToMemoryWrite(OpOperand &, const bufferization::AnalysisState &) { return false; }

bufferization::AliasingValueList BroadcastViewOp::getAliasingValues(OpOperand &operand,
                                                                    const bufferization::AnalysisState &) {
  if (operand.getOperandNumber() != 0)
    return {};
  return {{getOperation()->getResult(0), bufferization::BufferRelation::Unknown}};
}

LogicalResult BroadcastViewOp::bufferize(RewriterBase &rewriter, const bufferization::BufferizationOptions &options,
                                         bufferization::BufferizationState &state) {
  Location loc = getLoc();
  FailureOr<Value> buffer = bufferization::getBuffer(rewriter, getSource(), options, state);
  if (failed(buffer))
    return failure();
  auto resultType = cast<RankedTensorType>(getResult().getType());
  int64_t rank = resultType.getRank();
  auto metadata = memref::ExtractStridedMetadataOp::create(rewriter, loc, *buffer);
  SmallVector<OpFoldResult> sizes, strides;
  Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0), one = arith::ConstantIndexOp::create(rewriter, loc, 1);
  size_t next = 0;
  for (int64_t i = 0; i < rank; ++i) {
    sizes.push_back(resultType.isDynamicDim(i) ? OpFoldResult(getSizes()[next++])
                                               : OpFoldResult(rewriter.getIndexAttr(resultType.getDimSize(i))));
    Value repeats = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, metadata.getSizes()[i], one);
    strides.push_back(arith::SelectOp::create(rewriter, loc, repeats, zero, metadata.getStrides()[i]).getResult());
  }
  SmallVector<int64_t> dynamicStrides(rank, ShapedType::kDynamic);
  auto layout = StridedLayoutAttr::get(getContext(), ShapedType::kDynamic, dynamicStrides);
  auto viewType = MemRefType::get(resultType.getShape(), resultType.getElementType(), layout);
  Value view = memref::ReinterpretCastOp::create(rewriter, loc, viewType, metadata.getBaseBuffer(),
                                                 OpFoldResult(metadata.getOffset()), sizes, strides);
  bufferization::replaceOpWithBufferizedValues(rewriter, *this, view);
  return success();
}

// --- values ----------------------------------------------------------------------------------------------------------

void BoxOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  if (isa<MemRefType>(getSource().getType()))
    effects.emplace_back(MemoryEffects::Read::get(), &getSourceMutable());
}

bool BoxOp::bufferizesToMemoryRead(OpOperand &, const bufferization::AnalysisState &) { return true; }
bool BoxOp::bufferizesToMemoryWrite(OpOperand &, const bufferization::AnalysisState &) { return false; }
bufferization::AliasingValueList BoxOp::getAliasingValues(OpOperand &, const bufferization::AnalysisState &) {
  return {};
}

LogicalResult BoxOp::bufferize(RewriterBase &rewriter, const bufferization::BufferizationOptions &options,
                               bufferization::BufferizationState &state) {
  FailureOr<Value> buffer = getDenseBuffer(rewriter, getLoc(), getSource(), options, state);
  if (failed(buffer))
    return failure();
  rewriter.replaceOpWithNewOp<BoxOp>(*this, getResult().getType(), getElementTypeAttr(), *buffer);
  return success();
}

bool UnboxOp::bufferizesToAllocation(Value) { return true; }

LogicalResult UnboxOp::bufferize(RewriterBase &rewriter, const bufferization::BufferizationOptions &,
                                 bufferization::BufferizationState &) {
  auto type = cast<RankedTensorType>(getResult().getType());
  auto memref = MemRefType::get(type.getShape(), type.getElementType());
  SmallVector<Type> sizes(type.getNumDynamicDims(), rewriter.getIndexType());
  auto extents = ExtentsOp::create(rewriter, getLoc(), sizes, getElementType(), type.getShape(), getSource());
  Value buffer = memref::AllocOp::create(rewriter, getLoc(), memref, extents.getSizes());
  ReadOp::create(rewriter, getLoc(), getSource(), buffer);
  bufferization::replaceOpWithBufferizedValues(rewriter, *this, buffer);
  return success();
}

void ReadOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  effects.emplace_back(MemoryEffects::Write::get(), &getTargetMutable());
}
