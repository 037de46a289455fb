/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The contract between a compiled artifact and the runtime: the only header that compiler and runtime share.
 * Plain C, versioned like a schema: a field is never reordered or reused; new fields go to the end of a struct and
 * raise TEGULA_ABI_VERSION. All sizes are bytes, all shapes are element counts, all tensors dense and row-major. */
#ifndef TEGULA_ABI_H
#define TEGULA_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TEGULA_ABI_VERSION 6u
#define TEGULA_ALIGNMENT 64 /* of arena, constants and every allocation, in bytes */

/* What a kernel or a program returns. Zero is success; everything else names what the data did wrong. */
typedef enum tegula_status {
  TEGULA_OK = 0,
  TEGULA_INDEX_OUT_OF_RANGE = 1,
  TEGULA_INTEGER_DIVISION_BY_ZERO = 2,
  TEGULA_INTEGER_OVERFLOW = 3,
  TEGULA_SHIFT_OUT_OF_RANGE = 4,
  TEGULA_SHAPE_MISMATCH = 5,
  TEGULA_OUT_OF_MEMORY = 6,
  TEGULA_LOOP_LIMIT = 7,
  TEGULA_INVALID_VALUE = 8,
  TEGULA_HOST_OPERATION_FAILED = 9,
  TEGULA_DEVICE_ERROR = 10,
  TEGULA_INTERRUPTED = 11
} tegula_status;

/* Element types carry the numbers of ONNX's TensorProto.DataType. bool is one byte, 0 or 1; 4-bit types are packed two
 * a byte, low half first; 2-bit types four a byte. Inside a program they take a byte each (integers sign- or
 * zero-extended, floats as their codes): the runtime unpacks inputs and packs outputs. Inside a program a string is an
 * int64 number that the runtime gives: equal strings of a run have equal numbers, and the empty string is 0. */
#define TEGULA_ELEMENT_STRING 8

/* What a value is that is no plain tensor. A program passes handles of such values around, which the runtime keeps;
 * NULL is an empty optional. */
typedef enum tegula_value_kind {
  TEGULA_TENSOR = 0,
  TEGULA_SEQUENCE = 1,
  TEGULA_OPTIONAL = 2,
  TEGULA_MAP = 3
} tegula_value_kind;

typedef struct tegula_value_type {
  int32_t kind;                            /* tegula_value_kind */
  int32_t element_type;                    /* of a tensor; of a map: of its keys; else 0 */
  const struct tegula_value_type *element; /* of a sequence or an optional: what it holds; of a map: its values */
} tegula_value_type;

/* One phase of a kernel: worker `grid_id` of `grid_size` does its share of the iteration space. `buffers` are the
 * operands, then the results; `dims` are the dynamic extents of all operands, then results, in order.
 * Returns a tegula_status. Never calls out except to memcpy, memset, memmove and libm. */
typedef int32_t (*tegula_kernel_function)(int64_t grid_id, int64_t grid_size, void *const *buffers, const int64_t *dims,
                                          void *workspace);

typedef struct tegula_kernel {
  const char *name;       /* symbol, <family>_<node>_<id> */
  const char *family;     /* "map", "matmul", ... */
  const char *schedule;   /* text of the #sched attribute */
  const char *provenance; /* "ir", "lock", "database (RUNG)", "default" */
  const char *key;        /* hexadecimal hash of the signature */
  const char *nodes;      /* places of the ONNX nodes in it, each like the node table's, separated by newlines */
  uint32_t phase_count;   /* a barrier stands between phases */
  uint32_t parallel;      /* 0: always run on one worker */
  const tegula_kernel_function *phases;
  const char *ptx;              /* PTX text of a GPU kernel, else NULL; kernels may share one text */
  int64_t workspace_per_worker; /* bytes handed to each worker (its own slice), 64-byte aligned; of a GPU kernel: to
                                 * the whole launch */
  /* Where extents decide how many bytes each worker needs: computes them, at least workspace_per_worker; negative when
   * no memory has so many. Else NULL. */
  int64_t (*workspace)(const int64_t *dims);
} tegula_kernel;

/* How many bytes each worker needs for these extents; negative when no memory has so many. */
static inline int64_t tegula_kernel_workspace(const tegula_kernel *kernel, const int64_t *dims) {
  return kernel->workspace ? kernel->workspace(dims) : kernel->workspace_per_worker;
}

/* How a GPU launches one phase. The entry's parameters are 64 bits each: the addresses of all buffers, all dims, the
 * address of the workspace, and the address of an int32 where a thread that finds bad data writes a tegula_status. */
typedef struct tegula_device_phase {
  const char *entry;    /* name in the PTX text */
  int32_t block[3];     /* threads of a block in x, y, z */
  int32_t shared_bytes; /* dynamic shared memory of a block */
  /* Host code: the number of blocks in x, y, z for these extents; nothing is launched when one is 0. */
  void (*grid)(const int64_t *dims, int64_t *blocks);
} tegula_device_phase;

typedef struct tegula_device_kernel {
  int32_t buffer_count;
  int32_t dim_count;
  const tegula_device_phase *phases; /* phase_count of the kernel's row */
} tegula_device_kernel;

