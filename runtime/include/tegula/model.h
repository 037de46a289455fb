/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Loading and running compiled models: the C API of libtegula_runtime.
 *
 * A model is immutable and may be shared by any number of threads. A context owns what one run needs (arena, outputs,
 * workspaces); one thread at a time may use a context, and many contexts of one model run at once. The same input,
 * artifact and thread count give identical bits.
 *
 * Functions that can fail return a tegula_error; the message is then in tegula_last_error() of the calling thread.
 * Shapes are element counts, sizes are bytes, tensors are dense and row-major in native byte order, aligned to their
 * element type. Structs with a `struct_size` field grow at their end: set it to sizeof, zero what you do not use. */
#ifndef TEGULA_MODEL_H
#define TEGULA_MODEL_H

#include "tegula/abi.h"
#include "tegula/instance.h" /* tegula_error, tegula_tensor */

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(TEGULA_CORE) /* the copy inside a compiled model is hidden */
#define TEGULA_API __attribute__((visibility("default")))
#else
#define TEGULA_API
#endif

typedef struct tegula_model tegula_model;
typedef struct tegula_context tegula_context;
typedef struct tegula_pool tegula_pool;

/* Message of the last call on this thread that failed; "" when none did. Valid until the next failure on the thread. */
TEGULA_API const char *tegula_last_error(void);

/* "0.1.0" */
TEGULA_API const char *tegula_version(void);

/* "index out of range" and so on. */
TEGULA_API const char *tegula_status_text(int32_t status);

/* "float32" (NumPy's spelling) for a TensorProto.DataType, NULL for one that no tensor of this runtime can have. */
TEGULA_API const char *tegula_element_type_name(int32_t element_type);

/* Bytes of a dense tensor of `element_count` elements (4-bit and 2-bit types are packed); -1 for an unknown type, a
 * negative count or a size beyond 64 bits. */
TEGULA_API int64_t tegula_tensor_bytes(int32_t element_type, int64_t element_count);

/* ---- Values ---------------------------------------------------------------------------------------------------- */

/* A tegula_tensor of element type 0 is a value: its `data` is a tegula_value, or NULL for an empty optional.
 *
 * A string of UTF-8, not terminated by 0. Elements of string tensors (TEGULA_ELEMENT_STRING) are such structs. */
typedef struct tegula_string {
  const char *data;
  int64_t size; /* bytes */
} tegula_string;

/* What is no plain tensor: a sequence, a map, or a tensor in one of them (or in an optional). Immutable and counted, so
 * that it may be shared by threads and outlive its context. In a tensor of a value every element takes a byte at least.
 */
typedef struct tegula_value tegula_value;

/* A copy of a dense tensor. */
TEGULA_API tegula_error tegula_value_from_tensor(const tegula_tensor *tensor, tegula_value **value);
/* A sequence of values of one kind, each retained. */
TEGULA_API tegula_error tegula_value_from_elements(tegula_value *const *elements, int64_t count, tegula_value **value);
/* A map: `keys` is a one-dimensional tensor of strings or integers, `values` one of as many elements. Both are
 * retained. */
TEGULA_API tegula_error tegula_value_from_map(tegula_value *keys, tegula_value *values, tegula_value **value);
/* Both accept NULL. */
TEGULA_API void tegula_value_retain(tegula_value *value);
TEGULA_API void tegula_value_release(tegula_value *value);
TEGULA_API int32_t tegula_value_kind_of(const tegula_value *value); /* tegula_value_kind; of NULL TEGULA_OPTIONAL */
/* The tensor that the value is, valid as long as the value; NULL for another kind. */
TEGULA_API const tegula_tensor *tegula_value_tensor(const tegula_value *value);
/* Elements of a sequence (0 for another kind), and one of them; of a map element 0 is its keys, element 1 its values.
 * Valid as long as the value; NULL for an index out of range. */
TEGULA_API int64_t tegula_value_count(const tegula_value *value);
TEGULA_API tegula_value *tegula_value_element(const tegula_value *value, int64_t index);

/* ---- Models ---------------------------------------------------------------------------------------------------- */

typedef struct tegula_model_options {
  uint32_t struct_size;
  uint32_t skip_sidecar_hash; /* 1: check only the sidecar's size; reading every weight at load costs too much */
  const char *directory;      /* folder of the sidecar; NULL: the artifact's own folder */
} tegula_model_options;

/* Loads a compiled model (a shared library made by `tegula compile`). `options` may be NULL. */
TEGULA_API tegula_error tegula_model_load(const char *path, const tegula_model_options *options, tegula_model **model);

/* The same for an artifact in memory (just-in-time compiled or linked in). The artifact must outlive the model. */
TEGULA_API tegula_error tegula_model_from_artifact(const tegula_artifact *artifact, const tegula_model_options *options,
                                                   tegula_model **model);

/* Contexts keep their model alive. Both accept NULL. */
TEGULA_API void tegula_model_retain(tegula_model *model);
TEGULA_API void tegula_model_release(tegula_model *model);

