// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Session/ModelKernels.h"

#include "tegula/Codegen/CPU/CPUKernels.h"
#include "tegula/Dialect/Graph/IR/Precision.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Kernel/KernelSignature.h"
#include "tegula/Tuner/Build/KernelProgram.h"

#include "mlir/AsmParser/AsmParser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::tuner;

static std::string print(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

/// The last lines of the session's messages, which say what went wrong.
static llvm::Error failure(CompilerSession &session) {
  llvm::StringRef messages = llvm::StringRef(session.getMessages()).trim();
  return llvm::createStringError(messages.empty() ? "the compiler failed without a message" : messages);
}

static std::string temporaryFile(llvm::StringRef suffix) {
  llvm::SmallString<128> path;
  return llvm::sys::fs::createTemporaryFile("tegula-tune", suffix, path) ? "" : path.str().str();
}

namespace {
/// What the compile function keeps alive.
struct Sources {
  CompilerSession &session;
  struct Kernel {
    exec::KernelOp op;
    std::vector<int64_t> dims;
  };
  std::map<std::string, Kernel> byKey;
};
} // namespace

static llvm::Expected<CompiledKernel> compileKernel(const Sources &sources, const Workload &workload,
                                                    llvm::StringRef schedule) {
  auto found = sources.byKey.find(workload.key);
  if (found == sources.byKey.end())
    return llvm::createStringError("expected a kernel of the model, but got key " + workload.key);
  llvm::Expected<KernelProgram> program = makeKernelProgram(found->second.op, found->second.dims);
  if (!program)
    return program.takeError();
  Attribute attribute = parseAttribute(schedule, &sources.session.getContext());
  if (!attribute)
    return llvm::createStringError("expected a schedule attribute, but got '" + schedule + "'");
  for (auto kernel : program->module->getOps<exec::KernelOp>())
    kernel.setScheduleAttr(attribute);
  std::string path = temporaryFile("so");
  if (path.empty())
    return llvm::createStringError("expected a temporary file, but none could be made");
  if (sources.session.compileFrom(std::move(program->module), "kernels", path) != CompileStatus::Ok) {
    llvm::sys::fs::remove(path);
    return failure(sources.session);
  }
  return CompiledKernel{path, sources.session.getCodeHash()};
}

//===----------------------------------------------------------------------===//
// Sizes of dynamic kernels
//===----------------------------------------------------------------------===//

/// Runs the whole model once and writes a JSON object: symbol of each kernel to the numbers of its largest dispatch.
static llvm::Expected<CompiledKernel> recordDims(CompilerSession &session, const ModelKernelsOptions &options) {
  std::string library = temporaryFile("so");
  std::map<std::string, size_t> dimCounts;
  for (auto kernel : session.getModule().getOps<exec::KernelOp>())
    dimCounts[kernel.getSymName().str()] = countDims(kernel);
  if (session.compileFrom(session.getModule().clone(), "kernels", library) != CompileStatus::Ok)
    return failure(session);
  llvm::Expected<std::map<std::string, std::vector<int64_t>>> dims =
      runForDims(library, options.dimensions, options.seed, options.threads, dimCounts);
  llvm::sys::fs::remove(library);
  llvm::sys::fs::remove(library + ".weights");
  if (!dims)
    return dims.takeError();
  llvm::json::Object rows;
  for (auto &[name, values] : *dims)
    rows[name] = llvm::json::Array(values);
  std::string path = temporaryFile("json");
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (error)
    return llvm::createStringError("expected a temporary file, but got: " + error.message());
  file << llvm::json::Value(std::move(rows));
  return CompiledKernel{path, ""};
}

static llvm::Expected<std::map<std::string, std::vector<int64_t>>> readDims(const std::string &path) {
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return llvm::createStringError(path + ": " + buffer.getError().message());
  return llvm::json::parse<std::map<std::string, std::vector<int64_t>>>((*buffer)->getBuffer());
}

//===----------------------------------------------------------------------===//
// The kernels
//===----------------------------------------------------------------------===//

llvm::Expected<std::optional<ModelKernels>> tegula::tuner::findModelKernels(CompilerSession &session,
                                                                            const ModelKernelsOptions &options) {
  MLIRContext &context = session.getContext();
  context.loadDialect<sched::SchedDialect>();
  context.disableMultithreading();
  auto target = session.getModule()->getAttrOfType<exec::CPUTargetAttr>("exec.target");
  if (!target)
    return llvm::createStringError("expected a CPU target, but got another one");
  MachineModel machine = getMachineModel(target);
  machine.workers = options.threads;

  ModelKernels result;
  ConstantOperands constants(session.getModule());
  llvm::StringRef precision = graph::getPrecisionName(graph::getPrecision(session.getModule()));
  llvm::StringMap<uint64_t> dispatches;
  session.getModule().walk([&](exec::DispatchOp dispatch) { ++dispatches[dispatch.getKernel()]; });
  auto sources = std::make_shared<Sources>(Sources{session, {}});
  std::optional<std::map<std::string, std::vector<int64_t>>> dims;
  std::string dimsError;
  for (auto kernel : session.getModule().getOps<exec::KernelOp>()) {
    std::string name = kernel.getSymName().str();
    func::FuncOp function = kernel.getFunction();
    const KernelFamily *family = getCPUFamilies().findFor(function);
    if (!family || !kernel.getKey()) {
      result.skipped.emplace_back(name, "no kernel family takes it");
      continue;
    }
    SearchSpace space = family->space(function, machine);
    Attribute schedule = family->defaultSchedule(function, machine);
    std::optional<Configuration> point = family->configuration(space, schedule);
    if (!point) {
      result.skipped.emplace_back(name, "its default schedule " + print(schedule) + " is not in its search space");
      continue;
    }
    Sources::Kernel source{kernel, {}};
    if (!options.isMeasured) {
      source.dims.assign(countDims(kernel), 1);
    } else if (countDims(kernel) > 0) {
      if (!dims && dimsError.empty()) {
        // In a child, like every run of generated code.
        std::string path = temporaryFile("json");
        llvm::Expected<std::optional<BuildResult>> recorded =
            build([&](const Workload &, llvm::StringRef) { return recordDims(session, options); }, Workload(), "", path,
                  options.build);
        if (!recorded)
          return recorded.takeError();
        if (!*recorded)
          return std::nullopt;
        if (!(*recorded)->built) {
          dimsError = (*recorded)->detail;
        } else {
          llvm::Expected<std::map<std::string, std::vector<int64_t>>> read = readDims(path);
          if (!read)
            return read.takeError();
          dims = std::move(*read);
        }
        llvm::sys::fs::remove(path);
      }
      if (!dims || !dims->count(name)) {
        result.skipped.emplace_back(name, dims ? "a run of the model does not reach it, so its sizes are not known"
                                               : "the model cannot be run to learn its sizes: " + dimsError);
        continue;
      }
      source.dims = (*dims)[name];
    }
    llvm::Expected<KernelProgram> program = makeKernelProgram(kernel, source.dims);
    if (!program) {
      result.skipped.emplace_back(name, llvm::toString(program.takeError()));
      continue;
    }
    TunableKernel tunable{
        {kernel.getKey()->str(), family->name().str(), getSignature(kernel, constants.of(kernel), precision)},
        name,
        space,
        *point,
        {},
        {},
        std::nullopt,
        std::move(program->inputShapes),
        {},
        std::max<uint64_t>(dispatches.lookup(name), 1)};
    tunable.scheduleText = [family, function, space](const Configuration &chosen) {
      return print(family->schedule(function, space, chosen));
    };
    if (options.peaks)
      tunable.estimate = [family, function, space, peaks = *options.peaks, workers = options.threads,
                          machine = options.peaks->withCaches(machine)](const Configuration &chosen) {
        return estimateCost(family->features(function, family->schedule(function, space, chosen), machine), peaks,
                            workers);
      };
    sources->byKey[tunable.workload.key] = std::move(source);
    result.kernels.push_back(std::move(tunable));
  }
  result.compile = [sources](const Workload &workload, llvm::StringRef schedule) {
    return compileKernel(*sources, workload, schedule);
  };
  return result;
}
