// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What reductions, softmax and normalizations share; internal to lib/Conversion/GraphToLinalg.
//
// Values that are reduced have a type to compute in: f32 for f16, bf16 and narrower floats; the stored type for all
// others (a bool is reduced as its byte).
#ifndef TEGULA_CONVERSION_GRAPHTOLINALG_REDUCTIONS_H
#define TEGULA_CONVERSION_GRAPHTOLINALG_REDUCTIONS_H

#include "tegula/Conversion/GraphToLinalg/Lowering.h"

namespace tegula {

/// The loops of a reduction and where its operands lie in them.
struct ReductionSpace {
  llvm::SmallVector<mlir::utils::IteratorType> iterators;
  mlir::AffineMap operandMap; ///< of what is reduced
  mlir::AffineMap resultMap;
  llvm::SmallVector<mlir::OpFoldResult> resultExtents;
  llvm::SmallVector<mlir::OpFoldResult> reducedExtents;
  /// With run-time axes every dimension is both kept and reduced, one of them with extent 1; an operand that is only
  /// a shape tells the extents of the reduced ones. Null otherwise.
  mlir::Value window;
  mlir::AffineMap windowMap;
};

/// Reduces `axes` of a tensor with these extents; the result does not have those dimensions.
ReductionSpace makeReductionSpace(mlir::OpBuilder &b, llvm::ArrayRef<mlir::OpFoldResult> extents,
                                  llvm::ArrayRef<int64_t> axes);
/// Reduces the dimensions where `mask` (i1 values) is true; the result keeps them with extent 1.
ReductionSpace makeReductionSpace(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> extents,
                                  mlir::ValueRange mask);
/// How many elements make one result, as an index.
mlir::Value countReduced(mlir::OpBuilder &b, mlir::Location loc, const ReductionSpace &space);

/// Body of a reduction: stored scalars of the operands and the accumulator in, the new accumulator out.
using ReductionBody = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange, mlir::Value)>;
/// The first operand is what is reduced; the others have the result's shape. `initial` is the accumulator's value for
/// no elements.
mlir::Value buildReduction(mlir::OpBuilder &b, mlir::Location loc, const ReductionSpace &space,
                           mlir::ValueRange operands, mlir::Value initial, ReductionBody body);

/// A map over `extents`: operands with their maps, stored scalars in, a stored scalar of type `element` out.
mlir::Value buildMap(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> extents,
                     mlir::ValueRange operands, llvm::ArrayRef<mlir::AffineMap> maps, mlir::Type element,
                     ScalarBody body);

/// `reduced` (without the dimensions `axes` of the original `rank`) as it is, or with extents of 1 there.
mlir::Value keepDimensions(mlir::OpBuilder &b, mlir::Location loc, mlir::Value reduced, llvm::ArrayRef<int64_t> axes,
                           int64_t rank);

/// The position (i64, row-major over `axes`) of the highest or lowest element over `axes`, without those dimensions.
mlir::Value buildArgReduction(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Type graphElement,
                              llvm::ArrayRef<int64_t> axes, bool highest, bool selectLast);

/// The type to reduce in, the computed value of a stored scalar, and back.
mlir::Type getAccumulatorType(mlir::Type graphElement);
mlir::Value loadAccumulated(mlir::OpBuilder &b, mlir::Location loc, mlir::Value stored, mlir::Type graphElement);
mlir::Value storeAccumulated(mlir::OpBuilder &b, mlir::Location loc, mlir::Value computed, mlir::Type graphElement);

/// An index as a float or integer of `type`.
mlir::Value indexAs(mlir::OpBuilder &b, mlir::Location loc, mlir::Value index, mlir::Type type);
/// x + y where the order of a sum is free.
mlir::Value addReassociable(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Value y);
/// The lowest (or highest) value of a type: minus infinity for floats.
mlir::Value extremeValue(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, bool isUnsigned, bool highest);

/// Softmax and normalizations; part of populateReductionLowerings.
void populateSoftmaxLowerings(const mlir::TypeConverter &converter, mlir::RewritePatternSet &patterns);

} // namespace tegula

#endif
