// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Regular expressions, by a library of their own that lies beside the runtime.
#include "Companion.h"
#include "HostOperations.h"
#include "Regex.h"
#include <pthread.h>

namespace tegula {
namespace {

pthread_once_t once = PTHREAD_ONCE_INIT;
RegexFullMatch fullMatch = nullptr;

void openLibrary() { fullMatch = reinterpret_cast<RegexFullMatch>(findInCompanion(regexLibrary, regexSymbol)); }

/// x, pattern.
int32_t match(HostCall &call) {
  pthread_once(&once, openLibrary);
  if (!fullMatch)
    return call.fail(TEGULA_HOST_OPERATION_FAILED,
                     "regular expressions need %s, which is built where RE2 is installed, but it is not there",
                     regexLibrary);
  const tegula_tensor &x = call.tensor(0);
  ValueReference result(makeTensor(/*BOOL*/ 9, x.rank, x.shape));
  if (!result)
    return TEGULA_OUT_OF_MEMORY;
  char message[128] = "";
  if (fullMatch(static_cast<const tegula_string *>(call.tensor(1).data), static_cast<const tegula_string *>(x.data),
                countElements(x), static_cast<uint8_t *>(result->tensor.data), message, sizeof message))
    return call.fail(TEGULA_INVALID_VALUE, "no regular expression: %s", message);
  return call.give(0, result.release());
}

} // namespace

const HostOperationRow regexOperations[] = {{"regex_full_match", 2, 1, match}, {nullptr, 0, 0, nullptr}};

} // namespace tegula
