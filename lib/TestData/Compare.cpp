// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Elements are read as double (exact for every type but 64-bit integers, which are compared as integers), and counted
// in units in the last place by mapping their bits to an ordered integer.
#include "tegula/TestData/Compare.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <cstring>
#include <limits>

using namespace tegula;
using llvm::APFloat;

namespace {

enum class Kind { Float, Signed, Unsigned };

struct Format {
  Kind kind;
  unsigned bits;                                 // of one component
  unsigned components = 1;                       // 2 for complex
  const llvm::fltSemantics *semantics = nullptr; // null for integers and for types that the host has
};

Format formatOf(ElementType type) {
  switch (type) {
  case ElementType::Float32:
    return {Kind::Float, 32};
  case ElementType::Float64:
    return {Kind::Float, 64};
  case ElementType::Complex64:
    return {Kind::Float, 32, 2};
  case ElementType::Complex128:
    return {Kind::Float, 64, 2};
  case ElementType::Float16:
    return {Kind::Float, 16, 1, &APFloat::IEEEhalf()};
  case ElementType::BFloat16:
    return {Kind::Float, 16, 1, &APFloat::BFloat()};
  case ElementType::Float8E4M3FN:
    return {Kind::Float, 8, 1, &APFloat::Float8E4M3FN()};
  case ElementType::Float8E4M3FNUZ:
    return {Kind::Float, 8, 1, &APFloat::Float8E4M3FNUZ()};
  case ElementType::Float8E5M2:
    return {Kind::Float, 8, 1, &APFloat::Float8E5M2()};
  case ElementType::Float8E5M2FNUZ:
    return {Kind::Float, 8, 1, &APFloat::Float8E5M2FNUZ()};
  case ElementType::Float8E8M0:
    return {Kind::Float, 8, 1, &APFloat::Float8E8M0FNU()};
  case ElementType::Float4E2M1:
    return {Kind::Float, 4, 1, &APFloat::Float4E2M1FN()};
  case ElementType::Float6E2M3:
    return {Kind::Float, 6, 1, &APFloat::Float6E2M3FN()};
  case ElementType::Float6E3M2:
    return {Kind::Float, 6, 1, &APFloat::Float6E3M2FN()};
  case ElementType::Int8:
  case ElementType::Int16:
  case ElementType::Int32:
  case ElementType::Int64:
  case ElementType::Int4:
  case ElementType::Int2:
    return {Kind::Signed, *elementTypeBits(type)};
  default:
    return {Kind::Unsigned, elementTypeBits(type).value_or(8)};
  }
}

uint64_t patternAt(const void *data, unsigned bits, int64_t index) {
  const auto *bytes = static_cast<const uint8_t *>(data);
  uint64_t pattern = 0;
  if (bits >= 8) {
    std::memcpy(&pattern, bytes + index * (bits / 8), bits / 8);
    return pattern;
  }
  int64_t bit = index * bits;
  pattern = bytes[bit / 8] >> (bit % 8);
  if (bit % 8 + bits > 8) // float6 crosses bytes
    pattern |= static_cast<uint64_t>(bytes[bit / 8 + 1]) << (8 - bit % 8);
  return pattern & ((1u << bits) - 1);
}

double floatOf(const Format &format, uint64_t pattern) {
  if (format.semantics)
    return APFloat(*format.semantics, llvm::APInt(format.bits, pattern)).convertToDouble();
  if (format.bits == 32) {
    auto narrow = static_cast<uint32_t>(pattern);
    float value;
    std::memcpy(&value, &narrow, sizeof value);
    return value;
  }
  double value;
  std::memcpy(&value, &pattern, sizeof value);
  return value;
}

int64_t signedOf(const Format &format, uint64_t pattern) {
  unsigned unused = 64 - format.bits;
  return static_cast<int64_t>(pattern << unused) >> unused;
}

/// Neighbouring floats differ by one; -0 and +0 are the same.
double orderedOf(const Format &format, uint64_t pattern) {
  if (format.semantics == &APFloat::Float8E8M0FNU())
    return static_cast<double>(pattern);
  uint64_t sign = uint64_t(1) << (format.bits - 1);
  auto magnitude = static_cast<double>(pattern & (sign - 1));
  return pattern & sign ? -magnitude : magnitude;
}

std::string valueText(const Format &format, const void *data, int64_t index) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  uint64_t pattern = patternAt(data, format.bits, index);
  if (format.kind == Kind::Float)
    stream << llvm::format("%.9g", floatOf(format, pattern));
  else if (format.kind == Kind::Signed)
    stream << signedOf(format, pattern);
  else
    stream << pattern;
  return text;
}