/* Descriptions; valid as long as the model. NULL for an index out of range. */
TEGULA_API const char *tegula_model_name(const tegula_model *model);
TEGULA_API const char *tegula_model_target(const tegula_model *model);
TEGULA_API const char *tegula_model_features(const tegula_model *model);
TEGULA_API const char *tegula_model_provenance(const tegula_model *model); /* JSON */
TEGULA_API int32_t tegula_model_input_count(const tegula_model *model);
TEGULA_API int32_t tegula_model_output_count(const tegula_model *model);
TEGULA_API int32_t tegula_model_kernel_count(const tegula_model *model);
TEGULA_API const tegula_tensor_info *tegula_model_input(const tegula_model *model, int32_t index);
TEGULA_API const tegula_tensor_info *tegula_model_output(const tegula_model *model, int32_t index);
/* The type of an input or output that is no tensor; NULL for a tensor. */
TEGULA_API const tegula_value_type *tegula_model_input_type(const tegula_model *model, int32_t index);
TEGULA_API const tegula_value_type *tegula_model_output_type(const tegula_model *model, int32_t index);
/* The tensor that input `index` is where a run gets none; NULL when it must be given. */
TEGULA_API const tegula_tensor *tegula_model_input_default(const tegula_model *model, int32_t index);
TEGULA_API const tegula_kernel *tegula_model_kernel(const tegula_model *model, int32_t index);
TEGULA_API const tegula_artifact *tegula_model_artifact(const tegula_model *model);

/* ---- Thread pools ---------------------------------------------------------------------------------------------- */

/* An application's own pool. `parallel` calls task(argument, k) once for every k in [0, count), on any threads and in
 * any order, also one after the other, and returns when all have returned. Several contexts may call it at once. */
typedef struct tegula_pool_functions {
  uint32_t struct_size;
  int32_t thread_count; /* how many tasks can make progress at once */
  void *state;
  void (*parallel)(void *state, int32_t count, void (*task)(void *argument, int32_t index), void *argument);
} tegula_pool_functions;

/* A pool of `threads` threads, the calling one included; 0: one for every CPU this process may use. */
TEGULA_API tegula_error tegula_pool_create(int32_t threads, tegula_pool **pool);
TEGULA_API tegula_error tegula_pool_from_functions(const tegula_pool_functions *functions, tegula_pool **pool);
TEGULA_API void tegula_pool_retain(tegula_pool *pool);
TEGULA_API void tegula_pool_release(tegula_pool *pool);
TEGULA_API int32_t tegula_pool_thread_count(const tegula_pool *pool);

/* ---- Contexts -------------------------------------------------------------------------------------------------- */

/* Called around every dispatch: `kernel` is its row in the kernel table; `buffers` and `dims` are as in
 * tegula_kernel_function, in the memory of the model's device. Either may be NULL. */
typedef struct tegula_hooks {
  void *user;
  void (*before)(void *user, int32_t kernel, void *const *buffers, const int64_t *dims);
  void (*after)(void *user, int32_t kernel, int32_t status, void *const *buffers, const int64_t *dims);
} tegula_hooks;

typedef struct tegula_context_options {
  uint32_t struct_size;
  int32_t threads;   /* workers of a kernel at most; 0: as many as the pool, or every CPU this process may use */
  tegula_pool *pool; /* shared pool, retained; NULL: the context makes its own when threads is not 1 */
} tegula_context_options;

TEGULA_API tegula_error tegula_context_create(tegula_model *model, const tegula_context_options *options,
                                              tegula_context **context);
TEGULA_API void tegula_context_release(tegula_context *context);

/* Runs the model. `inputs` are in the model's order. An input with a default may be left out: its tensor is all zeros
 * (`data` NULL, `element_type` 0), or `input_count` ends before it and only inputs with defaults follow. On entry an
 * output with non-null `data` is bound: the result is written there, and its element type and shape must be the
 * result's; it must not overlap an input or another output. Any other is filled in, with storage and shape that the
 * context owns until its next run; such an array of outputs may be handed over again as it is. Outputs that are values
 * cannot be bound; a caller who keeps one retains it. After a failure all outputs are undefined. */
TEGULA_API tegula_error tegula_context_run(tegula_context *context, const tegula_tensor *inputs, int32_t input_count,
                                           tegula_tensor *outputs, int32_t output_count);

/* Hands the storage of output `index` of the last run to the caller, who frees it with tegula_free, on any thread.
 * NULL when that output was bound, taken before, is a value, or is not in host memory. A string tensor is one block. */
TEGULA_API void *tegula_context_take_output(tegula_context *context, int32_t index);
TEGULA_API void tegula_free(void *storage);

/* Status and ONNX node row (-1: unknown) behind a TEGULA_ERROR_RUN_FAILED of the last run. */
TEGULA_API int32_t tegula_context_failure(const tegula_context *context, int32_t *node);

/* Copies `hooks`; NULL removes them. */
TEGULA_API void tegula_context_set_hooks(tegula_context *context, const tegula_hooks *hooks);

/* `poll`, when not NULL, is asked now and then (at most every 10 ms or so) while the model runs whether to go on, on
 * the thread that runs it, before kernels and in every loop of the model; any result but zero ends the run with
 * TEGULA_ERROR_INTERRUPTED. A kernel that runs already is not cut short. */
TEGULA_API void tegula_context_set_poll(tegula_context *context, int32_t (*poll)(void *user), void *user);

/* Time per kernel: off by default. Enabling starts from zero. */
TEGULA_API tegula_error tegula_context_set_profiling(tegula_context *context, int32_t enabled);
TEGULA_API tegula_error tegula_context_profile(const tegula_context *context, int32_t kernel, int64_t *dispatch_count,
                                               int64_t *total_nanoseconds);

/* Kernels dispatched, and host operations run, since the context was created. */
TEGULA_API int64_t tegula_context_dispatch_count(const tegula_context *context);
TEGULA_API int64_t tegula_context_host_dispatch_count(const tegula_context *context);

#ifdef __cplusplus
}
#endif
#endif
