// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tegula compile: an ONNX model to a shared library, an object file, text of any stage.
#include "CommandLine.h"
#include "Commands.h"
#include "OpenModel.h"
#include "tegula/Driver/CompilerSession.h"
#include "tegula/Tuner/Measure/Measure.h"
#include "tegula/Tuner/Select/ScheduleSources.h"

#include "llvm/Support/Regex.h"

using namespace tegula;
using namespace tegula::tool;

static const OptionSpec options[] = {
    {"o", "FILE", "output file; - for standard output where the output is text"},
    {"output", "FILE", "the same as -o"},
    {"target", "NAME[,NAME...]",
     "host (default), x86-64, x86-64-v2 .. v4, a CPU name such as znver4, nvptx:sm_80, nvptx:sm_90.\n"
     "Several CPUs, as in x86-64-v2,x86-64-v4: one library with code for each, of which the best that\n"
     "the processor can run is taken when it loads (TEGULA_LEVEL=NAME in its environment takes NAME)"},
    {"emit", "KIND", "lib (default), obj, header, asm, llvm-ir, ptx, or a stage: import, graph, linalg, kernels, ..."},
    {"precision", "MODE",
     "f32 (default); f32-strict: only algorithms as exact as the plain ones, so no convolution in\n"
     "the Winograd domain; bf16: convolutions and matrix products with much arithmetic read bf16, sum\n"
     "in f32, and are listed"},
    {"dim", "NAME=N", "make the symbolic dimension NAME static; may be repeated"},
    {"lock", "[strict:]FILE",
     "take schedules from this lock file; kernels without a record, from the database or by default.\n"
     "With strict: kernels without a record, and records without a kernel, are an error that lists them"},
    {"db", "FILE", "use the best schedules of this tuning database"},
    {"threads", "N", "pick schedules that were tuned for N threads (default 1)"},
    {"remarks", "REGEX",
     "print optimization remarks of the categories that match; fusion: each tensor that one kernel writes\n"
     "and another one reads, and why they are two"},
    {"max-loop", "N", "a Loop or Scan of the model that starts another round after N is an error of the run"},
    {"external-data-root", "DIR", "folder below which links of external data may lead"},
    {"freeze-defaults", nullptr,
     "make initializers that are inputs too constants; else, from IR version 4 on, a run may\n"
     "leave them out or override them"},
};
static const CommandSpec spec{
    "compile", "MODEL.onnx",
    "Compiles a model. The shared library needs the C library alone (with strings, sequences, maps or pictures\n"
    "it runs in libtegula_runtime only); nothing is compiled or parsed when it loads.",
    "tegula compile model.onnx -o model.so\ntegula compile model.onnx --lock=model.lock.mlir -o model.so\n"
    "tegula compile model.onnx --emit=kernels -o -",
    options};

int tegula::tool::runCompile(llvm::ArrayRef<const char *> words) {
  Arguments arguments(spec);
  if (auto code = parseCommandLine(spec, words, arguments))
    return *code;
  CompileOptions compile = readCompileOptions(arguments, arguments.positional[0], arguments.get("target", "host"));
  compile.outputPath = arguments.has("o") ? arguments.get("o") : arguments.get("output");
  compile.emit = arguments.get("emit", "lib");
  compile.dimensions = arguments.getDimensions("dim");
  auto threads = static_cast<unsigned>(arguments.getInteger("threads", 1, 1, 4096));
  compile.maxLoop = arguments.getInteger("max-loop", 0, 1);
  compile.remarks = arguments.get("remarks");
  if (std::string reason; !compile.remarks.empty() && !llvm::Regex(compile.remarks).isValid(reason)) {
    llvm::errs() << "tegula compile: error: expected a regular expression after --remarks=, but got '"
                 << compile.remarks << "': " << reason << "\n";
    return ExitUsage;
  }
  if (arguments.failed)
    return ExitUsage;
  if (compile.outputPath.empty()) {
    llvm::errs() << "tegula compile: error: expected an output file (-o FILE)\n";
    return ExitUsage;
  }
  auto sources = tuner::ScheduleSources::open(arguments.get("lock"), arguments.get("db"));
  if (!sources)
    return reportFault(llvm::toString(sources.takeError()));
  if (!sources->empty())
    compile.schedules = [&](mlir::ModuleOp module) { return sources->apply(module, tuner::lookupHere(threads)); };
  CompilerSession session(compile);
  CompileStatus status = session.compile();
  llvm::errs() << session.getMessages();
  return static_cast<int>(status);
}
