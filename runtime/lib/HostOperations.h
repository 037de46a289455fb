// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The closed list of operations that run as library code instead of generated code: on sequences, strings and maps.
#ifndef TEGULA_RUNTIME_HOSTOPERATIONS_H
#define TEGULA_RUNTIME_HOSTOPERATIONS_H

#include "Context.h"
#include "Value.h"

namespace tegula {

/// One call: operands are borrowed, results are references that the caller takes over.
struct HostCall {
  tegula_context &context;
  tegula_value *const *operands;
  int32_t operandCount;
  tegula_value **results;
  int32_t resultCount;

  const tegula_tensor &tensor(int32_t k) const { return operands[k]->tensor; }
  /// Element `at` of operand `k`, a tensor of 32 or 64-bit integers.
  int64_t integer(int32_t k, int64_t at = 0) const;
  /// Makes `value` result `k`; null stands for exhausted memory. Returns the status.
  int32_t give(int32_t k, tegula_value *value) const;
  /// Records why the call failed; returns `status`.
  __attribute__((format(printf, 3, 4))) int32_t fail(int32_t status, const char *format, ...) const;
};

using HostOperation = int32_t (*)(HostCall &);
struct HostOperationRow {
  const char *name;
  int32_t operandCount; // -1: any number
  int32_t resultCount;
  HostOperation run;
};

/// Null for a name that is not in the list.
const HostOperationRow *findHostOperation(const char *name);

// Rows by group, in the file of that name; each ends with a row without a name.
extern const HostOperationRow sequenceOperations[];
extern const HostOperationRow stringOperations[];
extern const HostOperationRow mapOperations[];
extern const HostOperationRow visionOperations[];
extern const HostOperationRow regexOperations[];

} // namespace tegula
#endif
