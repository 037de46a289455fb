// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Blocked.h"
#include "tegula/Dialect/Graph/IR/Precision.h"

#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tegula;

#include "tegula/Dialect/Graph/IR/GraphDialect.cpp.inc"
#include "tegula/Dialect/Graph/IR/GraphInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "tegula/Dialect/Graph/IR/GraphAttributes.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "tegula/Dialect/Graph/IR/GraphTypes.cpp.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Graph/IR/GraphOps.cpp.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Graph/IR/GraphBlocked.cpp.inc"

void graph::GraphDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "tegula/Dialect/Graph/IR/GraphTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "tegula/Dialect/Graph/IR/GraphOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "tegula/Dialect/Graph/IR/GraphBlocked.cpp.inc"
      >();
}

LogicalResult graph::GraphDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  return failure(failed(verifyPrecisionAttribute(op, attribute)) || failed(verifyBlockAttribute(op, attribute)));
}

Operation *graph::GraphDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, loc, elements);
}
