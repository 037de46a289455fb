// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "HostOperations.h"
#include "Error.h"
#include <stdarg.h>
#include <stdio.h>

namespace tegula {

#ifdef TEGULA_CORE
// A model carries no host operations with it: those that need them run with the runtime library.
static const HostOperationRow *const groups[] = {nullptr};
#else
static const HostOperationRow *const groups[] = {sequenceOperations, stringOperations, mapOperations,
                                                 visionOperations,   regexOperations,  nullptr};
#endif

const HostOperationRow *findHostOperation(const char *name) {
  for (const HostOperationRow *const *group = groups; *group; ++group)
    for (const HostOperationRow *row = *group; row->name; ++row)
      if (strcmp(row->name, name) == 0)
        return row;
  return nullptr;
}

int64_t HostCall::integer(int32_t k, int64_t at) const {
  const tegula_tensor &source = tensor(k);
  return source.element_type == /*INT32*/ 6 ? static_cast<const int32_t *>(source.data)[at]
                                            : static_cast<const int64_t *>(source.data)[at];
}

int32_t HostCall::give(int32_t k, tegula_value *value) const {
  results[k] = value;
  return value ? TEGULA_OK : TEGULA_OUT_OF_MEMORY;
}

int32_t HostCall::fail(int32_t status, const char *format, ...) const {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(context.failure.detail, sizeof context.failure.detail, format, arguments);
  va_end(arguments);
  return status;
}

} // namespace tegula
