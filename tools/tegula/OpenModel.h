// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Opens the model that the user names.
#ifndef TEGULA_TOOLS_TEGULA_OPENMODEL_H
#define TEGULA_TOOLS_TEGULA_OPENMODEL_H

#include "LoadedModel.h"
#include "tegula/Driver/CompilerSession.h"

namespace tegula::tool {

struct OpenModel {
  std::unique_ptr<LoadedArtifact> artifact; // code and constants of a model compiled here; outlives the model
  ModelHandle model;
  std::vector<KernelInterface> kernels;     // of a model compiled here
  std::unique_ptr<CompilerSession> session; // owns the types in `kernels`
};

/// Whether a path names an ONNX model (by its suffix) and not a compiled one.
bool isOnnxPath(llvm::StringRef path);

/// What every command that compiles an ONNX model takes: --external-data-root, --freeze-defaults, --precision.
CompileOptions readCompileOptions(const Arguments &arguments, llvm::StringRef path, llvm::StringRef target);

/// Compiles an ONNX model for `target` into this process. Reports on stderr and returns an exit code when that fails;
/// ExitOk otherwise.
int openOnnx(llvm::StringRef path, llvm::StringRef target, Arguments &arguments, OpenModel &opened,
             bool plainKernels = false);
/// The same for positional argument 0, which may be a compiled model too.
int openModel(const CommandSpec &spec, Arguments &arguments, OpenModel &opened);

} // namespace tegula::tool

#endif
