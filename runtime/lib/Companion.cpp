// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Companion.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

namespace tegula {

void *findInCompanion(const char *library, const char *symbol) {
  Dl_info self;
  char path[4096];
  void *handle = nullptr;
  if (dladdr(reinterpret_cast<void *>(&findInCompanion), &self) && self.dli_fname)
    if (const char *slash = strrchr(self.dli_fname, '/')) {
      int size =
          snprintf(path, sizeof path, "%.*s/%s", static_cast<int>(slash - self.dli_fname), self.dli_fname, library);
      if (size > 0 && size < int(sizeof path))
        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
  if (!handle)
    handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  return handle ? dlsym(handle, symbol) : nullptr;
}

} // namespace tegula
