/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A CUDA driver made of host memory, so that the runtime's side of it is tested where there is no GPU. Device addresses
 * are not canonical: code that takes one for host memory crashes. Launches, fills and copies to the host are carried
 * out only when the stream is synchronized, as late as a real driver may. "PTX" is the text "fake"; its entries are the
 * functions at the end. FAKE_CUDA_DEVICES is the number of GPUs, FAKE_CUDA_MEMORY the bytes that can be allocated. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;
typedef unsigned long long CUdeviceptr;
enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_PTX = 218, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700 };

static const CUdeviceptr device_bit = 1ull << 62;
static void *host(CUdeviceptr pointer) {
  if (!(pointer & device_bit))
    abort(); /* a host pointer where the driver wants one of the device */
  return (void *)(uintptr_t)(pointer & ~device_bit);
}

/* What is alive, for the tests to look at. */
int64_t fake_cuda_allocations, fake_cuda_modules, fake_cuda_contexts, fake_cuda_streams, fake_cuda_shared_limit;
static int64_t allocated;
static __thread int64_t depth; /* of the stack of current contexts */
int64_t fake_cuda_depth(void) { return depth; }

static int64_t number(const char *name, int64_t otherwise) { return getenv(name) ? atoll(getenv(name)) : otherwise; }

CUresult cuInit(unsigned flags) { return flags ? INVALID_VALUE : SUCCESS; }
CUresult cuDeviceGetCount(int *count) { return *count = (int)number("FAKE_CUDA_DEVICES", 1), SUCCESS; }
CUresult cuDeviceGet(int *device, int ordinal) { return *device = ordinal, SUCCESS; }
CUresult cuDeviceGetName(char *name, int length, int device) {
  (void)device;
  return strncpy(name, "fake", (size_t)length), SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(void **context, int device) {
  static char only;
  (void)device;
  ++fake_cuda_contexts;
  return *context = &only, SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(int device) { return (void)device, --fake_cuda_contexts, SUCCESS; }
CUresult cuCtxPushCurrent_v2(void *context) { return (void)context, ++depth, SUCCESS; }
CUresult cuCtxPopCurrent_v2(void **context) { return *context = 0, --depth, SUCCESS; }

CUresult cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options, void **values) {
  if (strcmp(image, "fake") == 0)
    return ++fake_cuda_modules, *module = malloc(1), SUCCESS;
  for (unsigned k = 0; k < count; ++k)
    if (options[k] == 5)
      strcpy(values[k], "line 1: unknown instruction");
  return INVALID_PTX;
}
CUresult cuModuleUnload(void *module) { return free(module), --fake_cuda_modules, SUCCESS; }

CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
  if (depth < 1)
    return INVALID_VALUE;
  int64_t *block = allocated + (int64_t)bytes > number("FAKE_CUDA_MEMORY", 1 << 30) ? 0 : malloc(bytes + 64);
  if (!block)
    return OUT_OF_MEMORY;
  block[0] = (int64_t)bytes;
  allocated += (int64_t)bytes;
  ++fake_cuda_allocations;
  return *pointer = (CUdeviceptr)(uintptr_t)(block + 8) | device_bit, SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr pointer) {
  int64_t *block = (int64_t *)host(pointer) - 8;
  allocated -= block[0];
  --fake_cuda_allocations;
  return free(block), SUCCESS;
}

typedef int32_t (*kernel)(unsigned blocks, const uint64_t *parameters);
typedef struct operation {
  struct operation *next;
  kernel function; /* a launch, */
  unsigned blocks;
  uint64_t parameters[8];
  void *to; /* or a copy or fill */
  const void *from;
  size_t bytes;
  int value;
} operation;
typedef struct stream {
  operation *first, **end;
} stream;

