// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Error.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

namespace tegula {

static thread_local char lastError[2048] = "";

tegula_error setError(tegula_error error, const char *format, ...) {
  // The arguments may point into the previous message, so the new one is built beside it.
  char text[sizeof(lastError)];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  memcpy(lastError, text, strlen(text) + 1);
  return error;
}

void Text::append(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(text + length, sizeof(text) - length, format, arguments);
  va_end(arguments);
  if (written < 0)
    return;
  length += static_cast<size_t>(written);
  if (length >= sizeof(text)) {
    length = sizeof(text) - 1;
    memcpy(text + length - 3, "...", 3);
  }
}

void Text::appendShape(int32_t rank, const int64_t *shape, const char *const *symbols) {
  append("[");
  for (int32_t k = 0; k < rank; ++k) {
    const char *separator = k == 0 ? "" : ", ";
    if (shape[k] >= 0)
      append("%s%lld", separator, static_cast<long long>(shape[k]));
    else
      append("%s%s", separator, symbols && symbols[k] ? symbols[k] : "?");
  }
  append("]");
}

} // namespace tegula

extern "C" {

const char *tegula_last_error(void) { return tegula::lastError; }

const char *tegula_version(void) { return TEGULA_VERSION; }

const char *tegula_status_text(int32_t status) {
  switch (status) {
  case TEGULA_OK:
    return "success";
  case TEGULA_INDEX_OUT_OF_RANGE:
    return "index out of range";
  case TEGULA_INTEGER_DIVISION_BY_ZERO:
    return "integer division by zero";
  case TEGULA_INTEGER_OVERFLOW:
    return "integer overflow";
  case TEGULA_SHIFT_OUT_OF_RANGE:
    return "shift amount is negative or not less than the width of the type";
  case TEGULA_SHAPE_MISMATCH:
    return "shapes do not fit together";
  case TEGULA_OUT_OF_MEMORY:
    return "out of memory";
  case TEGULA_LOOP_LIMIT:
    return "loop iteration limit reached";
  case TEGULA_INVALID_VALUE:
    return "value outside the operation's domain";
  case TEGULA_HOST_OPERATION_FAILED:
    return "host operation failed";
  case TEGULA_DEVICE_ERROR:
    return "device error";
  case TEGULA_INTERRUPTED:
    return "the run was interrupted";
  default:
    return "unknown status";
  }
}

} // extern "C"
