// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_DIALECT_GRAPH_TRANSFORMS_PASSES_H
#define TEGULA_DIALECT_GRAPH_TRANSFORMS_PASSES_H

#include "tegula/Dialect/Graph/IR/Graph.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace tegula {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

#endif
