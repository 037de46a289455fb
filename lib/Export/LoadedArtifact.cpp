// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Export/LoadedArtifact.h"

#include "tegula/Export/Artifact.h"
#include "tegula/Export/RuntimeCore.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/ExecutionEngine/Orc/SelfExecutorProcessControl.h"
#include "llvm/Support/Memory.h"

using namespace mlir;
using namespace tegula;
namespace orc = llvm::orc;

struct LoadedArtifact::Code {
  explicit Code(std::unique_ptr<orc::ExecutorProcessControl> process) : session(std::move(process)), layer(session) {
    session.setErrorReporter(
        [this](llvm::Error error) { messages += (messages.empty() ? "" : "; ") + llvm::toString(std::move(error)); });
  }
  ~Code() {
    if (llvm::Error error = session.endSession())
      llvm::consumeError(std::move(error));
  }

  llvm::sys::OwningMemoryBlock constants; // outlives the code that reads it
  std::string messages;                   // what the session reported, beside the error that it returns
  orc::ExecutionSession session;
  orc::ObjectLinkingLayer layer;
};

LoadedArtifact::LoadedArtifact(std::unique_ptr<Code> code) : code(std::move(code)) {}
LoadedArtifact::~LoadedArtifact() = default;

/// Pages of zeros with the module's constants in them.
static llvm::Expected<llvm::sys::OwningMemoryBlock> mapConstants(ModuleOp module) {
  size_t bytes = std::max<int64_t>(getConstantBytes(module), 1);
  std::error_code code;
  llvm::sys::OwningMemoryBlock block(llvm::sys::Memory::allocateMappedMemory(
      bytes, nullptr, llvm::sys::Memory::MF_READ | llvm::sys::Memory::MF_WRITE, code));
  if (code)
    return llvm::createStringError("cannot allocate %zu bytes for constants: %s", bytes, code.message().c_str());
  if (llvm::Error error = writeConstants(module, {static_cast<char *>(block.base()), bytes}))
    return std::move(error);
  return std::move(block);
}

/// Where the code finds what it calls: conversions of half precision in the runtime core, as a library does; memcpy,
/// expf and so on in the process, else in the mathematics library, which a program that loaded the compiler late may
/// hide from the others.
static llvm::Error addLibraries(orc::ObjectLayer &layer, orc::JITDylib &library, uint16_t elfMachine) {
  if (const RuntimeCore *core = findRuntimeCore(elfMachine)) {
    auto archive = orc::StaticLibraryDefinitionGenerator::Create(
        layer, llvm::MemoryBuffer::getMemBuffer(core->archive, "runtime core", /*RequiresNullTerminator=*/false));
    if (!archive)
      return archive.takeError();
    library.addGenerator(std::move(*archive));
  }
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(/*GlobalPrefix=*/'\0');
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  auto mathematics = orc::DynamicLibrarySearchGenerator::Load("libm.so.6", /*GlobalPrefix=*/'\0');
  if (!mathematics)
    return mathematics.takeError();
  library.addGenerator(std::move(*mathematics));
  return llvm::Error::success();
}

/// e_machine of an object file; EM_NONE when it is none.
static uint16_t getElfMachine(StringRef object) {
  llvm::ELF::Elf64_Ehdr header;
  if (object.size() < sizeof(header))
    return llvm::ELF::EM_NONE;
  memcpy(&header, object.data(), sizeof(header));
  return header.e_machine;
}

llvm::Expected<std::unique_ptr<LoadedArtifact>> LoadedArtifact::load(StringRef object, StringRef symbol,
                                                                     ModuleOp module, bool hasCounts) {
  // One thread: tasks run where they are dispatched.
  auto process =
      orc::SelfExecutorProcessControl::Create(/*SSP=*/nullptr, std::make_unique<orc::InPlaceTaskDispatcher>());
  if (!process)
    return process.takeError();
  const llvm::Triple &triple = (*process)->getTargetTriple();
  uint16_t elfMachine = getElfMachine(object);
  if (elfMachine != (triple.isX86() ? llvm::ELF::EM_X86_64 : llvm::ELF::EM_AARCH64))
    return llvm::createStringError("expected code for this machine (%s), but got code for another kind",
                                   triple.getArchName().str().c_str());
  std::unique_ptr<LoadedArtifact> loaded(new LoadedArtifact(std::make_unique<Code>(std::move(*process))));
  Code &code = *loaded->code;
  auto constants = mapConstants(module);
  if (!constants)
    return constants.takeError();
  code.constants = std::move(*constants);

  orc::JITDylib &library = code.session.createBareJITDylib("artifact");
  orc::SymbolMap symbols;
  symbols[code.session.intern(ExportOptions().constantsSymbol)] = {orc::ExecutorAddr::fromPtr(code.constants.base()),
                                                                   llvm::JITSymbolFlags::Exported};
  if (llvm::Error error = library.define(orc::absoluteSymbols(std::move(symbols))))
    return std::move(error);
  if (llvm::Error error = addLibraries(code.layer, library, elfMachine))
    return std::move(error);
  if (llvm::Error error = code.layer.add(library, llvm::MemoryBuffer::getMemBufferCopy(object, symbol)))
    return std::move(error);
  auto find = [&](const llvm::Twine &name) -> llvm::Expected<orc::ExecutorAddr> {
    auto found = code.session.lookup({&library}, code.session.intern(name.str()));
    if (found)
      return found->getAddress();
    std::string reason = llvm::toString(found.takeError());
    return llvm::createStringError("cannot link the code of %s: %s", symbol.str().c_str(),
                                   (code.messages.empty() ? reason : code.messages).c_str());
  };
  auto query = find(symbol + "_query");
  if (!query)
    return query.takeError();
  loaded->artifact = query->toPtr<tegula_query_function>()(TEGULA_ABI_VERSION);
  if (hasCounts) {
    auto counts = find(operationCountsSymbol);
    if (!counts)
      return counts.takeError();
    loaded->counts = counts->toPtr<const OperationCount *>();
  }
  return loaded;
}
