// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Model.h"
#include "CpuFeatures.h"
#include "Cuda.h"
#include "ElementType.h"
#include "Error.h"
#include "Value.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

namespace tegula {
namespace {

tegula_error invalid(const char *what) { return setError(TEGULA_ERROR_INVALID_ARTIFACT, "invalid artifact: %s", what); }

bool isKnownType(const tegula_value_type *type) {
  for (int depth = 0; type && depth < 8; type = type->element, ++depth) {
    if (type->kind == TEGULA_TENSOR)
      return elementBytes(type->element_type) > 0;
    if (type->kind == TEGULA_MAP && elementBytes(type->element_type) == 0)
      return false;
    if (type->kind < TEGULA_TENSOR || type->kind > TEGULA_MAP)
      return false;
  }
  return false;
}

tegula_error checkTensors(const char *kind, int32_t count, const tegula_tensor_info *tensors,
                          const tegula_value_type *const *types, bool ranked) {
  if (count < 0 || (count > 0 && !tensors))
    return setError(TEGULA_ERROR_INVALID_ARTIFACT, "invalid artifact: no table of %ss", kind);
  for (int32_t k = 0; k < count; ++k) {
    const tegula_tensor_info &tensor = tensors[k];
    if (!tensor.name)
      return setError(TEGULA_ERROR_INVALID_ARTIFACT, "invalid artifact: %s %d has no name", kind, k);
    if (types && types[k]) {
      if (tensor.element_type != 0 || tensor.rank != 0 || !isKnownType(types[k]))
        return setError(TEGULA_ERROR_INVALID_ARTIFACT, "invalid artifact: %s '%s' has an unknown type", kind,
                        tensor.name);
      continue;
    }
    if (elementBytes(tensor.element_type) == 0)
      return setError(TEGULA_ERROR_INCOMPATIBLE, "%s '%s' has element type %d, which this runtime does not support",
                      kind, tensor.name, tensor.element_type);
    if (tensor.rank < (ranked ? 0 : -1) || (tensor.rank > 0 && !tensor.shape))
      return setError(TEGULA_ERROR_INVALID_ARTIFACT, "invalid artifact: %s '%s' has rank %d", kind, tensor.name,
                      tensor.rank);
    for (int32_t d = 0; d < tensor.rank; ++d)
      if (tensor.shape[d] < -1)
        return setError(TEGULA_ERROR_INVALID_ARTIFACT, "invalid artifact: %s '%s' has extent %lld", kind, tensor.name,
                        static_cast<long long>(tensor.shape[d]));
  }
  return TEGULA_ERROR_NONE;
}

bool hasCode(const tegula_artifact &artifact, int32_t row) {
  const tegula_kernel &kernel = artifact.kernels[row];
  const tegula_device_kernel *deviceKernels = deviceKernelsOf(artifact);
  if (!deviceKernels)
    return kernel.phases && !kernel.ptx;
  const tegula_device_kernel &deviceKernel = deviceKernels[row];
  if (!kernel.ptx || !deviceKernel.phases || deviceKernel.buffer_count < 0 || deviceKernel.dim_count < 0)
    return false;
  for (uint32_t p = 0; p < kernel.phase_count; ++p) {
    const tegula_device_phase &phase = deviceKernel.phases[p];
    if (!phase.entry || !phase.grid || phase.block[0] < 1 || phase.block[1] < 1 || phase.block[2] < 1 ||
        phase.shared_bytes < 0)
      return false;
  }
  return true;
}

/// Nothing in the artifact is trusted to be there: a descriptor of another layout must not crash.
tegula_error checkDescriptor(const tegula_artifact *artifact) {
  if (!artifact)
    return setError(TEGULA_ERROR_INCOMPATIBLE,
                    "the model was compiled for another version of Tegula: it cannot serve "
                    "ABI version %u of this runtime",
                    TEGULA_ABI_VERSION);
  if (artifact->abi_version != TEGULA_ABI_VERSION)
    return setError(TEGULA_ERROR_INCOMPATIBLE,
                    "the model was compiled for another version of Tegula: expected ABI version %u, but got %u",
                    TEGULA_ABI_VERSION, artifact->abi_version);
  if (artifact->struct_size < offsetof(tegula_artifact, device_kernels))
    return invalid("its descriptor is too short");
  if (!artifact->model || !artifact->target || !artifact->program)
    return invalid("it has no model name, target or program");
  if (artifact->arena_bytes < 0 || artifact->constants_bytes < 0)
    return invalid("a size is negative");
  if (artifact->sidecar && artifact->constants)
    return invalid("it has constants both inside and in a sidecar");
  if (!artifact->sidecar && !artifact->constants && artifact->constants_bytes > 0)
    return invalid("its constants are missing");
  if (reinterpret_cast<uintptr_t>(artifact->constants) % TEGULA_ALIGNMENT != 0)
    return invalid("its constants are not aligned");
  bool isCurrent = artifact->struct_size >= sizeof(tegula_artifact);
  if (tegula_error error = checkTensors("input", artifact->input_count, artifact->inputs,
                                        isCurrent ? artifact->input_types : nullptr, /*ranked=*/true))
    return error;
  if (tegula_error error = checkTensors("output", artifact->output_count, artifact->outputs,
                                        isCurrent ? artifact->output_types : nullptr, /*ranked=*/false))
    return error;
  if (artifact->node_count < 0 || (artifact->node_count > 0 && !artifact->nodes))
    return invalid("no table of nodes");
  if (artifact->kernel_count < 0 || (artifact->kernel_count > 0 && !artifact->kernels))
    return invalid("no table of kernels");
  for (int32_t k = 0; k < artifact->kernel_count; ++k) {
    const tegula_kernel &kernel = artifact->kernels[k];
    if (!kernel.name || kernel.phase_count == 0 || kernel.workspace_per_worker < 0 || !hasCode(*artifact, k))
      return setError(TEGULA_ERROR_INVALID_ARTIFACT, "invalid artifact: kernel %d has no code", k);
  }
  return TEGULA_ERROR_NONE;
}

/// All levels of an artifact, which may be the only one.
struct Levels {
  explicit Levels(const tegula_artifact *const &artifact) : rows(&artifact), count(1) {
    if (isSeveral(*artifact)) {
      rows = artifact->levels;
      count = artifact->level_count;
    }
  }
  static bool isSeveral(const tegula_artifact &artifact) {
    return artifact.struct_size >= sizeof(tegula_artifact) && artifact.levels;
  }

