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

#ifdef TEGULA_CORE
/// Its license asks for this in everything that contains it: so it is in every compiled model.
__attribute__((used, retain)) static const char xxhashNotice[] =
    "xxHash: Copyright (C) 2012-2020 Yann Collet\n"
    "BSD 2-Clause License (https://www.opensource.org/licenses/bsd-license.php)\n"
    "Redistribution and use in source and binary forms, with or without modification, are permitted "
    "provided that the following conditions are met:\n"
    "Redistributions of source code must retain the above copyright notice, this list of conditions and "
    "the following disclaimer. Redistributions in binary form must reproduce the above copyright notice, "
    "this list of conditions and the following disclaimer in the documentation and/or other materials "
    "provided with the distribution.\n"
    "THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS \"AS IS\" AND ANY EXPRESS OR "
    "IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND "
    "FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT OWNER OR "
    "CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL "
    "DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, "
    "DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER "
    "IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF "
    "THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.\n";
#endif

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
  Array<char> path;
  if (!path.resize(pathBytes))
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while loading weight file '%s'", name);
  snprintf(path.data(), pathBytes, "%s/%s", directory, name);

  int descriptor = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return setError(TEGULA_ERROR_FILE, "cannot open weight file '%s': %s", path.data(), strerror(errno));
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return setError(TEGULA_ERROR_FILE, "cannot read weight file '%s': it is not a regular file", path.data());
  }
  if (status.st_size != artifact.constants_bytes) {
    close(descriptor);
    return setError(TEGULA_ERROR_INVALID_ARTIFACT,
                    "weight file '%s' does not belong to this model: expected %" PRId64 " bytes, but got %" PRId64,
                    path.data(), artifact.constants_bytes, static_cast<int64_t>(status.st_size));
  }
  size = static_cast<size_t>(status.st_size);
  void *bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (bytes == MAP_FAILED)
    return setError(TEGULA_ERROR_FILE, "cannot map weight file '%s': %s", path.data(), strerror(errno));
  mapped = bytes;
  if (checkHash) {
    madvise(mapped, size, MADV_SEQUENTIAL);
    uint64_t hash = XXH3_64bits(mapped, size);
    madvise(mapped, size, MADV_NORMAL);
    if (hash != artifact.sidecar_hash)
      return setError(TEGULA_ERROR_INVALID_ARTIFACT,
                      "weight file '%s' does not belong to this model: expected XXH3 hash %016" PRIx64
                      ", but got %016" PRIx64,
                      path.data(), artifact.sidecar_hash, hash);
  }
  return TEGULA_ERROR_NONE;
}

} // namespace tegula
