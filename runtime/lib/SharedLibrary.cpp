// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The dynamic loader recognizes a library by the name it was opened with before it looks at the file. A model that was
// compiled again to the same path while the old one is still loaded would silently be the old one. So each version of
// a path that is open at the same time is opened by another spelling: DIR/NAME, DIR/./NAME, DIR/././NAME ...
#include "SharedLibrary.h"
#include "Error.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>

namespace tegula {

static pthread_mutex_t openLibrariesMutex = PTHREAD_MUTEX_INITIALIZER;
static SharedLibrary *openLibraries = nullptr;

tegula_error SharedLibrary::open(const char *path) {
  char absolute[PATH_MAX];
  if (!realpath(path, absolute))
    return setError(TEGULA_ERROR_FILE, "cannot open '%s': %s", path, strerror(errno));
  ArtifactFile file;
  if (tegula_error error = inspectArtifactFile(path, file))
    return error;
  device = file.device;
  inode = file.inode;

  pthread_mutex_lock(&openLibrariesMutex);
  for (SharedLibrary *other = openLibraries; other; other = other->next) {
    if (strcmp(other->resolvedPath.get(), absolute) != 0)
      continue;
    if (other->device == device && other->inode == inode) {
      version = other->version;
      break;
    }
    if (other->version >= version)
      version = other->version + 1;
  }

  resolvedPath.adopt(strdup(absolute));
  char *slash = strrchr(absolute, '/'); // realpath's result has one
  const char *name = slash + 1;
  folder.adopt(slash == absolute ? strdup("/") : strndup(absolute, static_cast<size_t>(slash - absolute)));
  size_t spellingBytes = strlen(absolute) + 2 * static_cast<size_t>(version) + 1;
  String spelling;
  spelling.adopt(static_cast<char *>(malloc(spellingBytes)));
  if (!resolvedPath || !folder || !spelling) {
    pthread_mutex_unlock(&openLibrariesMutex);
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while loading '%s'", path);
  }
  char *at = const_cast<char *>(spelling.get());
  size_t prefix = static_cast<size_t>(name - absolute);
  memcpy(at, absolute, prefix);
  at += prefix;
  for (int k = 0; k < version; ++k, at += 2)
    memcpy(at, "./", 2);
  memcpy(at, name, strlen(name) + 1);

  handle = dlopen(spelling.get(), RTLD_NOW | RTLD_LOCAL);
  const char *message = handle ? nullptr : dlerror();
  if (handle) {
    next = openLibraries;
    openLibraries = this;
    listed = true;
  }
  pthread_mutex_unlock(&openLibrariesMutex);
  if (!handle)
    return setError(TEGULA_ERROR_INVALID_ARTIFACT, "cannot load '%s': %s", path, message ? message : "unknown error");
  queryFunction = reinterpret_cast<tegula_query_function>(dlsym(handle, file.querySymbol.get()));
  if (!queryFunction)
    return setError(TEGULA_ERROR_INVALID_ARTIFACT, "cannot load '%s': symbol '%s' cannot be found", path,
                    file.querySymbol.get());
  return TEGULA_ERROR_NONE;
}

SharedLibrary::~SharedLibrary() {
  // Closed inside the lock: between leaving the list and dlclose the loader would still know the name.
  pthread_mutex_lock(&openLibrariesMutex);
  if (listed) {
    SharedLibrary **link = &openLibraries;
    while (*link != this)
      link = &(*link)->next;
    *link = next;
  }
  if (handle)
    dlclose(handle);
  pthread_mutex_unlock(&openLibrariesMutex);
}

} // namespace tegula
