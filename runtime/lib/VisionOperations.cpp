// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operations on boxes and pictures.
#include "Companion.h"
#include "HostOperations.h"
#include "Image.h"
#include <math.h>
#include <pthread.h>

namespace tegula {
namespace {

// The runtime does without the library of mathematics.
float smaller(float a, float b) { return a < b ? a : b; }
float larger(float a, float b) { return a > b ? a : b; }

struct Box {
  float low[2], high[2];
};

Box readBox(const float *given, bool isCenter) {
  Box box;
  for (int d = 0; d < 2; ++d) {
    float a = given[d], b = given[d + 2];
    box.low[d] = isCenter ? a - b / 2 : smaller(a, b);
    box.high[d] = isCenter ? a + b / 2 : larger(a, b);
  }
  return box;
}

float area(const Box &box) { return (box.high[0] - box.low[0]) * (box.high[1] - box.low[1]); }

bool overlaps(const Box &a, const Box &b, float threshold) {
  float extent[2];
  for (int d = 0; d < 2; ++d) {
    extent[d] = smaller(a.high[d], b.high[d]) - larger(a.low[d], b.low[d]);
    if (!(extent[d] > 0))
      return false;
  }
  float common = extent[0] * extent[1], all = area(a) + area(b) - common;
  return all > 0 && common / all > threshold;
}

/// Higher scores first, of equal ones the lower index.
int compareScores(const void *first, const void *second, void *scores) {
  int64_t a = *static_cast<const int64_t *>(first), b = *static_cast<const int64_t *>(second);
  float x = static_cast<const float *>(scores)[a], y = static_cast<const float *>(scores)[b];
  return x != y ? (x > y ? -1 : 1) : a < b ? -1 : 1;
}

float numberOr(HostCall &call, int32_t k, float fallback) {
  return call.operands[k] && countElements(call.tensor(k)) > 0 ? *static_cast<const float *>(call.tensor(k).data)
                                                               : fallback;
}

/// boxes, scores, then or nothing: largest number of boxes of a class, threshold of overlap, threshold of the score;
/// and whether boxes are given by their center.
int32_t suppress(HostCall &call) {
  const tegula_tensor &boxes = call.tensor(0), &scores = call.tensor(1);
  int64_t batches = scores.shape[0], classes = scores.shape[1], count = scores.shape[2];
  if (boxes.shape[0] != batches || boxes.shape[1] != count || boxes.shape[2] != 4)
    return call.fail(TEGULA_SHAPE_MISMATCH, "boxes [%lld, %lld, %lld] for scores [%lld, %lld, %lld]",
                     static_cast<long long>(boxes.shape[0]), static_cast<long long>(boxes.shape[1]),
                     static_cast<long long>(boxes.shape[2]), static_cast<long long>(batches),
                     static_cast<long long>(classes), static_cast<long long>(count));
  int64_t most = call.operands[2] && countElements(call.tensor(2)) > 0 ? call.integer(2) : 0;
  float overlap = numberOr(call, 3, 0), least = numberOr(call, 4, -HUGE_VALF);
  bool isCenter = call.integer(5) != 0;
  most = most < 0 ? 0 : most > count ? count : most;
  Array<int64_t> order;
  Array<Box> taken;
  int64_t rows = 0, rowsAtMost;
  if (__builtin_mul_overflow(batches * classes, most, &rowsAtMost) || !order.resize(static_cast<size_t>(count)) ||
      !taken.resize(static_cast<size_t>(most)))
    return TEGULA_OUT_OF_MEMORY;
  Array<int64_t> selected;
  if (rowsAtMost > INT64_MAX / 24 || !selected.resize(static_cast<size_t>(3 * rowsAtMost)))
    return TEGULA_OUT_OF_MEMORY;
  for (int64_t batch = 0; batch < batches; ++batch)
    for (int64_t kind = 0; kind < classes; ++kind) {
      const float *score = static_cast<const float *>(scores.data) + (batch * classes + kind) * count;
      int64_t candidates = 0, found = 0;
      for (int64_t k = 0; k < count; ++k)
        if (score[k] > least)
          order[static_cast<size_t>(candidates++)] = k;
      qsort_r(order.data(), static_cast<size_t>(candidates), sizeof(int64_t), compareScores,
              const_cast<float *>(score));
      for (int64_t c = 0; c < candidates && found < most; ++c) {
        int64_t k = order[static_cast<size_t>(c)];
        Box box = readBox(static_cast<const float *>(boxes.data) + (batch * count + k) * 4, isCenter);
        bool isFree = true;
        for (int64_t t = 0; t < found && isFree; ++t)
          isFree = !overlaps(taken[static_cast<size_t>(t)], box, overlap);
        if (!isFree)
          continue;
        taken[static_cast<size_t>(found++)] = box;
        int64_t *row = selected.data() + 3 * rows++;
        row[0] = batch;
        row[1] = kind;
        row[2] = k;
      }
    }
  int64_t shape[] = {rows, 3};
  tegula_value *result = makeTensor(/*INT64*/ 7, 2, shape);
  if (result && rows)
    memcpy(result->tensor.data, selected.data(), static_cast<size_t>(rows) * 3 * sizeof(int64_t));
  return call.give(0, result);
}

pthread_once_t once = PTHREAD_ONCE_INIT;
DecodeImage decodeImage = nullptr;

void openLibrary() { decodeImage = reinterpret_cast<DecodeImage>(findInCompanion(imageLibrary, imageSymbol)); }

enum : int64_t { Rgb = 0, Bgr = 1, Grayscale = 2 };

/// Bytes of a file, pixel format.
int32_t decode(HostCall &call) {
  pthread_once(&once, openLibrary);
  if (!decodeImage)
    return call.fail(TEGULA_HOST_OPERATION_FAILED, "pictures need %s, but it is not there", imageLibrary);
  const tegula_tensor &x = call.tensor(0);
  uint8_t *pixels = nullptr;
  char message[160] = "";
  int64_t format = call.integer(1), shape[] = {0, 0, format == Grayscale ? 1 : 3};
  if (decodeImage(static_cast<const uint8_t *>(x.data), x.shape[0], &pixels, &shape[0], &shape[1], message,
                  sizeof message))
    return call.fail(TEGULA_INVALID_VALUE, "expected a picture, but got %s", message);
  tegula_value *result = makeTensor(x.element_type, 3, shape);
  auto *target = result ? static_cast<uint8_t *>(result->tensor.data) : nullptr;
  for (int64_t k = 0, count = target ? shape[0] * shape[1] : 0; k < count; ++k) {
    const uint8_t *pixel = pixels + 3 * k;
    if (format == Grayscale) // the luma of ITU-R 601 in 16 bits, rounded
      target[k] = static_cast<uint8_t>((19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + 0x8000) >> 16);
    for (int c = 0; format != Grayscale && c < 3; ++c)
      target[3 * k + c] = pixel[format == Bgr ? 2 - c : c];
  }
  free(pixels);
  return call.give(0, result);
}

} // namespace

const HostOperationRow visionOperations[] = {
    {"non_max_suppression", 6, 1, suppress}, {"decode_image", 2, 1, decode}, {nullptr, 0, 0, nullptr}};

} // namespace tegula
