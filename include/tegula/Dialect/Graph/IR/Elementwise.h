// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_DIALECT_GRAPH_IR_ELEMENTWISE_H
#define TEGULA_DIALECT_GRAPH_IR_ELEMENTWISE_H

#include "tegula/Dialect/Graph/IR/Graph.h"

namespace tegula::graph {

/// Whether each element of the op's result depends on the operands' elements at its place alone; operands broadcast.
bool isElementwise(mlir::Operation *op);

} // namespace tegula::graph

#endif
