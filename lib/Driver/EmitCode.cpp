// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The last part of a compilation: LLVM IR, machine code, the linked library.
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Driver/CompilerSession.h"
#include "tegula/Export/Artifact.h"
#include "tegula/Export/RuntimeCore.h"
#include "tegula/Target/CPU/CPUTarget.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/FileOutputBuffer.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace tegula;

namespace {
/// Removes its files at the end, whatever happened.
struct TemporaryFiles {
  std::vector<std::string> paths;
  std::string add(const llvm::Twine &path) {
    paths.push_back(path.str());
    return paths.back();
  }
  ~TemporaryFiles() {
    for (const std::string &path : paths)
      llvm::sys::fs::remove(path);
  }
};
} // namespace

static std::string makeProvenance(const CompileOptions &options) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  json.object([&] {
    json.attribute("schema", 1);
    json.attribute("compiler", "tegula 0.1.0");
    json.attribute("llvm", LLVM_VERSION_STRING);
    json.attribute("target", options.target);
    json.attributeObject("dimensions", [&] {
      for (const auto &[name, extent] : options.dimensions)
        json.attribute(name, extent);
    });
  });
  return text;
}

CompileStatus CompilerSession::emitCode() {
  Attribute targetAttribute = (*module)->getAttr("exec.target");
  const TargetBackend &backend = *findTargetBackend(targetAttribute);
  auto host = backend.getHost(targetAttribute);
  if (!host)
    return fail(CompileStatus::Internal, llvm::toString(host.takeError()));
  exec::CPUTargetAttr target = *host;
  llvm::LLVMContext llvmContext;
  ExportOptions exportOptions;
  exportOptions.modelName = module->getSymName().value_or("").str();
  exportOptions.symbol = makeSymbol(options.outputPath == "-" ? options.modelPath : options.outputPath);
  exportOptions.targetName = options.target == "host" ? target.getCpu().str() : options.target;
  exportOptions.features = getRequiredFeatures(target);
  exportOptions.provenance = makeProvenance(options);
  exportOptions.entryPoints = true;
  exportOptions.constantsSymbol = exportOptions.symbol + "_constants";
  if (backend.hasDevice()) {
    auto kernels = translateDeviceCode(*module, llvmContext);
    if (!kernels)
      return fail(CompileStatus::Internal, llvm::toString(kernels.takeError()));
    auto text = backend.emitDeviceCode(**kernels, targetAttribute);
    if (!text)
      return fail(CompileStatus::Internal, llvm::toString(text.takeError()));
    exportOptions.deviceCode = std::move(*text);
  }
  if (options.emit == "ptx")
    return writeText(exportOptions.deviceCode);
  if (options.emit == "header")
    return writeText(makeHeader(*module, exportOptions));

  // Constants beyond the threshold go beside the library.
  TemporaryFiles temporaries;
  std::string suffix = ".tmp" + std::to_string(llvm::sys::Process::getProcessId());
  bool isLibrary = options.emit == "lib";
  std::string sidecar, sidecarPath;
  uint64_t sidecarHash = 0;
  int64_t constantBytes = getConstantBytes(*module);
  if (isLibrary && constantBytes > exportOptions.sidecarThreshold) {
    sidecarPath = options.outputPath + ".weights";
    sidecar = llvm::sys::path::filename(sidecarPath).str();
    std::string temporary = temporaries.add(sidecarPath + suffix);
    auto buffer = llvm::FileOutputBuffer::create(temporary, constantBytes);
    if (!buffer)
      return fail(CompileStatus::InvalidModel,
                  "cannot write " + sidecarPath + ": " + llvm::toString(buffer.takeError()));
    llvm::MutableArrayRef<char> bytes(reinterpret_cast<char *>((*buffer)->getBufferStart()), constantBytes);
    if (llvm::Error error = writeConstants(*module, bytes))
      return fail(CompileStatus::Internal, llvm::toString(std::move(error)));
    sidecarHash = llvm::xxh3_64bits(StringRef(bytes.data(), bytes.size()));
    if (llvm::Error error = (*buffer)->commit())
      return fail(CompileStatus::InvalidModel, "cannot write " + sidecarPath + ": " + llvm::toString(std::move(error)));
  }

  auto code = translateToLLVM(*module, llvmContext, exportOptions, sidecar, sidecarHash);
  if (!code)
    return fail(CompileStatus::Internal, llvm::toString(code.takeError()));
  auto machine = createTargetMachine(target);
  if (!machine)
    return fail(CompileStatus::Internal, llvm::toString(machine.takeError()));
  (*code)->setTargetTriple((*machine)->getTargetTriple());
  (*code)->setDataLayout((*machine)->createDataLayout());
  for (llvm::Function &function : **code) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.getCpu());
    if (!target.getFeatures().empty())
      function.addFnAttr("target-features", target.getFeatures());
    function.addFnAttr("prefer-vector-width", std::to_string(target.getVectorBits()));
  }
  optimizeModule(**code, **machine);

  if (options.emit == "llvm-ir") {
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*code)->print(stream, nullptr);
    return writeText(text);
  }
  auto fileType = options.emit == "asm" ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  auto object = emitModule(**code, **machine, fileType);
  if (!object)
    return fail(CompileStatus::Internal, llvm::toString(object.takeError()));
  if (options.emit == "asm")
    return writeText(*object);

  uint16_t elfMachine = (*machine)->getTargetTriple().isX86() ? llvm::ELF::EM_X86_64 : llvm::ELF::EM_AARCH64;
  const RuntimeCore *core = findRuntimeCore(elfMachine);
  if (!core)
    return fail(CompileStatus::Usage,
                "expected a target that this build of Tegula has a runtime core for, but got '" + options.target + "'");
  std::string constants = options.outputPath + ".constants.o";
  if (!isLibrary) {
    // obj: the code, its constants beside it, the runtime core, and a header.
    if (llvm::Error error = writeConstantObject(*module, constants, exportOptions.constantsSymbol, elfMachine))
      return fail(CompileStatus::InvalidModel, "cannot write " + constants + ": " + llvm::toString(std::move(error)));
    std::string objectPath = options.outputPath;
    SmallString<128> header(objectPath);
    llvm::sys::path::replace_extension(header, "h");
    CompileStatus status = writeText(*object);
    for (auto [path, text] : {std::pair(objectPath + ".runtime.a", core->archive.str()),
                              std::pair(header.str().str(), makeHeader(*module, exportOptions))}) {
      options.outputPath = path;
      if (status == CompileStatus::Ok)
        status = writeText(text);
    }
    options.outputPath = objectPath;
    return status;
  }

  std::vector<std::string> objects;
  std::string objectPath = temporaries.add(options.outputPath + suffix + ".o");
  {
    std::error_code error;
    llvm::raw_fd_ostream file(objectPath, error);
    if (error)
      return fail(CompileStatus::InvalidModel, "cannot write " + options.outputPath + ": " + error.message());
    file << *object;
    file.close();
    if (file.has_error()) {
      std::string reason = file.error().message();
      file.clear_error();
      return fail(CompileStatus::InvalidModel, "cannot write " + options.outputPath + ": " + reason);
    }
  }
  objects.push_back(objectPath);
  if (sidecar.empty()) {
    std::string path = temporaries.add(options.outputPath + suffix + ".constants.o");
    if (llvm::Error error = writeConstantObject(*module, path, exportOptions.constantsSymbol, elfMachine))
      return fail(CompileStatus::InvalidModel,
                  "cannot write " + options.outputPath + ": " + llvm::toString(std::move(error)));
    objects.push_back(path);
  }
  std::string library = temporaries.add(options.outputPath + suffix);
  if (llvm::Error error = linkSharedLibrary(objects, *core, llvm::sys::path::filename(options.outputPath), library))
    return fail(CompileStatus::InvalidModel, llvm::toString(std::move(error)));
  auto rename = [&](StringRef from, StringRef to) -> CompileStatus {
    if (std::error_code error = llvm::sys::fs::rename(from, to))
      return fail(CompileStatus::InvalidModel, "cannot write " + to + ": " + error.message());
    return CompileStatus::Ok;
  };
  if (!sidecar.empty())
    if (CompileStatus status = rename(sidecarPath + suffix, sidecarPath); status != CompileStatus::Ok)
      return status;
  return rename(library, options.outputPath);
}
