// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loading of ONNX files: parse, check, inline functions, infer types with ONNX's own library.
#ifndef TEGULA_IMPORT_ONNX_MODEL_H
#define TEGULA_IMPORT_ONNX_MODEL_H

#include "tegula/Import/ONNX/ExternalData.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace onnx {
class GraphProto;
class ModelProto;
} // namespace onnx

namespace tegula {

struct LoadOptions {
  /// Folder below which links of external data may point, beside the model's own folder.
  std::string externalDataRoot;
  /// Initializers that are inputs too stay in the graph at every IR version.
  bool freezeDefaults = false;
};

/// A parsed model; shared, because the constants of the IR alias its bytes.
struct OnnxModel {
  OnnxModel();
  ~OnnxModel();
  std::unique_ptr<onnx::ModelProto> proto;
  /// Its initializers are those of the model's graph, no longer there, that are inputs too and that a run may override.
  std::unique_ptr<onnx::GraphProto> defaults;
  ExternalData external;
  std::string path;                  ///< as the user gave it; "<memory>" for bytes
  std::vector<std::string> warnings; ///< what is wrong in the model and yet has one meaning
};

/// Whether the node table has a row for this operator, so that its ONNX function body is not inlined.
using HasNodeRow = std::function<bool(const std::string &domain, const std::string &opType)>;

/// Reads `path` into `proto` and does no more. On failure returns false and sets `error` to a message without the path.
bool parseOnnxModel(const std::string &path, onnx::ModelProto &proto, std::string &error);

/// Reads and checks `path`, inlines model-local functions and those schema functions that `hasRow` denies, and infers
/// types. On failure returns null and sets `error` to a message without the path.
std::shared_ptr<OnnxModel> loadOnnxModel(const std::string &path, const LoadOptions &options, const HasNodeRow &hasRow,
                                         std::string &error);
/// The same for the bytes of a model without external data.
std::shared_ptr<OnnxModel> loadOnnxModelFromBytes(const char *data, size_t size, const LoadOptions &options,
                                                  const HasNodeRow &hasRow, std::string &error);

/// The version of `opType`'s schema that opset `opset` of `domain` means; 0 when there is none.
int getSchemaVersion(const std::string &domain, const std::string &opType, int opset);

} // namespace tegula

#endif
