// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Libraries beside the runtime that are loaded when a model wants them: they need more than the C library.
#ifndef TEGULA_RUNTIME_COMPANION_H
#define TEGULA_RUNTIME_COMPANION_H

namespace tegula {

/// The address of `symbol` in `library`, beside the runtime or where the system looks; null when it is not there.
void *findInCompanion(const char *library, const char *symbol);

} // namespace tegula
#endif
