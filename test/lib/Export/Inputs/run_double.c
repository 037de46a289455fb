/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Runs the model `twice` (y = x + x, x: [n, 1024]) through the functions that it exports, with everything an
 * application can lend it, and prints what happened. */
#include "twice.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tasks, blocks, allocations;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void parallel(void *state, int32_t count, void (*task)(void *, int32_t), void *argument) {
  (void)state;
  for (int32_t k = count - 1; k >= 0; --k, ++tasks)
    task(argument, k);
}

static void *allocate(void *state, size_t alignment, size_t bytes) {
  (void)state;
  void *storage = NULL;
  pthread_mutex_lock(&mutex);
  ++blocks;
  ++allocations;
  pthread_mutex_unlock(&mutex);
  return posix_memalign(&storage, alignment, bytes) ? NULL : storage;
}

static void release(void *state, void *storage) {
  (void)state;
  pthread_mutex_lock(&mutex);
  --blocks;
  pthread_mutex_unlock(&mutex);
  free(storage);
}

static void log_message(void *state, tegula_error error, const char *message) {
  printf("%s: error %d: %s\n", (const char *)state, (int)error, message);
}

enum { rows = 512, columns = 1024 };
static float x[rows * columns];

static int check(tegula_instance *instance) {
  int64_t shape[] = {rows, columns};
  tegula_tensor input = {x, 1, 2, shape}, output = {0};
  if (twice_run(instance, &input, twice_input_count, &output, twice_output_count) != TEGULA_ERROR_NONE)
    return 0;
  const float *y = output.data;
  for (int k = 0; k < rows * columns; ++k)
    if (y[k] != 2 * x[k])
      return 0;
  return output.rank == 2 && output.shape[0] == rows && output.shape[1] == columns;
}

static void *check_on_thread(void *instance) { return check(instance) ? instance : NULL; }

int main(void) {
  for (int k = 0; k < rows * columns; ++k)
    x[k] = (float)k;

  /* Nothing lent: threads and memory of its own. */
  tegula_instance *own = NULL;
  printf("own: %d\n", twice_create(NULL, &own) == TEGULA_ERROR_NONE && check(own) && check(own));
  twice_release(own);

  tegula_host host = {sizeof(host), 4, (void *)"log", parallel, allocate, release, log_message};
  tegula_instance *first = NULL, *second = NULL;
  printf("lent: %d\n", twice_create(&host, &first) == TEGULA_ERROR_NONE && check(first));
  printf("tasks: %d, allocations: %d\n", tasks > 1, allocations > 0);

  /* A clone runs beside the first. */
  pthread_t thread;
  void *result = NULL;
  printf("clone: %d\n", twice_clone(first, &second) == TEGULA_ERROR_NONE);
  twice_release(NULL);
  host.parallel = NULL; /* the instances have a copy */
  pthread_create(&thread, NULL, check_on_thread, second);
  int good = check(first);
  pthread_join(thread, &result);
  printf("both: %d\n", good && result == second);

  int64_t wrong_shape[] = {rows, 7};
  tegula_tensor wrong = {x, 1, 2, wrong_shape}, output = {0};
  tegula_error error = twice_run(first, &wrong, 1, &output, 1);
  printf("last error: %d %s\n", (int)error, twice_last_error());
  twice_release(first);
  printf("left: %d\n", check(second));
  twice_release(second);
  printf("blocks left: %d\n", blocks);

  host.release = NULL;
  error = twice_create(&host, &first);
  printf("half an allocator: %d %s\n", first == NULL && error == TEGULA_ERROR_INVALID_ARGUMENT, twice_last_error());
  return 0;
}