/* What a program may ask of the runtime. `context` is opaque to the program. */
typedef struct tegula_services {
  uint32_t abi_version;
  uint32_t struct_size;
  /* Runs all phases of kernel `kernel` (its row in the artifact's table) with a barrier after each. `work` estimates
   * tens of picoseconds on one worker, so that small kernels stay there. Returns the first non-zero status. */
  int32_t (*dispatch)(void *context, int32_t kernel, int64_t work, void *const *buffers, const int64_t *dims);
  /* Storage for values whose size is known only at run time; 64-byte aligned, never NULL for 0 bytes; NULL when
   * memory is exhausted. Freed by release or with the run. */
  void *(*allocate)(void *context, int64_t bytes);
  void (*release)(void *context, void *pointer);
  /* Storage of output `index`, dense, of this shape; NULL when memory is exhausted. */
  void *(*output)(void *context, int32_t index, int32_t rank, const int64_t *shape);
  /* Records that ONNX node `node` (row of the artifact's node table, -1 if unknown) failed; returns `status`. */
  int32_t (*fail)(void *context, int32_t status, int32_t node);
  /* Runs host operation `name` (a row of runtime/lib/HostOperations.cpp) on handles. The program owns a reference to
   * each result. Returns a tegula_status. */
  int32_t (*host)(void *context, const char *name, void *const *operands, int32_t operand_count, void **results,
                  int32_t result_count);
  /* The handle of a copy of a dense tensor in the program's representation; NULL when memory is exhausted. The program
   * owns a reference. */
  void *(*box)(void *context, int32_t element_type, int32_t rank, const int64_t *shape, const void *data);
  /* Checks that `value` is a tensor of this element type and shape; replaces each -1 of `shape` by the extent. */
  int32_t (*extents)(void *context, const void *value, int32_t element_type, int32_t rank, int64_t *shape);
  /* Copies the tensor that `value` is to `data`, in the program's representation, after a check that it has this shape
   * and that its elements take `element_bytes` there. Returns a tegula_status. */
  int32_t (*read)(void *context, const void *value, int32_t element_bytes, int32_t rank, const int64_t *shape,
                  void *data);
  /* One more (returns a tegula_status) or one less reference of the program; both accept NULL. A failed run may leave
   * references behind. */
  int32_t (*retain)(void *context, void *value);
  void (*drop)(void *context, void *value);
  /* Makes `value` output `index`. */
  void (*output_value)(void *context, int32_t index, void *value);
  /* Called in every round of the program's loops: TEGULA_INTERRUPTED when the run is to end, else TEGULA_OK. A program
   * without loops need not call it, since dispatch returns the same. */
  int32_t (*poll)(void *context);
} tegula_services;

/* The compiled host function. `arena` has arena_bytes; `inputs[k]` is input k (of a value its handle); `dims` holds the
 * extents of all inputs one after the other (every dimension, static ones too), which the runtime has checked against
 * the descriptor. For a GPU target it still runs on the CPU, while arena, constants, inputs, outputs and allocations
 * are device memory that it may only pass on: dispatches run one after the other on the device, and a kernel's status
 * is seen only at the end of the run. */
typedef int32_t (*tegula_program_function)(void *context, const tegula_services *services, void *arena,
                                           const void *constants, void *const *inputs, const int64_t *dims);

typedef struct tegula_tensor_info {
  const char *name;
  int32_t element_type;       /* TensorProto.DataType; 0: a value of another kind, with rank 0 */
  int32_t rank;               /* -1 when unknown until run time */
  const int64_t *shape;       /* -1: dynamic */
  const char *const *symbols; /* name of the symbolic dimension, or NULL; two equal names must have equal extents */
} tegula_tensor_info;

struct tegula_string; /* tegula/model.h */

/* What an input is where a run gets none: a dense tensor of the input's element type, as a caller would give it. */
typedef struct tegula_default {
  int32_t rank;
  const int64_t *shape;
  int64_t offset;                      /* of the elements in the artifact's constants, 64-byte aligned; of strings 0 */
  const struct tegula_string *strings; /* elements of a string tensor, else NULL */
} tegula_default;

typedef struct tegula_artifact {
  uint32_t abi_version;
  uint32_t struct_size;
  const char *model;      /* graph name */
  const char *target;     /* "x86-64-v4", "znver4", "nvptx:sm_90", ... */
  const char *features;   /* CPU features that the code uses, comma separated, as in /proc/cpuinfo's spelling by LLVM */
  const char *provenance; /* JSON: compiler version, options, hashes */
  int64_t arena_bytes;
  const void *constants; /* 64-byte aligned; NULL when they are in the sidecar */
  int64_t constants_bytes;
  const char *sidecar;   /* file name beside the artifact, NULL when constants are inside */
  uint64_t sidecar_hash; /* XXH3-64 of the sidecar's bytes (LLVM's xxh3_64bits) */
  int32_t input_count;
  int32_t output_count;
  int32_t kernel_count;
  int32_t node_count;
  const tegula_tensor_info *inputs;
  const tegula_tensor_info *outputs;
  const tegula_kernel *kernels;
  const char *const *nodes; /* places of ONNX nodes for errors: "model.onnx: node 'x' (Gather, opset 13)" */
  tegula_program_function program;
  const tegula_device_kernel *device_kernels;   /* of a GPU target: one row for each kernel; else NULL. A descriptor may
                                                 * end before this field (see struct_size). */
  const tegula_value_type *const *input_types;  /* for each input NULL (a tensor) or the type of the value */
  const tegula_value_type *const *output_types; /* the same for outputs */
  const tegula_default *const *input_defaults;  /* for each input NULL (it must be given) or its default; NULL: none has
                                                 * one */
  /* Of an artifact for several levels of a processor: all of them, this one too, the best first; else NULL. Each is an
   * artifact of its own with the same inputs, outputs and constants. The runtime runs the first whose features the
   * machine has. */
  const struct tegula_artifact *const *levels;
  int32_t level_count;
} tegula_artifact;

/* The artifact's only exported function, named <model>_query: NULL when it can't serve this ABI version. Of several
 * levels it answers the best; it runs on every processor of the kind. */
typedef const tegula_artifact *(*tegula_query_function)(uint32_t abi_version);

#ifdef __cplusplus
}
#endif
#endif
