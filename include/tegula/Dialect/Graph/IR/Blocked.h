// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops on images and matrices that lie in blocks, as stage `layout` makes them.
#ifndef TEGULA_DIALECT_GRAPH_IR_BLOCKED_H
#define TEGULA_DIALECT_GRAPH_IR_BLOCKED_H

#include "tegula/Dialect/Graph/IR/Graph.h"

#define GET_OP_CLASSES
#include "tegula/Dialect/Graph/IR/GraphBlocked.h.inc"

#endif
