// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tegula db: what a database has for kernels, those of a model among them.
#ifndef TEGULA_TOOLS_TEGULA_DATABASEKERNELS_H
#define TEGULA_TOOLS_TEGULA_DATABASEKERNELS_H

#include "CommandLine.h"
#include "tegula/Tuner/Database/Database.h"

namespace tegula::tool {

/// `tegula db why`: what each rung of a lookup has, for the kernel `key`, or, when it is empty, for those of --model.
/// Reports and returns the exit code, here and below.
int explainChoices(const tuner::Database &database, const Arguments &arguments, const tuner::Lookup &here,
                   llvm::StringRef key);

/// `tegula db revalidate`: builds what other toolchains measured for the kernels of a model, runs nothing, and records
/// the code's hash.
int revalidateChoices(tuner::Database &database, const Arguments &arguments, tuner::Lookup here, llvm::StringRef model);

} // namespace tegula::tool

#endif
