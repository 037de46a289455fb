// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Sidecar.h"
#include "Error.h"
#include "Memory.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tegula {

Sidecar::~Sidecar() {
  if (mapped)
    munmap(mapped, size);
}

tegula_error Sidecar::open(const tegula_artifact &artifact, const char *directory, bool checkHash) {
  const char *name = artifact.sidecar;
  // The name comes out of the artifact: it may only name a file beside it.
  if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return setError(TEGULA_ERROR_INVALID_ARTIFACT, "model '%s' names a weight file that is not a plain file name: '%s'",
                    artifact.model, name);
  if (artifact.constants_bytes == 0)
    return setError(TEGULA_ERROR_INVALID_ARTIFACT, "model '%s' names weight file '%s', but has no weights",
                    artifact.model, name);
  size_t pathBytes = strlen(directory) + strlen(name) + 2;
  String path;
  path.adopt(static_cast<char *>(malloc(pathBytes)));
  if (!path)
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while loading weight file '%s'", name);
  snprintf(const_cast<char *>(path.get()), pathBytes, "%s/%s", directory, name);

  int descriptor = ::open(path.get(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return setError(TEGULA_ERROR_FILE, "cannot open weight file '%s': %s", path.get(), strerror(errno));
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return setError(TEGULA_ERROR_FILE, "cannot read weight file '%s': it is not a regular file", path.get());
  }
  if (status.st_size != artifact.constants_bytes) {
    close(descriptor);
    return setError(TEGULA_ERROR_INVALID_ARTIFACT,
                    "weight file '%s' does not belong to this model: expected %" PRId64 " bytes, but got %" PRId64,
                    path.get(), artifact.constants_bytes, static_cast<int64_t>(status.st_size));
  }
  size = static_cast<size_t>(status.st_size);
  void *bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (bytes == MAP_FAILED)
    return setError(TEGULA_ERROR_FILE, "cannot map weight file '%s': %s", path.get(), strerror(errno));
  mapped = bytes;
  if (checkHash) {
    madvise(mapped, size, MADV_SEQUENTIAL);
    uint64_t hash = XXH3_64bits(mapped, size);
    madvise(mapped, size, MADV_NORMAL);
    if (hash != artifact.sidecar_hash)
      return setError(TEGULA_ERROR_INVALID_ARTIFACT,
                      "weight file '%s' does not belong to this model: expected XXH3 hash %016" PRIx64
                      ", but got %016" PRIx64,
                      path.get(), artifact.sidecar_hash, hash);
  }
  return TEGULA_ERROR_NONE;
}

} // namespace tegula