std::string placeText(llvm::ArrayRef<int64_t> shape, int64_t index) {
  std::vector<int64_t> place(shape.size());
  for (size_t axis = shape.size(); axis-- > 0; index /= shape[axis])
    place[axis] = index % shape[axis];
  std::string text = "at [";
  for (size_t axis = 0; axis < place.size(); ++axis)
    text += (axis ? ", " : "") + std::to_string(place[axis]);
  return text + "]: ";
}

void compareStrings(const TensorView &got, const TensorView &want, Comparison &result) {
  for (int64_t index = 0; index < result.elements; ++index) {
    if (got.strings[index] == want.strings[index])
      continue;
    if (result.mismatches++ == 0) {
      result.firstMismatch = index;
      result.firstMismatchText =
          placeText(want.shape, index) + "expected '" + want.strings[index] + "', but got '" + got.strings[index] + "'";
    }
  }
}

/// Errors of one pair of values, folded into `result`; whether they match.
bool compareFloats(const Format &format, uint64_t gotPattern, uint64_t wantPattern, double absolute, double relative,
                   Comparison &result) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double got = floatOf(format, gotPattern), want = floatOf(format, wantPattern);
  if (got == want || (std::isnan(got) && std::isnan(want)))
    return true;
  if (!std::isfinite(got) || !std::isfinite(want)) {
    result.maxAbsoluteError = result.maxRelativeError = result.maxUlpError = infinity;
    return false;
  }
  double error = std::fabs(got - want);
  result.maxAbsoluteError = std::max(result.maxAbsoluteError, error);
  result.maxRelativeError = std::max(result.maxRelativeError, want == 0 ? infinity : error / std::fabs(want));
  result.maxUlpError =
      std::max(result.maxUlpError, std::fabs(orderedOf(format, gotPattern) - orderedOf(format, wantPattern)));
  return error <= absolute + relative * std::fabs(want);
}

bool compareIntegers(const Format &format, uint64_t gotPattern, uint64_t wantPattern, Comparison &result) {
  if (gotPattern == wantPattern)
    return true;
  // The difference of two 64-bit integers fits 64 unsigned bits.
  bool gotLess = format.kind == Kind::Signed ? signedOf(format, gotPattern) < signedOf(format, wantPattern)
                                             : gotPattern < wantPattern;
  uint64_t low = gotLess ? gotPattern : wantPattern, high = gotLess ? wantPattern : gotPattern;
  uint64_t distance = format.kind == Kind::Signed
                          ? static_cast<uint64_t>(signedOf(format, high)) - static_cast<uint64_t>(signedOf(format, low))
                          : high - low;
  auto error = static_cast<double>(distance);
  double want = format.kind == Kind::Signed ? static_cast<double>(signedOf(format, wantPattern))
                                            : static_cast<double>(wantPattern);
  result.maxAbsoluteError = std::max(result.maxAbsoluteError, error);
  result.maxUlpError = std::max(result.maxUlpError, error);
  result.maxRelativeError =
      std::max(result.maxRelativeError, want == 0 ? std::numeric_limits<double>::infinity() : error / std::fabs(want));
  return false;
}

} // namespace

