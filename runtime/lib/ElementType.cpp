// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ElementType.h"
#include "tegula/model.h"

namespace tegula {

// Rows are the numbers of TensorProto.DataType.
static constexpr ElementType elementTypes[] = {
    {nullptr, 0, 0},           // UNDEFINED
    {"float32", 32, 4},        // FLOAT
    {"uint8", 8, 1},           // UINT8
    {"int8", 8, 1},            // INT8
    {"uint16", 16, 2},         // UINT16
    {"int16", 16, 2},          // INT16
    {"int32", 32, 4},          // INT32
    {"int64", 64, 8},          // INT64
    {nullptr, 0, 0},           // STRING
    {"bool", 8, 1},            // BOOL
    {"float16", 16, 2},        // FLOAT16
    {"float64", 64, 8},        // DOUBLE
    {"uint32", 32, 4},         // UINT32
    {"uint64", 64, 8},         // UINT64
    {"complex64", 64, 4},      // COMPLEX64
    {"complex128", 128, 8},    // COMPLEX128
    {"bfloat16", 16, 2},       // BFLOAT16
    {"float8_e4m3fn", 8, 1},   // FLOAT8E4M3FN
    {"float8_e4m3fnuz", 8, 1}, // FLOAT8E4M3FNUZ
    {"float8_e5m2", 8, 1},     // FLOAT8E5M2
    {"float8_e5m2fnuz", 8, 1}, // FLOAT8E5M2FNUZ
    {"uint4", 4, 1},           // UINT4
    {"int4", 4, 1, true},      // INT4
    {"float4_e2m1fn", 4, 1},   // FLOAT4E2M1
    {"float8_e8m0fnu", 8, 1},  // FLOAT8E8M0
    {"uint2", 2, 1},           // UINT2
    {"int2", 2, 1, true},      // INT2
};
static constexpr int32_t elementTypeCount = sizeof(elementTypes) / sizeof(elementTypes[0]);

const ElementType *elementType(int32_t number) {
  if (number < 0 || number >= elementTypeCount || !elementTypes[number].name)
    return nullptr;
  return &elementTypes[number];
}

static int64_t bytesOfElements(const ElementType &type, int64_t count) {
  int64_t bits;
  if (count < 0 || __builtin_mul_overflow(count, static_cast<int64_t>(type.bits), &bits) || bits > INT64_MAX - 7)
    return -1;
  return (bits + 7) / 8;
}

int64_t denseBytes(const ElementType &type, int32_t rank, const int64_t *shape) {
  int64_t count = 1;
  bool empty = false, overflow = false;
  for (int32_t k = 0; k < rank; ++k) {
    if (shape[k] < 0)
      return -1;
    empty |= shape[k] == 0;
    overflow |= __builtin_mul_overflow(count, shape[k], &count);
  }
  if (empty)
    return 0;
  return overflow ? -1 : bytesOfElements(type, count);
}

int64_t programBytes(const ElementType &type, int32_t rank, const int64_t *shape) {
  ElementType stored = type;
  if (type.isPacked())
    stored.bits = 8;
  return denseBytes(stored, rank, shape);
}

void unpackElements(const ElementType &type, const void *packed, int64_t count, void *unpacked) {
  auto *source = static_cast<const uint8_t *>(packed);
  auto *target = static_cast<uint8_t *>(unpacked);
  int64_t perByte = 8 / type.bits;
  unsigned mask = (1u << type.bits) - 1, sign = type.isSigned ? 1u << (type.bits - 1) : 0;
  for (int64_t k = 0; k < count; ++k) {
    unsigned element = (source[k / perByte] >> (k % perByte * type.bits)) & mask;
    target[k] = static_cast<uint8_t>((element ^ sign) - sign);
  }
}

void packElements(const ElementType &type, const void *unpacked, int64_t count, void *packed) {
  auto *source = static_cast<const uint8_t *>(unpacked);
  auto *target = static_cast<uint8_t *>(packed);
  int64_t perByte = 8 / type.bits;
  unsigned mask = (1u << type.bits) - 1;
  for (int64_t k = 0; k < count; k += perByte) {
    unsigned byte = 0;
    for (int64_t j = 0; j < perByte && k + j < count; ++j)
      byte |= (source[k + j] & mask) << (j * type.bits);
    target[k / perByte] = static_cast<uint8_t>(byte);
  }
}

} // namespace tegula

extern "C" {

const char *tegula_element_type_name(int32_t number) {
  const tegula::ElementType *type = tegula::elementType(number);
  return type ? type->name : nullptr;
}

int64_t tegula_tensor_bytes(int32_t number, int64_t elementCount) {
  const tegula::ElementType *type = tegula::elementType(number);
  return type ? tegula::bytesOfElements(*type, elementCount) : -1;
}

} // extern "C"
