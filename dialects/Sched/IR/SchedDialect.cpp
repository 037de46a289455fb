// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Sched/IR/Sched.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "tegula/Dialect/Sched/IR/SchedDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "tegula/Dialect/Sched/IR/SchedAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Sched/IR/SchedOps.cpp.inc"

void tegula::sched::SchedDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "tegula/Dialect/Sched/IR/SchedAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "tegula/Dialect/Sched/IR/SchedOps.cpp.inc"
      >();
}
