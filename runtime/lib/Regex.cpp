// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Regex.h"
#include <re2/re2.h>
#include <stdio.h>

extern "C" __attribute__((visibility("default"))) int32_t tegula_regex_full_match(const tegula_string *pattern,
                                                                                  const tegula_string *strings,
                                                                                  int64_t count, uint8_t *matches,
                                                                                  char *message, int64_t size) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  re2::RE2 expression(re2::StringPiece(pattern->data, static_cast<size_t>(pattern->size)), options);
  if (!expression.ok()) {
    snprintf(message, static_cast<size_t>(size), "%s", expression.error().c_str());
    return 1;
  }
  for (int64_t k = 0; k < count; ++k)
    matches[k] =
        re2::RE2::FullMatch(re2::StringPiece(strings[k].data, static_cast<size_t>(strings[k].size)), expression);
  return 0;
}
