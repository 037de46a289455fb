/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* y[n] = x[n] and count = n, for tensors of ELEMENT_TYPE, whose elements have ELEMENT_BITS (in a program 8 at least).
 */
#include "tegula/abi.h"
#include <string.h>

static int32_t program(void *context, const tegula_services *services, void *arena, const void *constants,
                       void *const *inputs, const int64_t *dims) {
  (void)arena;
  (void)constants;
  void *y = services->output(context, 0, 1, dims);
  int64_t *count = services->output(context, 1, 0, 0);
  if (!y || !count)
    return services->fail(context, TEGULA_OUT_OF_MEMORY, 0);
  memcpy(y, inputs[0], (size_t)(dims[0] * (ELEMENT_BITS < 8 ? 8 : ELEMENT_BITS) / 8));
  *count = dims[0];
  return TEGULA_OK;
}

static const int64_t shape[] = {-1};
static const char *const symbols[] = {"n"};
static const tegula_tensor_info inputs[] = {{"x", ELEMENT_TYPE, 1, shape, symbols}};
static const tegula_tensor_info outputs[] = {{"y", ELEMENT_TYPE, 1, shape, symbols}, {"count", 7, 0, 0, 0}};
static const char *const nodes[] = {"copy (Identity)"};

static const tegula_artifact artifact = {
    .abi_version = TEGULA_ABI_VERSION,
    .struct_size = sizeof(tegula_artifact),
    .model = "copy",
    .target = "x86-64-v2",
    .input_count = 1,
    .output_count = 2,
    .node_count = 1,
    .inputs = inputs,
    .outputs = outputs,
    .nodes = nodes,
    .program = program,
};

__attribute__((visibility("default"))) const tegula_artifact *copy_query(uint32_t abi_version) {
  return abi_version == TEGULA_ABI_VERSION ? &artifact : 0;
}
