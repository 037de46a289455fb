/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The C API of the compiler: libtegula. Loading and running what it makes is the runtime's (tegula/model.h).
 *
 * Structs start with their own size and grow at their end: set `struct_size` to sizeof, zero what you do not use.
 * Functions may be called from several threads; compilations that link a shared library run one after the other. */
#ifndef TEGULA_C_COMPILER_H
#define TEGULA_C_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TEGULA_COMPILER_API __attribute__((visibility("default")))
#else
#define TEGULA_COMPILER_API
#endif

/* The numbers are the exit codes of the `tegula` command. */
typedef enum tegula_compile_status {
  TEGULA_COMPILE_OK = 0,
  TEGULA_COMPILE_INVALID_MODEL = 1, /* the model, its data or a file is at fault; the message says where */
  TEGULA_COMPILE_USAGE = 2,         /* the options are at fault */
  TEGULA_COMPILE_INTERNAL = 3       /* the compiler is at fault; the message has the line that replays it */
} tegula_compile_status;

/* Text that the compiler made; freed by tegula_message_release. */
typedef struct tegula_message tegula_message;

typedef struct tegula_compile_options {
  uint32_t struct_size;
  int32_t threads;               /* schedules are chosen for this many threads; 0: one */
  const char *model_path;        /* an ONNX file, or NULL when the model is in memory: */
  const void *model_data;        /* a serialized ModelProto; must live until tegula_compile returns */
  size_t model_size;             /* bytes */
  const char *output_path;       /* file to write; written under another name first, then renamed */
  const char *target;            /* "x86-64-v3", "nvptx:sm_90", "x86-64-v2,x86-64-v4", ...; NULL: "host" */
  const char *emit;              /* "lib", "obj", "header", "asm", "llvm-ir", "ptx" or a stage; NULL: "lib" */
  const char *precision;         /* "f32", "f32-strict" (no Winograd) or "bf16"; NULL: "f32" */
  const char *database;          /* tuning database to take schedules from, or NULL */
  const char *const *dimensions; /* "name=extent": symbolic dimensions made static */
  size_t dimension_count;
  const char *external_data_root; /* folder below which links of external data may lead, or NULL */
  const char *lock_file;          /* lock file to take schedules from, before the database, or NULL */
  int32_t freeze_defaults; /* 1: initializers that are inputs too are constants, though a run could override them */
} tegula_compile_options;

/* Compiles a model. `*message`, if `message` is not NULL, becomes the errors, one a line and each with its place in
 * the model, or the remarks of a compilation that succeeded; NULL when there is nothing to say. */
TEGULA_COMPILER_API tegula_compile_status tegula_compile(const tegula_compile_options *options,
                                                         tegula_message **message);

/* Both accept NULL; the text of NULL is "". */
TEGULA_COMPILER_API const char *tegula_message_text(const tegula_message *message);
TEGULA_COMPILER_API void tegula_message_release(tegula_message *message);

/* "0.1.0" */
TEGULA_COMPILER_API const char *tegula_compiler_version(void);

#ifdef __cplusplus
}
#endif
#endif
