// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Does a computed tensor match the expected one, and how far is it off.
#ifndef TEGULA_TESTDATA_COMPARE_H
#define TEGULA_TESTDATA_COMPARE_H

#include "tegula/TestData/TestData.h"

namespace tegula {

/// |got - want| <= max(absolute, span * max|want|) + relative * |want|, for floating-point and complex elements.
/// Integers, bool and strings must be equal.
struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-7;
  double span = 0;
};

/// A tensor that somebody else owns.
struct TensorView {
  ElementType type = ElementType::Undefined;
  llvm::ArrayRef<int64_t> shape;
  const void *data = nullptr;
  llvm::ArrayRef<std::string> strings;

  TensorView() = default;
  TensorView(ElementType type, llvm::ArrayRef<int64_t> shape, const void *data)
      : type(type), shape(shape), data(data) {}
  TensorView(const HostTensor &tensor)
      : type(tensor.type), shape(tensor.shape), data(tensor.bytes.data()), strings(tensor.strings) {}
};

/// Elements `index` of a numeric tensor as double: complex numbers count as two (real, imaginary).
double elementAsDouble(const TensorView &tensor, int64_t index);

struct Comparison {
  /// Why the tensors cannot be compared ("expected shape 2x3, but got 2x4"); empty when they can.
  std::string incomparable;
  int64_t elements = 0;
  int64_t mismatches = 0; // elements beyond the tolerance; a NaN where a number is expected is one, and vice versa
  double maxAbsoluteError = 0;
  double maxRelativeError = 0;   // |got - want| / |want|; infinite when want is zero and got is not
  double maxUlpError = 0;        // steps between neighbouring values of the element type; the difference for integers
  int64_t firstMismatch = -1;    // flat index
  std::string firstMismatchText; // "at [0, 3]: expected 1.5, but got 1.25"

  bool matches() const { return incomparable.empty() && mismatches == 0; }
};

/// NaN equals NaN, and an infinity equals itself. Errors are infinite where only one side is finite.
Comparison compareTensors(const TensorView &got, const TensorView &want, const Tolerance &tolerance);

/// The same for values: kinds and numbers of elements must agree, and the errors are those of all tensors in them.
Comparison compareValues(const HostValue &got, const HostValue &want, const Tolerance &tolerance);

/// "2x3", "scalar".
std::string shapeText(llvm::ArrayRef<int64_t> shape);

} // namespace tegula

#endif
