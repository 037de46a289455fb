/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Stands in for libtegula where only the way through the C API is tested: writes the options it got beside the output,
 * copies the file named by TEGULA_FAKE_ARTIFACT to the output, and ends with the status and message that the model's
 * bytes say ("2:message"). */
#include "tegula-c/compiler.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tegula_message {
  char text[256];
};

static void text(FILE *to, const char *name, const char *value) {
  fprintf(to, "%s=%s\n", name, value ? value : "(null)");
}

tegula_compile_status tegula_compile(const tegula_compile_options *options, tegula_message **message) {
  char buffer[65536];
  FILE *to = fopen(getenv("TEGULA_FAKE_LOG"), "w");
  if (!to || options->struct_size != sizeof(*options))
    return TEGULA_COMPILE_INTERNAL;
  text(to, "model_path", options->model_path);
  fprintf(to, "model_size=%zu\n", options->model_size);
  text(to, "target", options->target);
  text(to, "emit", options->emit);
  text(to, "precision", options->precision);
  text(to, "database", options->database);
  text(to, "lock_file", options->lock_file);
  text(to, "external_data_root", options->external_data_root);
  fprintf(to, "threads=%d\n", options->threads);
  fprintf(to, "freeze_defaults=%d\n", options->freeze_defaults);
  for (size_t k = 0; k < options->dimension_count; ++k)
    text(to, "dimension", options->dimensions[k]);
  fclose(to);

  int status = 0;
  if (options->model_data && options->model_size > 2 && ((const char *)options->model_data)[1] == ':') {
    status = ((const char *)options->model_data)[0] - '0';
    *message = calloc(1, sizeof(**message));
    memcpy((*message)->text, (const char *)options->model_data + 2, options->model_size - 2);
  }
  if (status)
    return status;
  FILE *from = fopen(getenv("TEGULA_FAKE_ARTIFACT"), "rb");
  to = fopen(options->output_path, "wb");
  size_t bytes = from && to ? fread(buffer, 1, sizeof(buffer), from) : 0;
  if (!bytes || fwrite(buffer, 1, bytes, to) != bytes)
    return TEGULA_COMPILE_INTERNAL;
  fclose(from);
  fclose(to);
  return TEGULA_COMPILE_OK;
}

const char *tegula_message_text(const tegula_message *message) { return message ? message->text : ""; }
void tegula_message_release(tegula_message *message) { free(message); }
