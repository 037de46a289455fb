// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Driver/CompilerSession.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Precision.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Driver/InProcessEvaluator.h"
#include "tegula/Import/ONNX/Importer.h"
#include "tegula/Kernel/Unsupported.h"
#include "tegula/Pipelines/Pipelines.h"
#include "tegula/Pipelines/Stages.h"
#include "tegula/Target/CPU/CPUTarget.h"
#include "tegula/Target/TargetBackend.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"

using namespace mlir;
using namespace tegula;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerDialects(registry);
  registerConstantEvaluator(registry);
  return registry;
}

CompilerSession::CompilerSession(CompileOptions given) : options(std::move(given)), context(makeRegistry()) {
  context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    llvm::raw_string_ostream stream(messages);
    std::string place = placeOf(diagnostic.getLocation());
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      errors.push_back({place, diagnostic.str()});
    if (!place.empty())
      stream << place << ": ";
    switch (diagnostic.getSeverity()) {
    case DiagnosticSeverity::Error:
      stream << "error: ";
      break;
    case DiagnosticSeverity::Warning:
      stream << "warning: ";
      break;
    case DiagnosticSeverity::Remark:
      stream << "remark: ";
      break;
    case DiagnosticSeverity::Note:
      stream << "note: ";
      break;
    }
    stream << diagnostic << "\n";
    for (Diagnostic &note : diagnostic.getNotes()) {
      std::string text = note.str();
      // The operation's text is for the replay file, not for users.
      if (!StringRef(text).starts_with("see current operation"))
        stream << "  note: " << text << "\n";
    }
    return success();
  });
  if (const std::string &wanted = options.remarks; !wanted.empty())
    (void)remark::enableOptimizationRemarks(
        context, /*streamer=*/nullptr, std::make_unique<remark::RemarkEmittingPolicyAll>(),
        {/*all=*/std::nullopt, /*passed=*/wanted, /*missed=*/wanted, /*analysis=*/wanted, /*failed=*/wanted},
        /*printAsEmitRemarks=*/true);
  context.printOpOnDiagnostic(false);
  context.loadDialect<exec::ExecDialect, sched::SchedDialect>();
}

CompilerSession::~CompilerSession() = default;

