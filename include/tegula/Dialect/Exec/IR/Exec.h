// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_DIALECT_EXEC_IR_EXEC_H
#define TEGULA_DIALECT_EXEC_IR_EXEC_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "tegula/Dialect/Exec/IR/ExecDialect.h.inc"

namespace tegula::exec {
/// Bytes that an element of a buffer takes.
int64_t getElementBytes(mlir::Type element);

/// What memory holds of a constant.
struct StoredElements {
  llvm::ArrayRef<char> bytes; ///< of all elements, or of one where all are equal
  bool isSplat = false;

  bool operator==(const StoredElements &other) const { return isSplat == other.isSplat && bytes == other.bytes; }
};
/// Nothing where the elements' resource is missing.
std::optional<StoredElements> getStoredElements(mlir::ElementsAttr elements);
} // namespace tegula::exec

#define GET_ATTRDEF_CLASSES
#include "tegula/Dialect/Exec/IR/ExecAttributes.h.inc"
#define GET_TYPEDEF_CLASSES
#include "tegula/Dialect/Exec/IR/ExecTypes.h.inc"
#define GET_OP_CLASSES
#include "tegula/Dialect/Exec/IR/ExecOps.h.inc"

#endif
