// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ElfFile.h"
#include "Error.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tegula {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half hostMachine = EM_X86_64;
constexpr const char *hostName = "x86-64";
#elif defined(__aarch64__)
constexpr Elf64_Half hostMachine = EM_AARCH64;
constexpr const char *hostName = "AArch64";
#else
#error "this processor is not supported"
#endif

/// The bytes of a file; every access is checked against its size.
struct Bytes {
  const char *data;
  uint64_t size;

  bool contains(uint64_t offset, uint64_t length) const { return offset <= size && length <= size - offset; }

  /// False when the value would lie outside. memcpy, because offsets in a hostile file need not be aligned.
  template <typename T> bool read(uint64_t offset, T &value) const {
    if (!contains(offset, sizeof(T)))
      return false;
    memcpy(&value, data + offset, sizeof(T));
    return true;
  }

  /// Null when the string at `offset` does not end before `end`.
  const char *string(uint64_t offset, uint64_t end) const {
    if (offset >= end || end > size || !memchr(data + offset, 0, end - offset))
      return nullptr;
    return data + offset;
  }
};

bool endsInQuery(const char *name) {
  size_t length = strlen(name);
  return length > 6 && strcmp(name + length - 6, "_query") == 0;
}

tegula_error damaged(const char *path, const char *what) {
  return setError(TEGULA_ERROR_INVALID_ARTIFACT, "'%s' is truncated or damaged: %s", path, what);
}

tegula_error inspectSymbols(const char *path, const Bytes &bytes, const Elf64_Ehdr &header, String &querySymbol) {
  for (uint64_t section = 0; section < header.e_shnum; ++section) {
    Elf64_Shdr symbols, strings;
    if (!bytes.read(header.e_shoff + section * sizeof(Elf64_Shdr), symbols))
      return damaged(path, "its section table ends early");
    if (symbols.sh_type != SHT_DYNSYM)
      continue;
    if (symbols.sh_link >= header.e_shnum ||
        !bytes.read(header.e_shoff + uint64_t(symbols.sh_link) * sizeof(Elf64_Shdr), strings) ||
        !bytes.contains(symbols.sh_offset, symbols.sh_size) || !bytes.contains(strings.sh_offset, strings.sh_size))
      return damaged(path, "its symbol table ends early");
    uint64_t stringsEnd = strings.sh_offset + strings.sh_size;
    for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= symbols.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      bytes.read(symbols.sh_offset + at, symbol);
      unsigned binding = ELF64_ST_BIND(symbol.st_info);
      if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol.st_info) != STT_FUNC ||
          (binding != STB_GLOBAL && binding != STB_WEAK))
        continue;
      // st_name < 2^32 and sh_offset <= size, so the sum cannot wrap.
      const char *name = bytes.string(strings.sh_offset + symbol.st_name, stringsEnd);
      if (!name)
        return damaged(path, "a symbol's name lies outside the file");
      if (!endsInQuery(name))
        continue;
      if (querySymbol)
        return setError(TEGULA_ERROR_INVALID_ARTIFACT,
                        "'%s' is not a compiled model: expected one exported function ending in '_query', but got '%s' "
                        "and '%s'",
                        path, querySymbol.get(), name);
      querySymbol.adopt(strdup(name));
      if (!querySymbol)
        return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while loading '%s'", path);
    }
  }
  if (!querySymbol)
    return setError(TEGULA_ERROR_INVALID_ARTIFACT,
                    "'%s' is not a compiled model: it exports no function ending in '_query'", path);
  return TEGULA_ERROR_NONE;
}

tegula_error inspectBytes(const char *path, const Bytes &bytes, String &querySymbol) {
  Elf64_Ehdr header;
  if (!bytes.read(0, header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return setError(TEGULA_ERROR_INVALID_ARTIFACT, "'%s' is not a compiled model: it is no shared library", path);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != hostMachine)
    return setError(TEGULA_ERROR_INCOMPATIBLE,
                    "'%s' was compiled for another processor: expected %s (ELF machine %u), but got ELF machine %u",
                    path, hostName, hostMachine, header.e_machine);
  if (header.e_type != ET_DYN)
    return setError(TEGULA_ERROR_INVALID_ARTIFACT, "'%s' is not a compiled model: it is no shared library", path);
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_shentsize != sizeof(Elf64_Shdr) ||
      header.e_shoff > bytes.size)
    return damaged(path, "its header is malformed");
  for (uint64_t k = 0; k < header.e_phnum; ++k) {
    Elf64_Phdr segment;
    if (!bytes.read(header.e_phoff + k * sizeof(Elf64_Phdr), segment))
      return damaged(path, "its segment table ends early");
    if (segment.p_type == PT_LOAD && !bytes.contains(segment.p_offset, segment.p_filesz))
      return damaged(path, "a segment ends after the file");
  }
  return inspectSymbols(path, bytes, header, querySymbol);
}

} // namespace

tegula_error inspectArtifactFile(const char *path, ArtifactFile &file) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return setError(TEGULA_ERROR_FILE, "cannot open '%s': %s", path, strerror(errno));
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    return setError(TEGULA_ERROR_FILE, "cannot read '%s': it is not a regular file", path);
  }
  if (status.st_size == 0) {
    close(descriptor);
    return setError(TEGULA_ERROR_INVALID_ARTIFACT, "'%s' is not a compiled model: it is empty", path);
  }
  size_t size = static_cast<size_t>(status.st_size);
  void *mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (mapped == MAP_FAILED)
    return setError(TEGULA_ERROR_FILE, "cannot map '%s': %s", path, strerror(errno));
  tegula_error error = inspectBytes(path, {static_cast<const char *>(mapped), size}, file.querySymbol);
  munmap(mapped, size);
  file.device = status.st_dev;
  file.inode = status.st_ino;
  return error;
}

} // namespace tegula
