// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Weights in files beside the model, memory-mapped. Internal to lib/Import.
//
// A location is a relative path below the model's folder: no absolute path, no "..", no backslash, no NUL. A symbolic
// link on the way is followed only when model and target are files of one `blobs` folder (the cache layout of Hugging
// Face), or when the target lies below LoadOptions::externalDataRoot.
#ifndef TEGULA_IMPORT_ONNX_EXTERNALDATA_H
#define TEGULA_IMPORT_ONNX_EXTERNALDATA_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace onnx {
class ModelProto;
class TensorProto;
} // namespace onnx

namespace tegula {

/// The mapped files of one model; they stay mapped as long as this object lives.
class ExternalData {
public:
  ExternalData() = default;
  ExternalData(const ExternalData &) = delete;
  ExternalData &operator=(const ExternalData &) = delete;
  ~ExternalData();

  /// Maps the files of all external tensors of `model` (which was read from `path`) and checks every range. Tensors of
  /// at most 1,024 bytes are copied into the model, so that ONNX's inference can read them. On failure returns false
  /// and fills `error`.
  bool load(onnx::ModelProto &model, const std::string &path, const std::string &root, std::string &error);

  /// The bytes of an external tensor that load has checked.
  const char *find(const onnx::TensorProto &tensor, uint64_t &size) const;

private:
  struct File {
    const char *data = nullptr;
    uint64_t size = 0;
  };
  bool map(const std::string &location, const std::string &path, const std::string &root, std::string &error);
  bool check(onnx::TensorProto &tensor, const std::string &path, const std::string &root, std::string &error);
  std::map<std::string, File> files; ///< by location
};

/// Hides the external tensors of a model from ONNX's checker, which has its own, stricter idea of links; the rest of
/// the model is checked as usual. Gives everything back at its end.
class WithoutExternalTensors {
public:
  explicit WithoutExternalTensors(onnx::ModelProto &model);
  ~WithoutExternalTensors();

private:
  std::map<onnx::TensorProto *, std::vector<int64_t>> hidden; ///< with their extents
};

} // namespace tegula

#endif
