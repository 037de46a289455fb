// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "OpenModel.h"

using namespace tegula::tool;

bool tegula::tool::isOnnxPath(llvm::StringRef path) { return path.ends_with(".onnx"); }

int tegula::tool::openModel(const CommandSpec &, Arguments &arguments, OpenModel &opened) {
  tegula_model *model = nullptr;
  if (tegula_model_load(arguments.positional[0].c_str(), /*options=*/nullptr, &model))
    return reportFault(tegula_last_error());
  opened.model.reset(model);
  return ExitOk;
}
