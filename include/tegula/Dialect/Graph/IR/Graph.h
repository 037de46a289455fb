// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_DIALECT_GRAPH_IR_GRAPH_H
#define TEGULA_DIALECT_GRAPH_IR_GRAPH_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "tegula/Dialect/Graph/IR/GraphDialect.h.inc"
#include "tegula/Dialect/Graph/IR/GraphInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "tegula/Dialect/Graph/IR/GraphAttributes.h.inc"
#define GET_TYPEDEF_CLASSES
#include "tegula/Dialect/Graph/IR/GraphTypes.h.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Graph/IR/GraphOps.h.inc"

#endif
