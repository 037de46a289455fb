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
/// How many neighboring bytes weights hold together, as the levels of an artifact agreed on (`graph.channel_group`), or
/// 0.
int64_t getByteGroup(mlir::ModuleOp module);
/// An error where `attribute` of `op` is one of the two and says nothing sensible.
mlir::LogicalResult verifyBlockAttribute(mlir::Operation *op, mlir::NamedAttribute attribute);
} // namespace tegula::graph

#endif
