// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The message of the last failure on each thread.
#ifndef TEGULA_RUNTIME_ERROR_H
#define TEGULA_RUNTIME_ERROR_H

#include "tegula/model.h"
#include <stddef.h>

namespace tegula {

/// Records a printf-style message for this thread and returns `error`.
__attribute__((format(printf, 2, 3))) tegula_error setError(tegula_error error, const char *format, ...);

/// A short text built piece by piece in fixed storage; what does not fit is cut and ends in "...".
class Text {
public:
  __attribute__((format(printf, 2, 3))) void append(const char *format, ...);
  /// "[2, batch, ?]": a symbol's name where there is one, "?" for a nameless dynamic extent.
  void appendShape(int32_t rank, const int64_t *shape, const char *const *symbols = nullptr);
  const char *get() const { return text; }

private:
  char text[768] = "";
  size_t length = 0;
};

} // namespace tegula
#endif
