/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* y[batch, 3] = 2 * x[batch, 3] + 1 as a compiled model would be; macros make the variants that the tests need. */
#include "tegula/abi.h"

#ifndef ARTIFACT_ABI_VERSION
#define ARTIFACT_ABI_VERSION TEGULA_ABI_VERSION
#endif
#ifndef ARTIFACT_FEATURES
#define ARTIFACT_FEATURES ""
#endif

static int32_t scale(int64_t grid_id, int64_t grid_size, void *const *buffers, const int64_t *dims, void *workspace) {
  const float *x = buffers[0], *constants = buffers[1];
  float *y = buffers[2];
  int64_t count = 3 * dims[0];
  (void)workspace;
  for (int64_t i = count * grid_id / grid_size; i < count * (grid_id + 1) / grid_size; ++i)
    y[i] = constants[0] * x[i] + constants[1];
  return TEGULA_OK;
}

static int32_t program(void *context, const tegula_services *services, void *arena, const void *constants,
                       void *const *inputs, const int64_t *dims) {
  (void)arena;
  void *y = services->output(context, 0, 2, dims);
  if (!y)
    return services->fail(context, TEGULA_OUT_OF_MEMORY, -1);
  void *buffers[] = {inputs[0], (void *)constants, y};
  return services->dispatch(context, 0, 3 * dims[0], buffers, dims);
}

static const int64_t shape[] = {-1, 3};
static const char *const symbols[] = {"batch", 0};
static const tegula_tensor_info inputs[] = {{"x", 1, 2, shape, symbols}};
static const tegula_tensor_info outputs[] = {{"y", 1, 2, shape, symbols}};
static const tegula_kernel_function phases[] = {scale};
static const tegula_kernel kernels[] = {
    {"map_scale_0", "map", "#sched.cpu_map<>", "default", "00c0ffee", "scale", 1, 1, phases, 0, 0}};
static const char *const nodes[] = {"scale (Mul)"};
static _Alignas(TEGULA_ALIGNMENT) const float weights[16] = {2, 1};

static const tegula_artifact artifact = {
    .abi_version = ARTIFACT_ABI_VERSION,
    .struct_size = sizeof(tegula_artifact),
    .model = "scale",
    .target = "x86-64-v2",
    .features = ARTIFACT_FEATURES,
    .provenance = "{\"compiler\": \"by hand\"}",
#ifdef ARTIFACT_SIDECAR
    .sidecar = ARTIFACT_SIDECAR,
    .sidecar_hash = 0x9e70b12cbe41131bull, /* of the bytes of `weights` */
#else
    .constants = weights,
#endif
    .constants_bytes = sizeof(weights),
    .input_count = 1,
    .output_count = 1,
    .kernel_count = 1,
    .node_count = 1,
    .inputs = inputs,
    .outputs = outputs,
    .kernels = kernels,
    .nodes = nodes,
    .program = program,
};

#define EXPORT __attribute__((visibility("default")))

#ifdef ARTIFACT_NO_QUERY
EXPORT int some_function(void) { return artifact.input_count; }
#else
EXPORT const tegula_artifact *scale_query(uint32_t abi_version) {
#ifdef ARTIFACT_SERVES_NO_VERSION
  return abi_version == 0 ? &artifact : 0;
#else
  (void)abi_version;
  return &artifact;
#endif
}
#endif
#ifdef ARTIFACT_SECOND_QUERY
EXPORT const tegula_artifact *other_query(uint32_t abi_version) { return scale_query(abi_version); }
#endif
