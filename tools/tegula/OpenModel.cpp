// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "OpenModel.h"

#include "tegula/Driver/CompilerSession.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace tegula;
using namespace tegula::tool;

bool tegula::tool::isOnnxPath(llvm::StringRef path) { return path.ends_with(".onnx"); }

/// Compiles into a folder of its own, which is gone when the model is loaded: the mappings keep the code.
int tegula::tool::openOnnx(llvm::StringRef path, llvm::StringRef target, Arguments &arguments, OpenModel &opened) {
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("tegula", folder))
    return reportFault("cannot make a temporary folder: " + error.message());
  CompileOptions compile;
  compile.modelPath = path.str();
  compile.outputPath = (folder + "/model.so").str();
  compile.target = target.str();
  compile.externalDataRoot = arguments.get("external-data-root");
  int code = ExitUsage;
  if (!arguments.failed) {
    opened.session = std::make_unique<CompilerSession>(compile);
    CompileStatus status = opened.session->compile();
    llvm::errs() << opened.session->getMessages();
    opened.kernels = opened.session->getKernels().vec();
    code = static_cast<int>(status);
  }
  tegula_model *model = nullptr;
  if (code == ExitOk && tegula_model_load(compile.outputPath.c_str(), /*options=*/nullptr, &model))
    code = reportFault(tegula_last_error());
  opened.model.reset(model);
  llvm::sys::fs::remove_directories(folder);
  return code;
}

int tegula::tool::openModel(const CommandSpec &, Arguments &arguments, OpenModel &opened) {
  if (isOnnxPath(arguments.positional[0]))
    return openOnnx(arguments.positional[0], arguments.get("target", "host"), arguments, opened);
  tegula_model *model = nullptr;
  if (tegula_model_load(arguments.positional[0].c_str(), /*options=*/nullptr, &model))
    return reportFault(tegula_last_error());
  opened.model.reset(model);
  return ExitOk;
}
