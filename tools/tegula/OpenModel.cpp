// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "OpenModel.h"

#include "tegula/Driver/CompilerSession.h"

using namespace tegula;
using namespace tegula::tool;

bool tegula::tool::isOnnxPath(llvm::StringRef path) { return path.ends_with(".onnx"); }

CompileOptions tegula::tool::readCompileOptions(const Arguments &arguments, llvm::StringRef path,
                                                llvm::StringRef target) {
  CompileOptions compile;
  compile.modelPath = path.str();
  compile.target = target.str();
  compile.externalDataRoot = arguments.get("external-data-root");
  compile.freezeDefaults = arguments.has("freeze-defaults");
  compile.precision = arguments.get("precision", "f32");
  return compile;
}

int tegula::tool::openOnnx(llvm::StringRef path, llvm::StringRef target, Arguments &arguments, OpenModel &opened,
                           bool plainKernels) {
  CompileOptions compile = readCompileOptions(arguments, path, target);
  compile.plainKernels = plainKernels;
  compile.countOperations = arguments.has("count-operations");
  compile.maxLoop = arguments.getInteger("max-loop", 0, 1);
  if (arguments.failed)
    return ExitUsage;
  opened.session = std::make_unique<CompilerSession>(compile);
  CompileStatus status = opened.session->load(opened.artifact);
  llvm::errs() << opened.session->getMessages();
  opened.kernels = opened.session->getKernels().vec();
  if (status != CompileStatus::Ok)
    return static_cast<int>(status);
  tegula_model *model = nullptr;
  if (tegula_model_from_artifact(&opened.artifact->get(), /*options=*/nullptr, &model))
    return reportFault(tegula_last_error());
  opened.model.reset(model);
  return ExitOk;
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
