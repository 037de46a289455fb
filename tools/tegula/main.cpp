// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The `tegula` command: picks the subcommand.
#include "CommandLine.h"
#include "Commands.h"
#include "tegula/model.h"
#include "llvm/Support/FormatVariadic.h"

using namespace tegula::tool;

namespace {
struct Subcommand {
  llvm::StringRef name;
  int (*run)(llvm::ArrayRef<const char *> words);
  llvm::StringRef summary;
};
} // namespace

static const Subcommand subcommands[] = {
    {"compile", runCompile, "compile a model to a library, an object file or the text of a stage"},
    {"check", runCheck, "tell whether a model would compile, node by node"},
    {"inspect", runInspect, "show inputs, outputs, operators, parameters and kernels of a model"},
    {"run", runRun, "run a model once; compare with recorded outputs or print statistics"},
    {"bench", runBench, "measure the latency of a model"},
    {"tune", runTune, "measure schedules for the kernels of a model; the best are for `compile --db`"},
    {"explain", runExplain, "tell why each kernel of a model has its schedule, and what bounds it"},
    {"db", runDatabase, "read a tuning database: stats, list, best, export, verify"},
};

static void printHelp(llvm::raw_ostream &out) {
  out << "usage: tegula COMMAND ...\n\ncommands:\n";
  for (const Subcommand &subcommand : subcommands)
    out << llvm::formatv("  {0,-10} {1}\n", subcommand.name, subcommand.summary);
  out << "\n`tegula COMMAND --help` tells more; `tegula --version` prints the version.\n"
      << "exit codes: 0 ok, 1 the model or the data is at fault, 2 usage, 3 internal error, 130 interrupted\n";
}

int main(int argc, char **argv) {
  llvm::StringRef name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    printHelp(llvm::outs());
    return ExitOk;
  }
  if (name == "--version") {
    llvm::outs() << "tegula " << tegula_version() << "\n";
    return ExitOk;
  }
  if (name == "tune-runner") // of the tuner's own making, so no help tells of it
    return runTuneRunner(llvm::ArrayRef(argv + 2, argv + argc));
  for (const Subcommand &subcommand : subcommands)
    if (subcommand.name == name)
      return subcommand.run(llvm::ArrayRef(argv + 2, argv + argc));
  if (name.empty())
    llvm::errs() << "tegula: error: expected a command, but got nothing\n";
  else
    llvm::errs() << "tegula: error: unknown command '" << name << "'\n";
  printHelp(llvm::errs());
  return ExitUsage;
}
