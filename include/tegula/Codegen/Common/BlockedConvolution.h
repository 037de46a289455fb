// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the families of convolutions on blocked channels share: recognizing one, and writing its results.
//
#ifndef TEGULA_CODEGEN_COMMON_BLOCKEDCONVOLUTION_H
#define TEGULA_CODEGEN_COMMON_BLOCKEDCONVOLUTION_H

#include "tegula/Codegen/Common/Contraction.h"
#include "tegula/Codegen/Common/Emission.h"

namespace tegula::convolution {

/// The loops of the contraction, in their order: y[n, outer, row, column, lane] is the sum of x[n, inner, row * stride
/// + kernel row * dilation, column * stride + kernel column * dilation, channel] * weight[outer, inner, kernel row,
/// kernel column, channel, lane]. With groups, channels are pairs of a group and a part of it, each a dimension of x
/// and one of the weight, where the part comes behind the lane.
enum Loop : unsigned { Batch, Outer, Row, Column, Lane, Inner, KernelRow, KernelColumn, Channel, Part };

/// How products of 8-bit integers or of bf16 are summed.
struct Grouping {
  /// Neighboring elements whose products go to one sum: four bytes, those of x unsigned and those of the weight signed;
  /// two bytes of x, which are extended, and two i16 of the weight; two bf16. 1: f32.
  int64_t group = 1;
  bool isFloat = false;
  /// Whether x is unsigned, and whether its signed bytes count from -128, so that they are unsigned ones with another
  /// highest bit.
  bool isUnsigned = false, flips = false;
};

/// Whether the contraction sums products of 8-bit integers in groups of `group`.
bool matchIntegers(const ContractionInfo &info, unsigned x, unsigned weight, int64_t group, Grouping &form);

/// Whether a dimension is walked as `form` says: pairs of loop and coefficient.
bool isForm(llvm::ArrayRef<int64_t> form, llvm::ArrayRef<std::pair<unsigned, int64_t>> terms);

/// A convolution on blocked channels of f32, of bf16 with f32 sums, or of 8-bit integers with i32 sums. All extents but
/// those of Batch, Row and Column are static.
struct Convolution {
  ContractionInfo info;
  /// Operand numbers.
  unsigned x = 0, weight = 1;
  int64_t strides[2] = {1, 1}, dilations[2] = {1, 1};
  Grouping grouping;
  int64_t extent(Loop loop) const { return info.extents[loop]; }
};

/// Whether `info` is one.
bool matchConvolution(const ContractionInfo &info, Convolution &convolution);

/// Writes vectors of sums: applies the steps behind the convolution and stores what outlives the kernel. The first
/// loops of the kernel's contraction are Batch to Lane.
class ConvolutionEmitter {
public:
  ConvolutionEmitter(mlir::OpBuilder &builder, mlir::Location loc, matmul::KernelForm &form);

protected:
  using Index = matmul::Index;
  /// A place of the result: batch, block of channels, row, column.
  struct Place {
    Index batch, outer, row, column;
  };
  /// Writes `sum`, the vector of a block of channels.
  void finish(const Place &place, mlir::Value sum);
  /// How many ops `finish` emits, roughly.
  int64_t countStepOps() const;
  /// `buffer` as an operand whose dimensions are walked by the contraction's loops as `forms` say.
  matmul::FlatAccess makeAccess(mlir::Value buffer, llvm::ArrayRef<llvm::SmallVector<int64_t>> forms);
  /// The address of `place` in `access`.
  Index address(const matmul::FlatAccess &access, const Place &place);
  void loop(Index begin, Index end, int64_t step, llvm::function_ref<void(mlir::Value)> body) {
    matmul::emitLoop(b, loc, math, begin, end, step, body);
  }
  std::pair<Index, Index> shareOf(Index items) { return matmul::shareOf(b, loc, math, items); }
  mlir::Value loadScalar(mlir::Value flat, Index index);
  mlir::Value loadVector(mlir::Value flat, Index index);
  mlir::Value zeroVector();
  /// What the sums of `place` start from: the bias of integers, which `finish` then does not add, or zero.
  mlir::Value startVector(const Place &place);
  /// `bytes` of the operand, some for each lane, as factors of emitDot or emitBFloatDot.
  mlir::Value makeFactors(mlir::Value bytes, const Grouping &grouping);

  mlir::OpBuilder &b;
  mlir::Location loc;
  matmul::IndexMath math;
  matmul::KernelForm &form;
  llvm::SmallVector<Index> extents;
  mlir::VectorType vector;
  /// One for each stored buffer; one for each operand of a step that is not a tracked buffer.
  llvm::MapVector<mlir::Value, matmul::FlatAccess> results;
  llvm::MapVector<mlir::OpOperand *, matmul::FlatAccess> operands;

private:
  /// The operand of the first step that is only added to the sums of integers, the same for all places.
  mlir::OpOperand *bias = nullptr;

  void findBias();
  mlir::Value load(const matmul::FlatAccess &access, const Place &place);
  void store(const matmul::FlatAccess &access, const Place &place, mlir::Value value);
};

} // namespace tegula::convolution

#endif // TEGULA_CODEGEN_COMMON_BLOCKEDCONVOLUTION_H