  const tegula_artifact *const *rows;
  int32_t count;
};

tegula_error checkLevels(const tegula_artifact &artifact) {
  if (!Levels::isSeveral(artifact))
    return TEGULA_ERROR_NONE;
  if (artifact.level_count < 1)
    return invalid("its table of levels is empty");
  for (int32_t k = 0; k < artifact.level_count; ++k)
    if (tegula_error error = checkDescriptor(artifact.levels[k]))
      return error;
  return TEGULA_ERROR_NONE;
}

/// The environment variable that names the only level to take, for tests and comparisons.
constexpr char levelVariable[] = "TEGULA_LEVEL";

/// Replaces `artifact` by its best level that this machine can run.
tegula_error chooseLevel(const tegula_artifact *&artifact) {
  const tegula_artifact *given = artifact;
  Levels levels(given);
  const char *wanted = Levels::isSeveral(*given) ? getenv(levelVariable) : nullptr;
  bool isKnown = false;
  Text targets, missing;
  for (int32_t k = 0; k < levels.count; ++k) {
    const tegula_artifact *level = levels.rows[k];
    targets.append("%s%s", k == 0 ? "" : k + 1 < levels.count ? ", " : " and ", level->target);
    if (wanted && strcmp(level->target, wanted) != 0)
      continue;
    Text lacks;
    if (!missingCpuFeatures(level->features, lacks)) {
      artifact = level;
      return TEGULA_ERROR_NONE;
    }
    if (levels.count > 1)
      missing.append("%sfor %s ", isKnown ? "; " : "", level->target);
    missing.append("%s", lacks.get());
    isKnown = true;
  }
  if (!isKnown)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected %s to be a level of model '%s' (%s), but got '%s'",
                    levelVariable, given->model, targets.get(), wanted);
  return setError(TEGULA_ERROR_INCOMPATIBLE,
                  "model '%s' was compiled for %s, but this processor lacks: %s; compile it with a lower --target%s%s",
                  given->model, targets.get(), missing.get(), wanted ? " or change " : "", wanted ? levelVariable : "");
}

const tegula_default *const *defaultsOf(const tegula_artifact &artifact) {
  return artifact.struct_size >= sizeof(tegula_artifact) ? artifact.input_defaults : nullptr;
}

/// The default of an input whose descriptor is sound, and whose data the constants hold.
tegula_error findDefault(const tegula_model &model, int32_t k, tegula_tensor &tensor) {
  const tegula_artifact &artifact = *model.artifact;
  const tegula_tensor_info &input = artifact.inputs[k];
  const tegula_default &given = *artifact.input_defaults[k];
  bool isText = input.element_type == TEGULA_ELEMENT_STRING;
  if (input.element_type == 0 || given.rank != input.rank || (given.rank > 0 && !given.shape))
    return invalid("a default is no tensor of its input's rank");
  int64_t count = countElements(given.rank, given.shape);
  int64_t bytes = count < 0 || isText ? count : denseBytes(*elementType(input.element_type), given.rank, given.shape);
  for (int32_t d = 0; d < given.rank; ++d)
    if (input.shape[d] >= 0 && given.shape[d] != input.shape[d])
      bytes = -1;
  if (bytes < 0)
    return invalid("a default does not have its input's shape");
  if (isText ? count > 0 && !given.strings
             : given.offset < 0 || given.offset % TEGULA_ALIGNMENT != 0 || given.offset > artifact.constants_bytes ||
                   bytes > artifact.constants_bytes - given.offset)
    return invalid("a default lies outside of the constants");
  const void *data =
      isText ? static_cast<const void *>(given.strings) : static_cast<const char *>(model.constants) + given.offset;
  tensor = {const_cast<void *>(data), input.element_type, given.rank, given.shape};
  return TEGULA_ERROR_NONE;
}

tegula_error findDefaults(tegula_model &model) {
  const tegula_artifact &artifact = *model.artifact;
  const tegula_default *const *defaults = defaultsOf(artifact);
  if (!defaults)
    return TEGULA_ERROR_NONE;
  if (!model.defaults.resize(static_cast<size_t>(artifact.input_count)))
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while loading model '%s'", artifact.model);
  for (int32_t k = 0; k < artifact.input_count; ++k)
    if (defaults[k])
      if (tegula_error error = findDefault(model, k, model.defaults[static_cast<size_t>(k)]))
        return error;
  return TEGULA_ERROR_NONE;
}

/// Numbers the symbolic dimensions of the inputs: equal names, equal numbers.
bool numberSymbols(tegula_model &model) {
  const tegula_artifact &artifact = *model.artifact;
  size_t dimensionCount = 0;
  for (int32_t k = 0; k < artifact.input_count; ++k)
    dimensionCount += static_cast<size_t>(artifact.inputs[k].rank);
  Array<const char *> names;
  if (!model.inputSymbols.resize(dimensionCount) || !names.resize(dimensionCount))
    return false;
  size_t at = 0;
  for (int32_t k = 0; k < artifact.input_count; ++k) {
    const tegula_tensor_info &input = artifact.inputs[k];
    for (int32_t d = 0; d < input.rank; ++d, ++at) {
      const char *name = input.shape[d] < 0 && input.symbols ? input.symbols[d] : nullptr;
      int32_t number = -1;
      if (name) {
        for (number = 0; number < model.symbolCount; ++number)
          if (strcmp(names[static_cast<size_t>(number)], name) == 0)
            break;
        if (number == model.symbolCount)
          names[static_cast<size_t>(model.symbolCount++)] = name;
      }
      model.inputSymbols[at] = number;
    }
  }
  return true;
}

} // namespace

