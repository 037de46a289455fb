// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the runtime asks of libtegula_regex, which needs RE2 and the C++ library and is loaded when a model wants it.
#ifndef TEGULA_RUNTIME_REGEX_H
#define TEGULA_RUNTIME_REGEX_H

#include "tegula/model.h"

/// Writes to matches[k] whether string k as a whole matches the pattern. A pattern that is no regular expression gives
/// 1 and a message of at most `size` bytes, its final 0 included; else the result is 0.
extern "C" int32_t tegula_regex_full_match(const tegula_string *pattern, const tegula_string *strings, int64_t count,
                                           uint8_t *matches, char *message, int64_t size);

namespace tegula {
using RegexFullMatch = decltype(&tegula_regex_full_match);
constexpr const char *regexLibrary = "libtegula_regex.so.0";
constexpr const char *regexSymbol = "tegula_regex_full_match";
} // namespace tegula

#endif