std::string tegula::shapeText(llvm::ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  std::string text;
  for (int64_t extent : shape)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

double tegula::elementAsDouble(const TensorView &tensor, int64_t index) {
  Format format = formatOf(tensor.type);
  uint64_t pattern = patternAt(tensor.data, format.bits, index);
  if (format.kind == Kind::Float)
    return floatOf(format, pattern);
  return format.kind == Kind::Signed ? static_cast<double>(signedOf(format, pattern)) : static_cast<double>(pattern);
}

Comparison tegula::compareTensors(const TensorView &got, const TensorView &want, const Tolerance &tolerance) {
  Comparison result;
  if (got.type != want.type) {
    result.incomparable =
        ("expected element type " + elementTypeName(want.type) + ", but got " + elementTypeName(got.type)).str();
    return result;
  }
  if (got.shape != want.shape) {
    result.incomparable = "expected shape " + shapeText(want.shape) + ", but got " + shapeText(got.shape);
    return result;
  }
  result.elements = elementCount(want.shape).value_or(0);
  if (want.type == ElementType::String) {
    compareStrings(got, want, result);
    return result;
  }

  Format format = formatOf(want.type);
  int64_t values = result.elements * format.components;
  double absolute = tolerance.absolute;
  if (format.kind == Kind::Float && tolerance.span > 0) {
    double largest = 0;
    for (int64_t index = 0; index < values; ++index) {
      double value = std::fabs(floatOf(format, patternAt(want.data, format.bits, index)));
      if (std::isfinite(value))
        largest = std::max(largest, value);
    }
    absolute = std::max(absolute, tolerance.span * largest);
  }
  int64_t lastMismatch = -1;
  for (int64_t index = 0; index < values; ++index) {
    uint64_t gotPattern = patternAt(got.data, format.bits, index);
    uint64_t wantPattern = patternAt(want.data, format.bits, index);
    bool same = format.kind == Kind::Float
                    ? compareFloats(format, gotPattern, wantPattern, absolute, tolerance.relative, result)
                    : compareIntegers(format, gotPattern, wantPattern, result);
    int64_t element = index / format.components;
    if (same || element == lastMismatch) // a complex number counts once
      continue;
    lastMismatch = element;
    if (result.mismatches++ == 0) {
      result.firstMismatch = element;
      result.firstMismatchText = placeText(want.shape, element) + "expected " + valueText(format, want.data, index) +
                                 ", but got " + valueText(format, got.data, index);
    }
  }
  return result;
}

static const char *kindName(ValueKind kind) {
  static const char *const names[] = {"a tensor", "a sequence", "an optional", "a map"};
  return names[static_cast<int>(kind)];
}

Comparison tegula::compareValues(const HostValue &got, const HostValue &want, const Tolerance &tolerance) {
  Comparison result;
  if (got.kind != want.kind) {
    result.incomparable = std::string("expected ") + kindName(want.kind) + ", but got " + kindName(got.kind);
    return result;
  }
  if (want.kind == ValueKind::Tensor)
    return compareTensors(got.tensor, want.tensor, tolerance);
  if (got.elements.size() != want.elements.size()) {
    result.incomparable = std::string("expected ") + kindName(want.kind) + " of " +
                          std::to_string(want.elements.size()) + " elements, but got " +
                          std::to_string(got.elements.size());
    return result;
  }
  for (size_t k = 0; k < want.elements.size(); ++k) {
    Comparison element = compareValues(got.elements[k], want.elements[k], tolerance);
    std::string place = "element " + std::to_string(k) + ": ";
    if (!element.incomparable.empty()) {
      result.incomparable = place + element.incomparable;
      return result;
    }
    if (result.mismatches == 0 && element.mismatches > 0) {
      result.firstMismatch = element.firstMismatch;
      result.firstMismatchText = place + element.firstMismatchText;
    }
    result.elements += element.elements;
    result.mismatches += element.mismatches;
    result.maxAbsoluteError = std::max(result.maxAbsoluteError, element.maxAbsoluteError);
    result.maxRelativeError = std::max(result.maxRelativeError, element.maxRelativeError);
    result.maxUlpError = std::max(result.maxUlpError, element.maxUlpError);
  }
  return result;
}
