// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// An instance is a context of a model, with what the application lends it.
#include "Instance.h"
#include "Context.h"
#include "Error.h"
#include <dlfcn.h>

using namespace tegula;

struct tegula_instance {
  tegula_host host = {};
  tegula_pool *pool = nullptr; // null when kernels run on the calling thread only
  tegula_context *context = nullptr;
};

namespace tegula {
namespace {

tegula_error report(const tegula_host &host, tegula_error error) {
  if (error && host.log)
    host.log(host.state, error, tegula_last_error());
  return error;
}

tegula_error checkHost(const tegula_host &host) {
  if (host.struct_size < sizeof(tegula_host))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected a tegula_host of at least %zu bytes, but got %u",
                    sizeof(tegula_host), host.struct_size);
  if (!host.allocate != !host.release)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected both functions of the allocator, but got one");
  if (host.thread_count < (host.parallel ? 1 : 0))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected %d or more threads, but got %d", host.parallel ? 1 : 0,
                    host.thread_count);
  return TEGULA_ERROR_NONE;
}

tegula_error makePool(const tegula_host &host, tegula_pool **pool) {
  if (host.parallel) {
    tegula_pool_functions functions = {sizeof(tegula_pool_functions), host.thread_count, host.state, host.parallel};
    return tegula_pool_from_functions(&functions, pool);
  }
  return host.thread_count == 1 ? TEGULA_ERROR_NONE : tegula_pool_create(host.thread_count, pool);
}

/// The folder of the library that the artifact is in; where that was linked into the program, the program's.
bool findFolder(const tegula_artifact &artifact, Array<char> &folder) {
  Dl_info place;
  const char *path = dladdr(&artifact, &place) && place.dli_fname ? place.dli_fname : "";
  const char *slash = strrchr(path, '/');
  size_t length = slash ? static_cast<size_t>(slash - path) + 1 : 0;
  if (!folder.resize(length + 2))
    return false;
  memcpy(folder.data(), path, length);
  folder[length] = '.'; // DIR/. or .
  return true;
}

tegula_error openModel(const tegula_artifact &artifact, const Device *device, tegula_model &model) {
  model.artifact = &artifact;
  model.deviceFunctions = device;
  Array<char> folder;
  if (!findFolder(artifact, folder))
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while making an instance");
  return finishModel(model, nullptr, folder.data());
}

/// Fills `instance` with a new context of `model`.
tegula_error openContext(tegula_instance &instance, tegula_model &model) {
  tegula_context_options options = {sizeof(tegula_context_options), instance.pool ? 0 : 1, instance.pool};
  return tegula_context_create(&model, &options, &instance.context);
}

void close(tegula_instance *instance) {
  if (!instance)
    return;
  tegula_context_release(instance->context);
  tegula_pool_release(instance->pool);
  destroy(instance);
}

tegula_error outOfMemory() { return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while making an instance"); }

tegula_error open(const tegula_artifact &artifact, const Device *device, const tegula_host &host,
                  tegula_instance **result) {
  AllocatorScope scope(host);
  auto *instance = create<tegula_instance>();
  if (!instance)
    return outOfMemory();
  instance->host = host;
  auto *model = create<tegula_model>();
  tegula_error error = model ? openModel(artifact, device, *model) : outOfMemory();
  if (!error && !deviceKernelsOf(artifact))
    error = makePool(host, &instance->pool);
  if (!error)
    error = openContext(*instance, *model);
  tegula_model_release(model); // the context keeps it
  if (error)
    close(instance);
  else
    *result = instance;
  return error;
}

} // namespace
} // namespace tegula

extern "C" {

tegula_error tegula_instance_create(const tegula_artifact *artifact, const Device *device, const tegula_host *host,
                                    tegula_instance **result) {
  if (!result)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected a place for the instance, but got a null pointer");
  *result = nullptr;
  static const tegula_host noHost = {sizeof(tegula_host), 0, nullptr, nullptr, nullptr, nullptr, nullptr};
  if (!host)
    host = &noHost;
  if (tegula_error error = checkHost(*host))
    return error;
  return report(*host, open(*artifact, device, *host, result));
}

tegula_error tegula_instance_clone(const tegula_instance *instance, tegula_instance **result) {
  if (!instance || !result)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT,
                    "expected an instance and a place for its clone, but got a null pointer");
  *result = nullptr;
  AllocatorScope scope(instance->host);
  auto *clone = create<tegula_instance>();
  if (!clone)
    return report(instance->host, outOfMemory());
  clone->host = instance->host;
  tegula_pool_retain(instance->pool);
  clone->pool = instance->pool;
  tegula_error error = openContext(*clone, *instance->context->model);
  if (error)
    close(clone);
  else
    *result = clone;
  return report(instance->host, error);
}

tegula_error tegula_instance_run(tegula_instance *instance, const tegula_tensor *inputs, int32_t inputCount,
                                 tegula_tensor *outputs, int32_t outputCount) {
  if (!instance)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected an instance, but got a null pointer");
  AllocatorScope scope(instance->host);
  return report(instance->host, tegula_context_run(instance->context, inputs, inputCount, outputs, outputCount));
}

void tegula_instance_release(tegula_instance *instance) {
  if (!instance)
    return;
  tegula_host host = instance->host; // outlives the instance's own storage
  AllocatorScope scope(host);
  close(instance);
}

const char *tegula_instance_last_error(void) { return tegula_last_error(); }

} // extern "C"
