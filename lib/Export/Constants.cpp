// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The constant section: weights go from the model's bytes straight into a mapped file, never into LLVM IR.
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Export/Artifact.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/FileOutputBuffer.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;

int64_t tegula::getConstantBytes(ModuleOp module) {
  auto bytes = module->getAttrOfType<IntegerAttr>("exec.constant_bytes");
  return bytes ? bytes.getInt() : 0;
}

static llvm::Error writeElements(ElementsAttr elements, MutableArrayRef<char> target) {
  std::optional<exec::StoredElements> stored = exec::getStoredElements(elements);
  if (!stored)
    return llvm::createStringError("a constant's data is missing");
  ArrayRef<char> bytes = stored->bytes;
  int64_t count = stored->isSplat ? elements.getNumElements() : 1;
  if (bytes.size() * count > target.size())
    return llvm::createStringError("a constant's data has the wrong size");
  if (!stored->isSplat || llvm::any_of(bytes, [](char byte) { return byte != 0; }))
    for (int64_t i = 0; i < count; ++i)
      memcpy(target.data() + i * bytes.size(), bytes.data(), bytes.size());
  return llvm::Error::success();
}

/// The host function has been lowered by now; the values stayed on the module.
llvm::Error tegula::writeConstants(ModuleOp module, MutableArrayRef<char> buffer) {
  auto constants = module->getAttrOfType<ArrayAttr>("exec.constants");
  if (!constants)
    return llvm::Error::success();
  for (Attribute entry : constants) {
    auto dictionary = cast<DictionaryAttr>(entry);
    int64_t offset = cast<IntegerAttr>(dictionary.get("offset")).getInt();
    if (llvm::Error error = writeElements(cast<ElementsAttr>(dictionary.get("value")), buffer.drop_front(offset)))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error tegula::writeConstantObject(ModuleOp module, StringRef path, StringRef symbol, uint16_t elfMachine) {
  using namespace llvm::ELF;
  uint64_t size = std::max<int64_t>(getConstantBytes(module), 1);
  static const char sectionNames[] = "\0.tegula.constants\0.symtab\0.strtab\0.shstrtab";
  std::string symbolNames = std::string(1, '\0') + symbol.str() + '\0';
  uint64_t data = 64, symbols = llvm::alignTo(data + size, 8), strings = symbols + 2 * sizeof(Elf64_Sym);
  uint64_t names = strings + symbolNames.size(), headers = llvm::alignTo(names + sizeof(sectionNames), 8);
  uint64_t total = headers + 5 * sizeof(Elf64_Shdr);
  auto output = llvm::FileOutputBuffer::create(path, total);
  if (!output)
    return output.takeError();
  char *base = reinterpret_cast<char *>((*output)->getBufferStart());

  Elf64_Ehdr header{};
  memcpy(header.e_ident, ElfMagic, 4);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = elfMachine;
  header.e_version = EV_CURRENT;
  header.e_shoff = headers;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 5;
  header.e_shstrndx = 4;
  memcpy(base, &header, sizeof(header));

  if (llvm::Error error = writeConstants(module, MutableArrayRef<char>(base + data, size)))
    return error;

  Elf64_Sym table[2] = {};
  table[1].st_name = 1;
  table[1].st_info = (STB_GLOBAL << 4) | STT_OBJECT;
  table[1].st_other = STV_HIDDEN;
  table[1].st_shndx = 1;
  table[1].st_size = size;
  memcpy(base + symbols, table, sizeof(table));
  memcpy(base + strings, symbolNames.data(), symbolNames.size());
  memcpy(base + names, sectionNames, sizeof(sectionNames));

  Elf64_Shdr sections[5] = {};
  auto describe = [&](int index, uint32_t name, uint32_t type, uint64_t flags, uint64_t offset, uint64_t bytes,
                      uint32_t link, uint32_t info, uint64_t align, uint64_t entry) {
    Elf64_Shdr &section = sections[index];
    section.sh_name = name;
    section.sh_type = type;
    section.sh_flags = flags;
    section.sh_offset = offset;
    section.sh_size = bytes;
    section.sh_link = link;
    section.sh_info = info;
    section.sh_addralign = align;
    section.sh_entsize = entry;
  };
  describe(1, 1, SHT_PROGBITS, SHF_ALLOC, data, size, 0, 0, 64, 0);
  describe(2, 19, SHT_SYMTAB, 0, symbols, sizeof(table), 3, 1, 8, sizeof(Elf64_Sym));
  describe(3, 27, SHT_STRTAB, 0, strings, symbolNames.size(), 0, 0, 1, 0);
  describe(4, 35, SHT_STRTAB, 0, names, sizeof(sectionNames), 0, 0, 1, 0);
  memcpy(base + headers, sections, sizeof(sections));
  return (*output)->commit();
}
