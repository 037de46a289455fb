// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How large the images of a run are, as far as decisions on their layout need it. Internal to
// dialects/Graph/Transforms.
#ifndef TEGULA_DIALECT_GRAPH_TRANSFORMS_EXTENTESTIMATE_H
#define TEGULA_DIALECT_GRAPH_TRANSFORMS_EXTENTESTIMATE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tegula::graph {

/// Known extents are as they are, and a dynamic batch is 1. Other dynamic extents follow from those of a usual image at
/// the model's arguments by what convolutions, pools and resizes make of them.
class ExtentEstimate {
public:
  explicit ExtentEstimate(mlir::func::FuncOp function);
  /// Extent `dim` of `value`, a tensor of known rank.
  double extent(mlir::Value value, int64_t dim) const;
  double countElements(mlir::Value value) const;

private:
  /// Of what has dynamic extents and is made from another tensor of the same rank.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<double>> extents;
};

} // namespace tegula::graph

#endif
