// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The subcommands. Each gets the words after its name and returns an exit code (CommandLine.h).
#ifndef TEGULA_TOOLS_TEGULA_COMMANDS_H
#define TEGULA_TOOLS_TEGULA_COMMANDS_H

#include "llvm/ADT/ArrayRef.h"

namespace tegula::tool {

int runCompile(llvm::ArrayRef<const char *> words);
int runRun(llvm::ArrayRef<const char *> words);
int runBench(llvm::ArrayRef<const char *> words);
int runTune(llvm::ArrayRef<const char *> words);
/// The measuring child of `tune`: serves requests on the socket that it is given.
int runTuneRunner(llvm::ArrayRef<const char *> words);
int runExplain(llvm::ArrayRef<const char *> words);
int runDatabase(llvm::ArrayRef<const char *> words);
int runCheck(llvm::ArrayRef<const char *> words);
int runInspect(llvm::ArrayRef<const char *> words);

} // namespace tegula::tool

#endif
