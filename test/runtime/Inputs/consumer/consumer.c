/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A plain C program with an installed runtime: runs y = 2 x + 1. */
#include <stdio.h>
#include <tegula/model.h>

int main(int count, char **arguments) {
  tegula_model *model;
  tegula_context *context;
  float x[] = {1, 2, 3};
  int64_t shape[] = {1, 3};
  tegula_tensor input = {x, 1, 2, shape}, output = {0};
  if (count != 2 || tegula_model_load(arguments[1], NULL, &model) || tegula_context_create(model, NULL, &context) ||
      tegula_context_run(context, &input, 1, &output, 1))
    return fprintf(stderr, "%s\n", tegula_last_error()), 1;
  const float *y = output.data;
  printf("%g %g %g\n", y[0], y[1], y[2]);
  tegula_context_release(context);
  tegula_model_release(model);
  return 0;
}
