/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A model whose run ends only when another run of it is inside too; after 20 seconds alone it fails. Inputs a and b,
 * output c = a + b, so that three tensors are handled. */
#include "tegula/abi.h"
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

static atomic_int inside;

static int32_t program(void *context, const tegula_services *services, void *arena, const void *constants,
                       void *const *inputs, const int64_t *dims) {
  (void)arena;
  (void)constants;
  const float *a = inputs[0], *b = inputs[1];
  float *c = services->output(context, 0, 1, dims);
  if (!c)
    return services->fail(context, TEGULA_OUT_OF_MEMORY, 0);
  for (int64_t k = 0; k < dims[0]; ++k)
    c[k] = a[k] + b[k];
  if (c[0] >= 0) /* the way past for a single run */
    return TEGULA_OK;
  atomic_fetch_add(&inside, 1);
  time_t end = time(0) + 20;
  while (atomic_load(&inside) < 2) {
    if (time(0) > end)
      return services->fail(context, TEGULA_LOOP_LIMIT, 0);
    sched_yield();
  }
  return TEGULA_OK;
}

static const int64_t shape[] = {4};
static const tegula_tensor_info inputs[] = {{"a", 1, 1, shape, 0}, {"b", 1, 1, shape, 0}};
static const tegula_tensor_info outputs[] = {{"c", 1, 1, shape, 0}};
static const char *const nodes[] = {"meet (Add)"};

static const tegula_artifact artifact = {
    .abi_version = TEGULA_ABI_VERSION,
    .struct_size = sizeof(tegula_artifact),
    .model = "meet",
    .target = "x86-64-v2",
    .input_count = 2,
    .output_count = 1,
    .node_count = 1,
    .inputs = inputs,
    .outputs = outputs,
    .nodes = nodes,
    .program = program,
};

__attribute__((visibility("default"))) const tegula_artifact *meet_query(uint32_t abi_version) {
  return abi_version == TEGULA_ABI_VERSION ? &artifact : 0;
}
