// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The last part of a compilation: LLVM IR, machine code, the linked library.
#include "MachineCode.h"
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Driver/CompilerSession.h"
#include "tegula/Export/CodeHash.h"
#include "tegula/Export/RuntimeCore.h"

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
    json.attribute("precision", options.precision);
    json.attribute("freeze_defaults", options.freezeDefaults);
    json.attributeObject("dimensions", [&] {
      for (const auto &[name, extent] : options.dimensions)
        json.attribute(name, extent);
    });
  });
  return text;
}

llvm::Expected<std::vector<LevelCode>> CompilerSession::describeLevels() {
  std::vector<LevelCode> levels;
  for (auto [number, target] : llvm::enumerate(targets)) {
    const TargetBackend &backend = *findTargetBackend(target.attribute);
    auto host = backend.getHost(target.attribute);
    if (!host)
      return host.takeError();
    LevelCode level{number < betterLevels.size() ? *betterLevels[number] : *module, *host, {}};
    level.options.modelName = level.module.getSymName().value_or("").str();
    bool isNamedByOutput = !options.outputPath.empty() && options.outputPath != "-";
    level.options.symbol = makeSymbol(isNamedByOutput ? options.outputPath : options.modelPath);
    level.options.targetName = target.name == "host" ? host->getCpu().str() : target.name;
    level.options.features = getRequiredFeatures(*host);
    level.options.level = number;
    level.options.levelCount = targets.size();
    level.options.provenance = makeProvenance(options);
    if (backend.hasDevice()) {
      llvm::LLVMContext llvmContext;
      auto kernels = translateDeviceCode(level.module, llvmContext);
      if (!kernels)
        return kernels.takeError();
      auto text = backend.emitDeviceCode(**kernels, target.attribute);
      if (!text)
        return text.takeError();
      level.options.deviceCode = std::move(*text);
    }
    levels.push_back(std::move(level));
  }
  return levels;
}

CompileStatus CompilerSession::load(std::unique_ptr<LoadedArtifact> &artifact) {
  if (CompileStatus status = runTo("llvm"); status != CompileStatus::Ok)
    return status;
  auto levels = describeLevels();
  if (!levels)
    return fail(CompileStatus::Internal, llvm::toString(levels.takeError()));
  ExportOptions &exportOptions = levels->front().options;
  exportOptions.countOperations = options.countOperations;
  if (options.countOperations && !exportOptions.deviceCode.empty())
    return fail(CompileStatus::Usage, "kernels of '" + options.target + "' do not count operations");
  auto object = emitMachineCode(*levels, CodeKind::Object);
  if (!object)
    return fail(CompileStatus::Internal, llvm::toString(object.takeError()));
  auto loaded = LoadedArtifact::load(*object, exportOptions.symbol, *module, options.countOperations);
  if (!loaded)
    return fail(CompileStatus::InvalidModel, llvm::toString(loaded.takeError()));
  artifact = std::move(*loaded);
  return CompileStatus::Ok;
}

/// What the descriptor says to the runtime about how kernels run: device code, workers and workspace.
static std::vector<std::string> listFacts(ArrayRef<LevelCode> levels) {
  std::vector<std::string> facts;
  for (const LevelCode &level : levels) {
    facts.push_back(level.options.deviceCode);
    for (auto kernel : mlir::ModuleOp(level.module).getOps<exec::KernelOp>())
      facts.push_back(
          (llvm::Twine(kernel->hasAttr("exec.serial") ? "serial " : "parallel ") + llvm::Twine(kernel.getWorkspace()))
              .str());
  }
  return facts;
}

CompileStatus CompilerSession::emitCode() {
  auto levels = describeLevels();
  if (!levels)
    return fail(CompileStatus::Internal, llvm::toString(levels.takeError()));
  for (LevelCode &level : *levels) {
    level.options.entryPoints = true;
    level.options.constantsSymbol = level.options.symbol + "_constants";
  }
  ExportOptions &exportOptions = levels->front().options;
  exec::CPUTargetAttr host = levels->front().target;
  auto describeInterface = [&] {
    ExportOptions all = exportOptions;
    for (const LevelCode &level : llvm::drop_begin(*levels))
      all.targetName += ", " + level.options.targetName;
    return makeHeader(*module, all);
  };
  if (options.emit == "ptx")
    return writeText(exportOptions.deviceCode);
  if (options.emit == "header")
    return writeText(describeInterface());

  // Constants beyond the threshold go beside the library.
  TemporaryFiles temporaries;
  std::string suffix = ".tmp" + std::to_string(llvm::sys::Process::getProcessId());
  bool isLibrary = options.emit == "lib";
  SidecarReference sidecar;
  std::string sidecarPath;
  int64_t constantBytes = getConstantBytes(*module);
  if (isLibrary && constantBytes > exportOptions.sidecarThreshold) {
    sidecarPath = options.outputPath + ".weights";
    sidecar.name = llvm::sys::path::filename(sidecarPath).str();
    std::string temporary = temporaries.add(sidecarPath + suffix);
    auto buffer = llvm::FileOutputBuffer::create(temporary, constantBytes);
    if (!buffer)
      return fail(CompileStatus::InvalidModel,
                  "cannot write " + sidecarPath + ": " + llvm::toString(buffer.takeError()));
    llvm::MutableArrayRef<char> bytes(reinterpret_cast<char *>((*buffer)->getBufferStart()), constantBytes);
    if (llvm::Error error = writeConstants(*module, bytes))
      return fail(CompileStatus::Internal, llvm::toString(std::move(error)));
    sidecar.hash = llvm::xxh3_64bits(StringRef(bytes.data(), bytes.size()));
    if (llvm::Error error = (*buffer)->commit())
      return fail(CompileStatus::InvalidModel, "cannot write " + sidecarPath + ": " + llvm::toString(std::move(error)));
  }

  CodeKind kind = options.emit == "llvm-ir" ? CodeKind::IR
                  : options.emit == "asm"   ? CodeKind::Assembly
                                            : CodeKind::Object;
  auto object = emitMachineCode(*levels, kind, sidecar);
  if (!object)
    return fail(CompileStatus::Internal, llvm::toString(object.takeError()));
  if (kind != CodeKind::Object)
    return writeText(*object);
  auto hash = hashCode(*object, listFacts(*levels));
  if (!hash)
    return fail(CompileStatus::Internal, llvm::toString(hash.takeError()));
  codeHash = std::move(*hash);

  uint16_t elfMachine = llvm::Triple(host.getTriple()).isX86() ? llvm::ELF::EM_X86_64 : llvm::ELF::EM_AARCH64;
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
                              std::pair(header.str().str(), describeInterface())}) {
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
  if (sidecar.name.empty()) {
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
  if (!sidecar.name.empty())
    if (CompileStatus status = rename(sidecarPath + suffix, sidecarPath); status != CompileStatus::Ok)
      return status;
  return rename(library, options.outputPath);
}