const tegula_device_kernel *deviceKernelsOf(const tegula_artifact &artifact) {
  return artifact.struct_size >= offsetof(tegula_artifact, input_types) ? artifact.device_kernels : nullptr;
}

tegula_error finishModel(tegula_model &model, const tegula_model_options *options, const char *directory) {
  if (tegula_error error = checkDescriptor(model.artifact))
    return error;
  if (tegula_error error = checkLevels(*model.artifact))
    return error;
  if (tegula_error error = chooseLevel(model.artifact))
    return error;
  if (deviceKernelsOf(*model.artifact) && !model.deviceFunctions)
    return invalid("its kernels need a device, but it was linked without one");
  const tegula_artifact &artifact = *model.artifact;
  if (artifact.sidecar) {
    if (options && options->directory)
      directory = options->directory;
    if (!directory)
      return setError(TEGULA_ERROR_INVALID_ARGUMENT,
                      "model '%s' keeps its weights in '%s'; give the folder of that file", artifact.model,
                      artifact.sidecar);
    if (tegula_error error = model.sidecar.open(artifact, directory, !(options && options->skip_sidecar_hash)))
      return error;
    model.constants = model.sidecar.data();
  } else {
    model.constants = artifact.constants;
  }
  if (tegula_error error = findDefaults(model))
    return error;
  for (int32_t k = 0; k < artifact.kernel_count; ++k) {
    const tegula_kernel &kernel = artifact.kernels[k];
    if (kernel.workspace_per_worker > model.largestWorkspace)
      model.largestWorkspace = kernel.workspace_per_worker;
  }
  if (!numberSymbols(model))
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while loading model '%s'", artifact.model);
  return TEGULA_ERROR_NONE;
}

} // namespace tegula

