// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_DIALECT_SCHED_IR_SCHED_H
#define TEGULA_DIALECT_SCHED_IR_SCHED_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "tegula/Dialect/Sched/IR/SchedDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "tegula/Dialect/Sched/IR/SchedAttributes.h.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Sched/IR/SchedOps.h.inc"

#endif
