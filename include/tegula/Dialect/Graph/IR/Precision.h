// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How exactly a model computes: `--precision=` of every command. It stands on the module as `graph.precision`, so that
// each stage continues with it; without the attribute it is f32.
//
//   f32         products and sums contract to fused multiply-adds, sums are taken in any order, and an algorithm may
//               replace another one as long as its largest error stays below ten times the plain one's
//   f32-strict  f32 without such algorithms: no convolution is done in the Winograd domain
//   bf16        convolutions and matrix products that are bound by arithmetic read bf16 and sum in f32; all else, and
//               every result of the model, is f32
//
#ifndef TEGULA_DIALECT_GRAPH_IR_PRECISION_H
#define TEGULA_DIALECT_GRAPH_IR_PRECISION_H

#include "mlir/IR/Operation.h"

#include <optional>

namespace tegula::graph {

enum class Precision { F32, F32Strict, BF16 };

/// As users write it.
llvm::StringRef getPrecisionName(Precision precision);
std::optional<Precision> parsePrecision(llvm::StringRef name);
/// All names, for messages.
llvm::StringRef listPrecisions();

/// That of the module which holds `op`, or is it.
Precision getPrecision(mlir::Operation *op);
void setPrecision(mlir::Operation *module, Precision precision);
/// An error where `attribute` of `op` is graph.precision and says nothing sensible.
mlir::LogicalResult verifyPrecisionAttribute(mlir::Operation *op, mlir::NamedAttribute attribute);

} // namespace tegula::graph

#endif
