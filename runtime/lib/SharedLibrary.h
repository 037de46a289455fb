// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A dynamically loaded artifact.
#ifndef TEGULA_RUNTIME_SHAREDLIBRARY_H
#define TEGULA_RUNTIME_SHAREDLIBRARY_H

#include "ElfFile.h"

namespace tegula {

class SharedLibrary {
public:
  SharedLibrary() = default;
  SharedLibrary(const SharedLibrary &) = delete;
  SharedLibrary &operator=(const SharedLibrary &) = delete;
  ~SharedLibrary();

  /// Checks and loads the artifact at `path` and finds its query function.
  tegula_error open(const char *path);
  tegula_query_function query() const { return queryFunction; }
  /// Folder of the artifact, links in its path resolved.
  const char *directory() const { return folder.get(); }

private:
  void *handle = nullptr;
  tegula_query_function queryFunction = nullptr;
  String folder;

  // Libraries that are open now, linked into a list (see open).
  String resolvedPath;
  dev_t device = 0;
  ino_t inode = 0;
  int version = 0;
  SharedLibrary *next = nullptr;
  bool listed = false;
};

} // namespace tegula
#endif
