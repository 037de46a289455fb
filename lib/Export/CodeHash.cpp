// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All that is hashed becomes one text, in which lengths keep neighbors apart. A section is named by its place in the
// order in which it was met, so that a section that nothing leads to changes nothing.
//
#include "tegula/Export/CodeHash.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

#include <map>

using namespace tegula;
using namespace llvm;
using namespace llvm::object;

namespace {
/// Bytes of a section that are executed or read.
struct Range {
  uint64_t begin, end;
};

class CodeText {
public:
  explicit CodeText(const ELFObjectFileBase &object) : object(object) {}

  llvm::Error addFunctions();
  void addBytes(StringRef bytes) {
    addNumber(bytes.size());
    text += bytes;
  }
  StringRef get() const { return text; }

private:
  void addNumber(uint64_t number) {
    char bytes[8];
    support::endian::write64le(bytes, number);
    text.append(bytes, sizeof(bytes));
  }
  /// The bytes of `ranges`, which are in order, and where the relocations within them lead.
  llvm::Error addRanges(SectionRef section, ArrayRef<Range> ranges);
  llvm::Error addRelocation(const ELFRelocationRef &relocation);

  const ELFObjectFileBase &object;
  std::string text;
  /// Sections by number of the object, in the order in which they were met.
  MapVector<uint64_t, SectionRef> met;
};
} // namespace

llvm::Error CodeText::addFunctions() {
  std::map<uint64_t, std::pair<SectionRef, SmallVector<Range>>> functions;
  for (ELFSymbolRef symbol : object.symbols()) {
    if (symbol.getELFType() != ELF::STT_FUNC || symbol.getBinding() != ELF::STB_LOCAL)
      continue;
    llvm::Expected<section_iterator> section = symbol.getSection();
    if (!section)
      return section.takeError();
    llvm::Expected<uint64_t> begin = symbol.getValue();
    if (!begin)
      return begin.takeError();
    if (*section == object.section_end())
      continue;
    auto &[of, ranges] = functions[(*section)->getIndex()];
    of = **section;
    ranges.push_back({*begin, *begin + symbol.getSize()});
  }
  for (auto &[index, function] : functions)
    met.insert({index, function.first});
  for (auto &[index, function] : functions) {
    llvm::sort(function.second, [](const Range &a, const Range &b) { return a.begin < b.begin; });
    if (llvm::Error error = addRanges(function.first, function.second))
      return error;
  }
  for (size_t next = functions.size(); next < met.size(); ++next) {
    SectionRef section = (met.begin() + next)->second;
    if (llvm::Error error = addRanges(section, Range{0, section.getSize()}))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error CodeText::addRanges(SectionRef section, ArrayRef<Range> ranges) {
  StringRef bytes;
  if (!section.isBSS()) {
    llvm::Expected<StringRef> contents = section.getContents();
    if (!contents)
      return contents.takeError();
    bytes = *contents;
  }
  addNumber(section.getAlignment().value());
  for (const Range &range : ranges) {
    // Calls within a section are distances.
    addNumber(range.begin - ranges.front().begin);
    addNumber(range.end - range.begin);
    addBytes(bytes.slice(range.begin, range.end));
  }
  for (const SectionRef &other : object.sections()) {
    llvm::Expected<section_iterator> relocated = other.getRelocatedSection();
    if (!relocated)
      return relocated.takeError();
    if (*relocated == object.section_end() || **relocated != section)
      continue;
    for (const ELFRelocationRef &relocation : other.relocations()) {
      uint64_t offset = relocation.getOffset();
      const Range *range = llvm::partition_point(ranges, [&](const Range &range) { return range.end <= offset; });
      if (range == ranges.end() || offset < range->begin)
        continue;
      addNumber(offset - ranges.front().begin);
      if (llvm::Error error = addRelocation(relocation))
        return error;
    }
  }
  return llvm::Error::success();
}

llvm::Error CodeText::addRelocation(const ELFRelocationRef &relocation) {
  llvm::Expected<int64_t> addend = relocation.getAddend();
  if (!addend)
    return addend.takeError();
  addNumber(relocation.getType());
  addNumber(static_cast<uint64_t>(*addend));
  ELFSymbolRef symbol = *relocation.getSymbol();
  llvm::Expected<section_iterator> section = symbol.getSection();
  if (!section)
    return section.takeError();
  if (*section == object.section_end()) {
    llvm::Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    addBytes(*name);
    return llvm::Error::success();
  }
  llvm::Expected<uint64_t> value = symbol.getValue();
  if (!value)
    return value.takeError();
  auto [place, isNew] = met.insert({(*section)->getIndex(), **section});
  addNumber(place - met.begin());
  addNumber(*value);
  return llvm::Error::success();
}

llvm::Expected<std::string> tegula::hashCode(StringRef object, ArrayRef<std::string> facts) {
  llvm::Expected<std::unique_ptr<ObjectFile>> file =
      ObjectFile::createELFObjectFile(MemoryBufferRef(object, "object code"));
  if (!file)
    return file.takeError();
  CodeText text(cast<ELFObjectFileBase>(**file));
  if (llvm::Error error = text.addFunctions())
    return std::move(error);
  for (StringRef fact : facts)
    text.addBytes(fact);
  XXH128_hash_t hash = xxh3_128bits(arrayRefFromStringRef(text.get()));
  return utohexstr(hash.high64, /*LowerCase=*/true, 16) + utohexstr(hash.low64, /*LowerCase=*/true, 16);
}
