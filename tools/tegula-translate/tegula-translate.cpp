// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// mlir-translate with --import-onnx: an ONNX model as graph dialect.
#include "tegula/Import/ONNX/Importer.h"
#include "tegula/Pipelines/Pipelines.h"

#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

static llvm::cl::opt<bool> freezeDefaults("freeze-defaults",
                                          llvm::cl::desc("initializers that are inputs too are constants"));

int main(int argc, char **argv) {
  TranslateToMLIRRegistration import(
      "import-onnx", "ONNX model to graph dialect",
      [](llvm::SourceMgr &source, MLIRContext *context) -> OwningOpRef<Operation *> {
        const llvm::MemoryBuffer *buffer = source.getMemoryBuffer(source.getMainFileID());
        tegula::ImportOptions options;
        options.freezeDefaults = freezeDefaults;
        if (buffer->getBufferIdentifier() == "<stdin>")
          return tegula::importOnnxBytes(*context, buffer->getBuffer(), options).release().getOperation();
        return tegula::importOnnxFile(*context, buffer->getBufferIdentifier(), options).release().getOperation();
      },
      [](DialectRegistry &registry) { tegula::registerDialects(registry); });
  return failed(mlirTranslateMain(argc, argv, "Tegula translation driver"));
}