static CUresult enqueue(stream *to, operation operation_) {
  operation *copy = malloc(sizeof(*copy));
  *copy = operation_;
  copy->next = 0;
  *to->end = copy;
  to->end = &copy->next;
  return SUCCESS;
}
CUresult cuStreamCreate(void **result, unsigned flags) {
  stream *fresh = calloc(1, sizeof(*fresh));
  fresh->end = &fresh->first;
  ++fake_cuda_streams;
  return (void)flags, *result = fresh, SUCCESS;
}
CUresult cuStreamSynchronize(void *opaque) {
  stream *in = opaque;
  CUresult result = SUCCESS;
  if (!in) /* the default stream has nothing deferred here */
    return SUCCESS;
  for (operation *next; in->first; in->first = next) {
    operation *now = in->first;
    next = now->next;
    if (now->function)
      result = now->function(now->blocks, now->parameters) ? ILLEGAL_ADDRESS : result;
    else if (now->from)
      memcpy(now->to, now->from, now->bytes);
    else
      memset(now->to, now->value, now->bytes);
    free(now);
  }
  in->end = &in->first;
  return result;
}
CUresult cuStreamDestroy_v2(void *opaque) {
  cuStreamSynchronize(opaque);
  --fake_cuda_streams;
  return free(opaque), SUCCESS;
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, void *in) {
  (void)in; /* pageable memory is staged before the call returns */
  return memcpy(host(to), from, bytes), SUCCESS;
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, void *in) {
  return enqueue(in, (operation){.to = to, .from = host(from), .bytes = bytes});
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, void *in) {
  return enqueue(in, (operation){.to = host(to), .value = value, .bytes = bytes});
}
CUresult cuGetErrorString(CUresult result, const char **text) {
  *text = result == OUT_OF_MEMORY     ? "out of memory"
          : result == INVALID_PTX     ? "a PTX JIT compilation failed"
          : result == NOT_FOUND       ? "named symbol not found"
          : result == ILLEGAL_ADDRESS ? "an illegal memory access was encountered"
                                      : "invalid argument";
  return SUCCESS;
}

/* scale: x, y, n, workspace, status: y = 2 x + 1, but a negative x is "index out of range". */
static int32_t scale(unsigned blocks, const uint64_t *p) {
  const float *x = host(p[0]);
  float *y = host(p[1]);
  (void)blocks;
  for (uint64_t k = 0; k < p[2]; ++k) {
    y[k] = 2 * x[k] + 1;
    if (x[k] < 0)
      *(int32_t *)host(p[4]) = 1;
  }
  return 0;
}
/* add: y, constants, n, workspace, status: y += constants[0], via the workspace. */
static int32_t add(unsigned blocks, const uint64_t *p) {
  float *y = host(p[0]), *workspace = host(p[3]);
  const float *constants = host(p[1]);
  (void)blocks;
  for (uint64_t k = 0; k < p[2]; ++k) {
    workspace[k % 16] = y[k];
    y[k] = workspace[k % 16] + constants[0];
  }
  return 0;
}
static int32_t crash(unsigned blocks, const uint64_t *p) { return (void)p, blocks != 0; }

static const struct {
  const char *name;
  kernel function;
} entries[] = {{"scale", scale}, {"add", add}, {"crash", crash}};

CUresult cuModuleGetFunction(void **function, void *module, const char *name) {
  (void)module;
  for (size_t k = 0; k < sizeof(entries) / sizeof(entries[0]); ++k)
    if (strcmp(entries[k].name, name) == 0)
      return *function = (void *)(uintptr_t)entries[k].function, SUCCESS;
  return NOT_FOUND;
}
CUresult cuFuncSetAttribute(void *function, int attribute, int value) {
  (void)function;
  if (attribute != 8)
    return INVALID_VALUE;
  return fake_cuda_shared_limit = value, SUCCESS;
}
CUresult cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                        unsigned block_y, unsigned block_z, unsigned shared, void *in, void **parameters,
                        void **extra) {
  if (extra || !grid_x || !grid_y || !grid_z || block_x * block_y * block_z > 1024 ||
      (shared > 49152 && shared > fake_cuda_shared_limit))
    return INVALID_VALUE;
  operation launch = {.function = (kernel)(uintptr_t)function, .blocks = grid_x * grid_y * grid_z};
  for (int k = 0; k < 5; ++k)
    launch.parameters[k] = *(uint64_t *)parameters[k];
  return enqueue(in, launch);
}
