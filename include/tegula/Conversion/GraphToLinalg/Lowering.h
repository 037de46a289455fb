// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the lowerings of all op groups share. Internal to lib/Conversion/GraphToLinalg.
//
// Storage: in linalg, memory holds no i1, no unsigned and no narrow type. bool is i8 (0 or 1), uiN is iN; 2- and 4-bit
// integers are i8, one a byte, sign- or zero-extended; float8 and float4 are i8 codes, one a byte. Lowerings see
// converted operands and ask the op's own (graph) types for signedness and format.
#ifndef TEGULA_CONVERSION_GRAPHTOLINALG_LOWERING_H
#define TEGULA_CONVERSION_GRAPHTOLINALG_LOWERING_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/DialectConversion.h"
#include "tegula/Dialect/Graph/IR/Graph.h"

namespace tegula {

/// The element type in memory of graph element type `element`.
mlir::Type getStorageType(mlir::Type element);
/// The converted type of a graph tensor type.
mlir::RankedTensorType getStorageTensor(mlir::Type graphType);
/// The element type of a graph value's type.
mlir::Type getElement(mlir::Value graphValue);
bool isUnsignedElement(mlir::Type element);
/// Integers of 2 to 7 bits.
bool isSubByteInteger(mlir::Type element);
/// Floats of 8 bits or less: stored as i8 codes, computed in f32.
bool isNarrowFloat(mlir::Type element);
/// The f32 value of a stored code.
mlir::Value decodeNarrowFloat(mlir::OpBuilder &b, mlir::Location loc, mlir::Value stored, mlir::Type element);
/// The code of an f32 value; graph.cast describes `saturate` and `roundMode`.
mlir::Value encodeNarrowFloat(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type element,
                              bool saturate = true, llvm::StringRef roundMode = "up");

/// A stored scalar as the value to compute with: bool i8 becomes i1, a float8 or float4 code f32; the rest stays.
mlir::Value loadScalar(mlir::OpBuilder &b, mlir::Location loc, mlir::Value stored, mlir::Type graphElement);
/// The inverse of loadScalar.
mlir::Value storeScalar(mlir::OpBuilder &b, mlir::Location loc, mlir::Value computed, mlir::Type graphElement);
/// Converts computed scalars between graph element types as graph.cast defines it. The result is a computed scalar too,
/// but for float8 and float4 results it is the code.
mlir::Value castScalar(mlir::OpBuilder &b, mlir::Location loc, mlir::Value computed, mlir::Type from, mlir::Type to,
                       bool saturate = true, llvm::StringRef roundMode = "up");
/// f16, bf16 and narrower floats compute in f32 (rounded once at the end), sub-byte integers in i8; every other type
/// computes as it is.
mlir::Type getComputeType(mlir::Type graphElement);

mlir::Value constantIndex(mlir::OpBuilder &b, mlir::Location loc, int64_t value);
/// A scalar constant of a computed type (signless integer or float).
mlir::Value constantScalar(mlir::OpBuilder &b, mlir::Location loc, double value, mlir::Type computeType);
mlir::Value toIndex(mlir::OpBuilder &b, mlir::Location loc, mlir::Value integer, bool isUnsigned = false);

/// Extent `i` of a tensor: a constant, or the SSA value that made the tensor, or tensor.dim.
mlir::OpFoldResult getExtent(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor, int64_t i);
llvm::SmallVector<mlir::OpFoldResult> getExtents(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor);
mlir::Value asValue(mlir::OpBuilder &b, mlir::Location loc, mlir::OpFoldResult extent);
/// tensor.empty of these extents whose static type is `type` (the declared type wins where an extent is a value).
mlir::Value makeEmpty(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> extents,
                      mlir::Type storageElement);
/// A tensor filled with a stored scalar.
mlir::Value makeFilled(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> extents,
                       mlir::Value storedScalar);
/// `x` with its dimensions in the order `permutation`.
mlir::Value buildTranspose(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, llvm::ArrayRef<int64_t> permutation);
/// The elements of `x` as a tensor of rank 1.
mlir::Value flatten(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
/// Marks a loop as a tensor operation, part of one kernel; its carried tensors keep their shape. Other scf ops around
/// tensors are the host's control flow.
void keepInKernel(mlir::scf::ForOp loop);
/// Casts to `type` when the shapes differ only in static knowledge.
mlir::Value castTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor, mlir::Type type);

/// Small integer or bool tensors (rank 0 or 1, at most 16 elements) are host scalars: shape arithmetic never becomes a
/// kernel. Lowerings that meet such a result build it with tensor.from_elements.
bool isHostScalars(mlir::Type graphType);
/// All elements of a static tensor as stored scalars, row-major.
llvm::SmallVector<mlir::Value> extractScalars(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor);
/// Element `i` of a one-dimensional (or the element of a rank-0) integer tensor as an index.
mlir::Value extractIndex(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor, int64_t i);

/// Body of an elementwise op: computed scalars in (after loadScalar), a computed scalar out.
using ScalarBody = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;
/// An elementwise op with multidirectional broadcasting. `operands` are converted values whose graph element types are
/// `operandElements`, or null for an operand whose stored scalars the body wants; the result is the converted tensor of
/// graph type `resultType` (a storage type where the body gives stored scalars).
mlir::Value buildElementwise(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange operands,
                             llvm::ArrayRef<mlir::Type> operandElements, mlir::Type resultType, ScalarBody body);
/// `operand` made broadcastable to `extents` by its indexing map alone (aligned at the end): returns the operand,
/// possibly behind an exec.broadcast_view, and its map over `extents.size()` dimensions.
std::pair<mlir::Value, mlir::AffineMap> broadcastOperand(mlir::OpBuilder &b, mlir::Location loc, mlir::Value operand,
                                                         llvm::ArrayRef<mlir::OpFoldResult> extents);
/// Broadcast of the operands' extents; where the compiler cannot know, `a == 1 ? b : a`.
llvm::SmallVector<mlir::OpFoldResult> broadcastExtents(mlir::OpBuilder &b, mlir::Location loc,
                                                       mlir::ValueRange operands);

/// A pattern whose operands are converted; result types through `resultTensor`.
template <typename OpTy> struct Lowering : mlir::OpConversionPattern<OpTy> {
  using mlir::OpConversionPattern<OpTy>::OpConversionPattern;
  using Adaptor = typename OpTy::Adaptor;
  mlir::RankedTensorType resultTensor(OpTy op, unsigned i = 0) const {
    return getStorageTensor(op->getResult(i).getType());
  }
};

// One function per op group, in the file of that name.
void populateStructureLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateElementwiseLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateActivationLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateReductionLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateQuantizationLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateContractionLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateMovementLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateViewLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateConvolutionLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateNormalizationLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateRecurrentLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
/// Makes graph.if and graph.loop scf ops that still hold graph types; before the conversion.
mlir::LogicalResult lowerControlFlow(mlir::ModuleOp module);
/// Type conversion of the scf and tensor ops that lowerControlFlow makes.
void populateControlFlowLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns,
                                  mlir::ConversionTarget &target);
void populatePoolingLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateAssemblyLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateIndexingLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateScatterLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateGenerationLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateResamplingLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateSamplingLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateUniqueLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateSequenceLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateTextLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateMapLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);
void populateVisionLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);

} // namespace tegula

#endif