using namespace tegula;

tegula_model::~tegula_model() {
  if (device)
    deviceFunctions->releaseModel(device);
  if (closeLibrary)
    closeLibrary(library);
}

extern "C" {

void tegula_model_retain(tegula_model *model) {
  if (model)
    model->references.fetch_add(1, std::memory_order_relaxed);
}

void tegula_model_release(tegula_model *model) {
  if (model && model->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    destroy(model);
}

const char *tegula_model_name(const tegula_model *model) { return model->artifact->model; }
const char *tegula_model_target(const tegula_model *model) { return model->artifact->target; }

const char *tegula_model_features(const tegula_model *model) {
  return model->artifact->features ? model->artifact->features : "";
}

const char *tegula_model_provenance(const tegula_model *model) {
  return model->artifact->provenance ? model->artifact->provenance : "{}";
}

int32_t tegula_model_input_count(const tegula_model *model) { return model->artifact->input_count; }
int32_t tegula_model_output_count(const tegula_model *model) { return model->artifact->output_count; }
int32_t tegula_model_kernel_count(const tegula_model *model) { return model->artifact->kernel_count; }

const tegula_tensor_info *tegula_model_input(const tegula_model *model, int32_t index) {
  return index >= 0 && index < model->artifact->input_count ? &model->artifact->inputs[index] : nullptr;
}

const tegula_tensor_info *tegula_model_output(const tegula_model *model, int32_t index) {
  return index >= 0 && index < model->artifact->output_count ? &model->artifact->outputs[index] : nullptr;
}

const tegula_value_type *tegula_model_input_type(const tegula_model *model, int32_t index) {
  const tegula_artifact &artifact = *model->artifact;
  return index >= 0 && index < artifact.input_count ? valueTypeOf(artifact, artifact.input_types, index) : nullptr;
}

const tegula_value_type *tegula_model_output_type(const tegula_model *model, int32_t index) {
  const tegula_artifact &artifact = *model->artifact;
  return index >= 0 && index < artifact.output_count ? valueTypeOf(artifact, artifact.output_types, index) : nullptr;
}

const tegula_tensor *tegula_model_input_default(const tegula_model *model, int32_t index) {
  size_t k = static_cast<size_t>(index);
  return index >= 0 && k < model->defaults.size() && model->defaults[k].element_type ? &model->defaults[k] : nullptr;
}

const tegula_kernel *tegula_model_kernel(const tegula_model *model, int32_t index) {
  return index >= 0 && index < model->artifact->kernel_count ? &model->artifact->kernels[index] : nullptr;
}

const tegula_artifact *tegula_model_artifact(const tegula_model *model) { return model->artifact; }

} // extern "C"
