// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The element types of ONNX that a tensor in memory can have.
#ifndef TEGULA_RUNTIME_ELEMENTTYPE_H
#define TEGULA_RUNTIME_ELEMENTTYPE_H

#include <stdint.h>

namespace tegula {

struct ElementType {
  const char *name;  // NumPy's spelling (ml_dtypes' where NumPy has none); null for a type without dense storage
  int32_t bits;      // of one element in a packed tensor
  int32_t alignment; // bytes that a user's buffer must be aligned to
  bool isSigned;     // of integers smaller than a byte

  bool isPacked() const { return bits < 8; }
};

/// Null for a number that is no type of this runtime, strings among them.
const ElementType *elementType(int32_t number);

/// Bytes of a dense tensor, or -1 when the shape is negative somewhere or its size overflows 64 bits.
int64_t denseBytes(const ElementType &type, int32_t rank, const int64_t *shape);

/// Bytes of the same tensor inside a program, where no element is smaller than a byte; -1 as above.
int64_t programBytes(const ElementType &type, int32_t rank, const int64_t *shape);

/// Elements of 2 or 4 bits, low bits first, to one a byte: integers sign- or zero-extended, floats as their codes.
void unpackElements(const ElementType &type, const void *packed, int64_t count, void *unpacked);
/// The inverse; unused bits of the last byte are 0.
void packElements(const ElementType &type, const void *unpacked, int64_t count, void *packed);

} // namespace tegula
#endif
