/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Running a compiled model without libtegula_runtime: every artifact contains a copy of the runtime core. Each model's
 * own header, which `tegula compile --emit=header` writes, repeats this file and declares, for a model called NAME:
 *
 *   NAME_create      makes an instance; `host` may be NULL
 *   NAME_clone       another one that shares weights, threads and host: an instance is used by one thread at a time
 *   NAME_run         runs it; inputs and outputs in the model's order
 *   NAME_release     frees it; NULL is ignored
 *   NAME_last_error  message of the calling thread's last call that failed
 *   NAME_query       the descriptor, for libtegula_runtime (tegula/abi.h)
 *
 * Shapes are element counts, tensors dense and row-major in native byte order, aligned to their element type. An input
 * that has a default may be left out: its tensor is all zeros, or the array ends before it and only such inputs follow.
 */
#ifndef TEGULA_INSTANCE_H
#define TEGULA_INSTANCE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tegula_error {
  TEGULA_ERROR_NONE = 0,
  TEGULA_ERROR_INVALID_ARGUMENT = 1, /* what the caller handed over does not fit the model */
  TEGULA_ERROR_FILE = 2,             /* the artifact or its sidecar cannot be read */
  TEGULA_ERROR_INVALID_ARTIFACT = 3, /* not an artifact, damaged, or its sidecar does not match */
  TEGULA_ERROR_INCOMPATIBLE = 4,     /* made for another ABI version, CPU or device */
  TEGULA_ERROR_OUT_OF_MEMORY = 5,
  TEGULA_ERROR_RUN_FAILED = 6, /* the data made the model fail; the message names the ONNX node */
  TEGULA_ERROR_DEVICE = 7,     /* the device driver reported an error */
  TEGULA_ERROR_INTERRUPTED = 8 /* the caller's poll function ended the run */
} tegula_error;

typedef struct tegula_tensor {
  void *data;           /* inputs are never written */
  int32_t element_type; /* TensorProto.DataType */
  int32_t rank;
  const int64_t *shape; /* `rank` extents */
} tegula_tensor;

/* What the application lends to the models inside it, so that ten of them share one thread pool. Copied by NAME_create;
 * `state` must outlive the instance and its clones. Every function may be called on several threads at once. */
typedef struct tegula_host {
  uint32_t struct_size; /* sizeof(tegula_host) */
  /* Tasks that can make progress at once; 0 (only without `parallel`): one for each CPU this process may use. */
  int32_t thread_count;
  void *state; /* handed to each function */
  /* Calls task(argument, k) once for every k in [0, count), on any threads and in any order, also one after the other,
   * and returns when all have returned. NULL: the instance starts `thread_count` - 1 threads of its own. */
  void (*parallel)(void *state, int32_t count, void (*task)(void *argument, int32_t index), void *argument);
  /* Storage of `bytes` bytes at a multiple of `alignment`, a power of two; NULL when memory is exhausted. `release`
   * takes it back. Both are NULL for the C library's. */
  void *(*allocate)(void *state, size_t alignment, size_t bytes);
  void (*release)(void *state, void *storage);
  /* One message without a newline for every call that fails. NULL: nothing is logged. */
  void (*log)(void *state, tegula_error error, const char *message);
} tegula_host;

typedef struct tegula_instance tegula_instance;

#ifdef __cplusplus
}
#endif
#endif
