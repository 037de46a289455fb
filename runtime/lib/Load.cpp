// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Models that are loaded by libtegula_runtime, not by the runtime core inside them.
#include "Cuda.h"
#include "Error.h"
#include "Model.h"
#include "SharedLibrary.h"

using namespace tegula;

static bool validOptions(const tegula_model_options *options) {
  return !options || options->struct_size >= sizeof(tegula_model_options);
}

extern "C" {

tegula_error tegula_model_load(const char *path, const tegula_model_options *options, tegula_model **result) {
  if (!path || !result || !validOptions(options))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "tegula_model_load: invalid argument");
  *result = nullptr;
  auto *model = create<tegula_model>();
  if (!model)
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while loading '%s'", path);
  model->deviceFunctions = &tegula_cuda_device;
  model->library = create<SharedLibrary>();
  model->closeLibrary = destroy<SharedLibrary>;
  tegula_error error = model->library ? model->library->open(path)
                                      : setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while loading '%s'", path);
  if (!error) {
    model->artifact = model->library->query()(TEGULA_ABI_VERSION);
    error = finishModel(*model, options, model->library->directory());
  }
  if (error)
    destroy(model);
  else
    *result = model;
  return error;
}

tegula_error tegula_model_from_artifact(const tegula_artifact *artifact, const tegula_model_options *options,
                                        tegula_model **result) {
  if (!artifact || !result || !validOptions(options))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "tegula_model_from_artifact: invalid argument");
  *result = nullptr;
  auto *model = create<tegula_model>();
  if (!model)
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while loading a model");
  model->artifact = artifact;
  model->deviceFunctions = &tegula_cuda_device;
  if (tegula_error error = finishModel(*model, options, nullptr)) {
    destroy(model);
    return error;
  }
  *result = model;
  return TEGULA_ERROR_NONE;
}

} // extern "C"
