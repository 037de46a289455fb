// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops on images and matrices that lie in blocks, as stage `layout` makes them.
#ifndef TEGULA_DIALECT_GRAPH_IR_BLOCKED_H
#define TEGULA_DIALECT_GRAPH_IR_BLOCKED_H

#include "tegula/Dialect/Graph/IR/Graph.h"

#define GET_OP_CLASSES
#include "tegula/Dialect/Graph/IR/GraphBlocked.h.inc"

namespace tegula::graph {
/// The length of blocks of channels and columns: what the levels of an artifact agreed on (`graph.channel_block`), else
/// the f32 lanes of the target's vectors.
int64_t getBlockLength(mlir::ModuleOp module, int64_t lanes);
} // namespace tegula::graph

#endif