std::string CompilerSession::placeOf(Location location) {
  // A node's own place first, without MLIR's punctuation around it.
  if (auto name = location->findInstanceOf<NameLoc>())
    return name.getName().str();
  if (auto file = location->findInstanceOf<FileLineColLoc>())
    return (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" + Twine(file.getColumn())).str();
  return "";
}

CompileStatus CompilerSession::fail(CompileStatus status, const Twine &message) {
  errors.push_back({"", message.str()});
  messages += ("error: " + message + "\n").str();
  return status;
}

std::string tegula::makeSymbol(StringRef path) {
  std::string symbol;
  for (char c : llvm::sys::path::stem(path))
    symbol += isalnum((unsigned char)c) ? c : '_';
  if (symbol.empty() || isdigit((unsigned char)symbol[0]))
    symbol.insert(0, "model_");
  return symbol;
}

std::string CompilerSession::writeReplay(StringRef stage, StringRef ir) {
  if (options.replayDirectory.empty() || llvm::sys::fs::create_directories(options.replayDirectory))
    return "";
  SmallString<128> path(options.replayDirectory);
  llvm::sys::path::append(path, makeSymbol(options.modelPath) + "-" + stage + ".mlir");
  std::error_code code;
  llvm::raw_fd_ostream file(path, code);
  if (code)
    return "";
  file << ir;
  StringRef target = findTargetBackend(options.target).name();
  std::string argument = ("--tegula-" + stage + (target == "cpu" ? "" : "=target=" + target)).str();
  return ("tegula-opt " + argument + " " + path).str();
}

CompileStatus CompilerSession::runStage(StringRef name) {
  const Stage *stage = findStage(name);
  // Printed before the stage runs, for the replay: only where a failure would be ours.
  bool ours = name != "graph";
  PassManager manager(&context, ModuleOp::getOperationName());
  manager.enableVerifier(options.verifyEach);
  stage->build(manager, findTargetBackend(options.target));
  std::string before;
  OwningOpRef<ModuleOp> copy;
  if (ours && !options.replayDirectory.empty())
    copy = module->clone();
  bool unsupported = false;
  ScopedDiagnosticHandler watch(&context, [&](Diagnostic &diagnostic) {
    unsupported |= isUnsupported(diagnostic);
    return failure(); // the session's handler takes it down
  });
  if (succeeded(manager.run(*module)))
    return CompileStatus::Ok;
  if (unsupported || !ours)
    remarkOnDefaults(*module);
  if (unsupported)
    return CompileStatus::InvalidModel;
  if (!ours)
    return messages.empty() ? fail(CompileStatus::Internal, "stage graph failed without saying why")
                            : CompileStatus::InvalidModel;
  if (copy) {
    llvm::raw_string_ostream stream(before);
    copy->print(stream, OpPrintingFlags().enableDebugInfo());
  }
  std::string replay = writeReplay(name, before);
  fail(CompileStatus::Internal, "the compiler failed at stage " + name);
  if (!replay.empty())
    messages += "replay: " + replay + "\n";
  return CompileStatus::Internal;
}

void CompilerSession::recordKernels() {
  for (auto kernel : module->getOps<exec::KernelOp>()) {
    KernelInterface interface;
    interface.name = kernel.getSymName().str();
    interface.resultCount = kernel.getResultCount();
    for (Type type : kernel.getFunction().getArgumentTypes())
      if (auto memref = dyn_cast<MemRefType>(type))
        interface.buffers.push_back({memref.getElementType(), SmallVector<int64_t, 4>(memref.getShape())});
    kernels.push_back(std::move(interface));
  }
}

CompileStatus CompilerSession::findTargets() {
  SmallVector<StringRef> names;
  StringRef(options.target).split(names, ',');
  targets.clear();
  for (StringRef name : names) {
    // The reference target is baseline code of the same kernels, lowered by the reference family.
    StringRef meant = name == "reference" ? "x86-64" : name;
    auto target = findTargetBackend(meant).parse(context, meant);
    if (!target)
      return fail(CompileStatus::Usage, llvm::toString(target.takeError()));
    for (const NamedTarget &other : targets) {
      auto cpu = dyn_cast<exec::CPUTargetAttr>(*target), otherCpu = dyn_cast<exec::CPUTargetAttr>(other.attribute);
      if (!cpu || !otherCpu || name == "reference" || other.name == "reference" ||
          llvm::Triple(cpu.getTriple()).getArch() != llvm::Triple(otherCpu.getTriple()).getArch())
        return fail(CompileStatus::Usage, "expected levels of one kind of CPU, but got '" + options.target + "'");
      if (cpu == otherCpu)
        return fail(CompileStatus::Usage, "expected different levels, but got '" + name + "' twice");
    }
    targets.push_back({name.str(), *target});
  }
  // The widest vectors, then the most features: a level that can do all that another can comes before it.
  if (targets.size() > 1)
    llvm::stable_sort(targets, [](const NamedTarget &a, const NamedTarget &b) {
      auto rank = [](const NamedTarget &target) {
        auto cpu = cast<exec::CPUTargetAttr>(target.attribute);
        return std::pair(cpu.getVectorBits(), StringRef(getRequiredFeatures(cpu)).count(','));
      };
      return rank(a) > rank(b);
    });
  return CompileStatus::Ok;
}

CompileStatus CompilerSession::import() {
  if (CompileStatus status = findTargets(); status != CompileStatus::Ok)
    return status;
  if (targets.size() > 1)
    return fail(CompileStatus::Usage, "expected one target, but got the levels '" + options.target +
                                          "': only libraries, objects, headers, assembly and LLVM IR hold several");
  return importModel();
}

CompileStatus CompilerSession::importModel() {
  std::optional<graph::Precision> precision = graph::parsePrecision(options.precision);
  if (!precision)
    return fail(CompileStatus::Usage,
                "expected precision " + graph::listPrecisions() + ", but got '" + options.precision + "'");
  ImportOptions import;
  import.dimensions = options.dimensions;
  import.externalDataRoot = options.externalDataRoot;
  import.freezeDefaults = options.freezeDefaults;
  module = options.modelBytes.data()
               ? importOnnxBytes(context, StringRef(options.modelBytes.data(), options.modelBytes.size()), import)
               : importOnnxFile(context, options.modelPath, import);
  if (!module)
    return CompileStatus::InvalidModel;
  (*module)->setAttr("exec.target", targets.front().attribute);
  if (*precision != graph::Precision::F32)
    graph::setPrecision(*module, *precision);
  if (options.maxLoop > 0)
    (*module)->setAttr("graph.max_loop", Builder(&context).getI64IntegerAttr(options.maxLoop));
  return CompileStatus::Ok;
}

CompileStatus CompilerSession::runTo(StringRef last) {
  CompileStatus status = import();
  return status == CompileStatus::Ok ? runStages(last) : status;
}

CompileStatus CompilerSession::runStages(StringRef last) { return runStages("import", last); }

CompileStatus CompilerSession::runStages(StringRef after, StringRef last) {
  if (last == "import")
    return CompileStatus::Ok;
  bool isReference = options.target == "reference" || options.plainKernels, reached = after == "import";
  for (const Stage &stage : getStages()) {
    if (!reached) {
      reached = stage.name == after;
      continue;
    }
    if (CompileStatus status = runStage(stage.name); status != CompileStatus::Ok)
      return status;
    if (stage.name == "kernels")
      recordKernels();
    if (stage.name == "kernels" && isReference) {
      for (auto kernel : module->getOps<exec::KernelOp>())
        kernel.setScheduleAttr(sched::ReferenceAttr::get(&context));
    } else if (stage.name == "kernels" && options.schedules) {
      if (llvm::Error error = options.schedules(*module))
        return fail(CompileStatus::InvalidModel, llvm::toString(std::move(error)));
    }
    // Who gives sources wants to know which one was used.
    if (stage.name == "scheduled" && options.schedules)
      for (auto kernel : module->getOps<exec::KernelOp>())
        kernel.emitRemark("kernel ") << kernel.getSymName() << ": schedule from " << kernel.getProvenanceAttr() << ": "
                                     << *kernel.getSchedule();
    if (stage.name == last)
      return CompileStatus::Ok;
  }
  return fail(CompileStatus::Usage, "no stage is called '" + last + "'");
}

CompileStatus CompilerSession::runLevels() {
  // The last stage that knows no target.
  constexpr StringLiteral shared = "quant";
  if (CompileStatus status = runStages("import", shared); status != CompileStatus::Ok)
    return status;
  OwningOpRef<ModuleOp> common = std::move(module);
  // Levels share the blocks of the widest one, which more registers hold elsewhere, and groups of bytes as soon as one
  // reads them: a layout more would double the weights.
  int64_t block = 0, group = 2;
  if (targets.size() > 1)
    for (const NamedTarget &target : targets) {
      auto cpu = cast<exec::CPUTargetAttr>(target.attribute);
      block = std::max(block, cpu.getVectorBits() / 32);
      group = cpu.getByteDot() ? 4 : group;
    }
  Builder builder(&context);
  constexpr StringLiteral constants[] = {"exec.constants", "exec.constant_bytes"};
  for (const NamedTarget &target : targets) {
    bool isFirst = &target == &targets.front(), isLast = &target == &targets.back();
    OwningOpRef<ModuleOp> own = isLast ? std::move(common) : OwningOpRef<ModuleOp>(common->clone());
    (*own)->setAttr("exec.target", target.attribute);
    if (block) {
      (*own)->setAttr("graph.channel_block", builder.getI64IntegerAttr(block));
      (*own)->setAttr("graph.channel_group", builder.getI64IntegerAttr(group));
    }
    if (!isFirst) {
      for (StringRef name : constants)
        (*own)->setAttr(name, (*module)->getAttr(name));
      betterLevels.push_back(std::move(module));
    }
    module = std::move(own);
    kernels.clear();
    if (CompileStatus status = runStages(shared, "llvm"); status != CompileStatus::Ok)
      return status;
  }
  for (OwningOpRef<ModuleOp> &level : betterLevels)
    for (StringRef name : constants)
      (*level)->setAttr(name, (*module)->getAttr(name));
  return CompileStatus::Ok;
}

CompileStatus CompilerSession::compileFrom(OwningOpRef<ModuleOp> given, StringRef after, StringRef outputPath) {
  module = std::move(given);
  targets = {{options.target, (*module)->getAttr("exec.target")}};
  options.outputPath = outputPath.str();
  options.emit = "lib";
  bool reached = false;
  for (const Stage &stage : getStages()) {
    if (reached)
      if (CompileStatus status = runStage(stage.name); status != CompileStatus::Ok)
        return status;
    reached |= stage.name == after;
  }
  return reached ? emitCode() : fail(CompileStatus::Usage, "no stage is called '" + after + "'");
}

/// Whether the path is there already and is no file: a device, a pipe.
static bool isWrittenInPlace(StringRef path) {
  llvm::sys::fs::file_status status;
  return !llvm::sys::fs::status(path, status) && llvm::sys::fs::is_other(status);
}

CompileStatus CompilerSession::writeText(StringRef text) {
  if (options.outputPath == "-") {
    llvm::outs() << text;
    return CompileStatus::Ok;
  }
  // A device or a pipe is written to; another file would take its place.
  bool isDevice = isWrittenInPlace(options.outputPath);
  std::string temporary = options.outputPath;
  if (!isDevice)
    temporary += ".tmp" + std::to_string(llvm::sys::Process::getProcessId());
  {
    std::error_code code;
    llvm::raw_fd_ostream file(temporary, code);
    if (code)
      return fail(CompileStatus::InvalidModel, "cannot write " + options.outputPath + ": " + code.message());
    file << text;
    file.close();
    if (file.has_error()) {
      std::string reason = file.error().message();
      file.clear_error();
      if (!isDevice)
        llvm::sys::fs::remove(temporary);
      return fail(CompileStatus::InvalidModel, "cannot write " + options.outputPath + ": " + reason);
    }
  }
  if (isDevice)
    return CompileStatus::Ok;
  if (std::error_code code = llvm::sys::fs::rename(temporary, options.outputPath)) {
    llvm::sys::fs::remove(temporary);
    return fail(CompileStatus::InvalidModel, "cannot write " + options.outputPath + ": " + code.message());
  }
  return CompileStatus::Ok;
}

CompileStatus CompilerSession::compile() {
  if (options.emit == "import" || findStage(options.emit)) {
    if (CompileStatus status = runTo(options.emit); status != CompileStatus::Ok)
      return status;
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream);
    return writeText(text);
  }
  static const char *const kinds[] = {"lib", "obj", "header", "asm", "llvm-ir", "ptx"};
  if (!llvm::is_contained(kinds, StringRef(options.emit)))
    return fail(CompileStatus::Usage,
                "expected --emit to be lib, obj, header, asm, llvm-ir, ptx or a stage, but got '" + options.emit + "'");
  if ((options.emit == "lib" || options.emit == "obj") && isWrittenInPlace(options.outputPath))
    return fail(CompileStatus::Usage, "expected a file to write, but got '" + options.outputPath + "'");
  if (options.emit == "ptx" && !findTargetBackend(options.target).hasDevice())
    return fail(CompileStatus::Usage,
                "expected a GPU target for --emit=ptx, such as nvptx:sm_90, but got '" + options.target + "'");
  for (auto step : {&CompilerSession::findTargets, &CompilerSession::importModel, &CompilerSession::runLevels})
    if (CompileStatus status = (this->*step)(); status != CompileStatus::Ok)
      return status;
  return emitCode();
}
