/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A hand-written artifact of one kernel, y = 2 * x + z on 4096 floats, with the fault and the speed that the macros
 * choose: FAULT is one of the words below, ROUNDS how often the work is repeated. */
#include "tegula/abi.h"

#include <stddef.h>
#include <string.h>

enum fault { none, wrong, drifting, unwritten, crash, hang, status, outside, two_outputs, other_type, dynamic };

#ifndef FAULT
#define FAULT none
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#define COUNT 4096

static int32_t kernel(int64_t id, int64_t size, void *const *buffers, const int64_t *dims, void *workspace) {
  const float *x = buffers[0];
  const float *z = buffers[1];
  float *y = buffers[2];
  int64_t count = FAULT == dynamic ? dims[0] : COUNT;
  int64_t begin = count * id / size, end = count * (id + 1) / size;
  (void)workspace;
  for (int round = 0; round < ROUNDS; ++round) {
    for (int64_t i = begin; i < end; ++i)
      y[i] = 2 * x[i] + z[i];
    __asm__ volatile("" ::: "memory");
  }
  switch (FAULT) {
  case wrong:
    y[begin + 17] += 0.5f;
    break;
  case drifting: { /* the last bit of one element, from the second run on */
    static int runs = 0;
    int32_t bits;
    memcpy(&bits, y + begin + 17, sizeof(bits));
    bits ^= runs++ > 0;
    memcpy(y + begin + 17, &bits, sizeof(bits));
    break;
  }
  case unwritten:
    break;
  case crash:
    *(volatile int *)16 = 1;
    break;
  case hang:
    for (volatile int forever = 1; forever;)
      ;
    break;
  case status:
    return TEGULA_INDEX_OUT_OF_RANGE;
  case outside:
    y[end] = 1;
    break;
  default:
    break;
  }
  return TEGULA_OK;
}

static int32_t partial(int64_t id, int64_t size, void *const *buffers, const int64_t *dims, void *workspace) {
  const float *x = buffers[0];
  const float *z = buffers[1];
  float *y = buffers[2];
  (void)id, (void)size, (void)dims, (void)workspace;
  for (int64_t i = 0; i < COUNT - 1; ++i)
    y[i] = 2 * x[i] + z[i];
  return TEGULA_OK;
}

static int32_t program(void *context, const tegula_services *services, void *arena, const void *constants,
                       void *const *inputs, const int64_t *dims) {
  (void)arena, (void)constants;
  int64_t shape = dims[0];
  void *y = services->output(context, 0, 1, &shape);
  if (!y)
    return TEGULA_OUT_OF_MEMORY;
  void *buffers[] = {inputs[0], inputs[1], y};
  return services->dispatch(context, 0, COUNT, buffers, &shape);
}

static const int64_t shape[] = {FAULT == dynamic ? -1 : COUNT};
static const char *const symbols[] = {FAULT == dynamic ? "n" : NULL};
static const tegula_tensor_info inputs[] = {{"x", 1, 1, shape, symbols},
                                            {"z", FAULT == other_type ? 11 : 1, 1, shape, symbols}};
static const tegula_tensor_info outputs[] = {{"y", 1, 1, shape, symbols}, {"y2", 1, 1, shape, symbols}};
static const tegula_kernel_function phases[] = {FAULT == unwritten ? partial : kernel};
static const tegula_kernel kernels[] = {{"map_y_0", "map", "#sched.test", "ir", "00", "y", 1, 1, phases, NULL, 0}};
static const tegula_artifact artifact = {TEGULA_ABI_VERSION,
                                         sizeof(tegula_artifact),
                                         "test",
                                         "x86-64",
                                         "",
                                         "{}",
                                         0,
                                         NULL,
                                         0,
                                         NULL,
                                         0,
                                         2,
                                         FAULT == two_outputs ? 2 : 1,
                                         1,
                                         0,
                                         inputs,
                                         outputs,
                                         kernels,
                                         NULL,
                                         program};

__attribute__((visibility("default"))) const tegula_artifact *test_query(uint32_t version) {
  return version == TEGULA_ABI_VERSION ? &artifact : NULL;
}
