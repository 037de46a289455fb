// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Comparison.h"

#include "tegula/Kernel/SearchSpace.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>

using namespace tegula;
using namespace tegula::tuner;

namespace {
enum ElementType : int32_t {
  Float = 1,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  Complex64 = 14,
  Complex128 = 15,
  BFloat16 = 16
};
} // namespace

static float halfToFloat(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, exponent = (half >> 10) & 31, fraction = half & 1023;
  uint32_t bits;
  if (exponent == 31)
    bits = sign | 0x7f800000 | fraction << 13;
  else if (exponent != 0)
    bits = sign | (exponent + 112) << 23 | fraction << 13;
  else
    return (sign ? -1.0f : 1.0f) * std::ldexp(static_cast<float>(fraction), -24);
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

/// The half nearest below in magnitude: inputs need no rounding.
static uint16_t floatToHalf(float value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  float magnitude = std::fabs(value);
  if (magnitude < std::ldexp(1.0f, -14))
    return sign | static_cast<uint16_t>(std::ldexp(magnitude, 24));
  int exponent;
  float fraction = std::frexp(magnitude, &exponent); // in [0.5, 1)
  return sign | static_cast<uint16_t>((exponent + 14) << 10) | static_cast<uint16_t>((fraction * 2 - 1) * 1024);
}

/// The scalars of a floating-point tensor, the parts of complex ones one after the other; nullopt for other types.
static std::optional<std::vector<double>> floatsOf(const Tensor &tensor) {
  std::vector<double> values;
  auto read = [&](auto scalar, auto convert) {
    using Scalar = decltype(scalar);
    values.resize(tensor.bytes.size() / sizeof(Scalar));
    for (size_t index = 0; index < values.size(); ++index) {
      Scalar element;
      memcpy(&element, tensor.bytes.data() + index * sizeof(Scalar), sizeof(Scalar));
      values[index] = convert(element);
    }
    return values;
  };
  switch (tensor.elementType) {
  case Float:
  case Complex64:
    return read(float(), [](float value) { return double(value); });
  case Double:
  case Complex128:
    return read(double(), [](double value) { return value; });
  case Float16:
    return read(uint16_t(), [](uint16_t bits) { return double(halfToFloat(bits)); });
  case BFloat16:
    return read(uint16_t(), [](uint16_t bits) {
      uint32_t wide = static_cast<uint32_t>(bits) << 16;
      float value;
      memcpy(&value, &wide, sizeof(value));
      return double(value);
    });
  default:
    return std::nullopt;
  }
}

static void fill(Tensor &tensor, uint64_t seed, WideIntegers wideIntegers) {
  uint64_t state = seed;
  auto random = [&] { return state = mixBits(state); };
  auto uniform = [&] { return std::ldexp(static_cast<double>(random() >> 11), -52) - 1; };
  auto write = [&](auto make) {
    using Scalar = decltype(make());
    for (size_t offset = 0; offset + sizeof(Scalar) <= tensor.bytes.size(); offset += sizeof(Scalar)) {
      Scalar element = make();
      memcpy(tensor.bytes.data() + offset, &element, sizeof(Scalar));
    }
  };
  auto wide = [&]() -> uint64_t {
    switch (wideIntegers) {
    case WideIntegers::ZeroToThree:
      return random() >> 62;
    case WideIntegers::One:
      return 1;
    case WideIntegers::Zero:
      return 0;
    }
    return 0;
  };
  switch (tensor.elementType) {
  case Float:
  case Complex64:
    return write([&] { return static_cast<float>(uniform()); });
  case Double:
  case Complex128:
    return write([&] { return uniform(); });
  case Float16:
    return write([&] { return floatToHalf(static_cast<float>(uniform())); });
  case BFloat16:
    return write([&] {
      float value = static_cast<float>(uniform());
      uint32_t bits;
      memcpy(&bits, &value, sizeof(bits));
      return static_cast<uint16_t>(bits >> 16);
    });
  case Bool:
    return write([&] { return static_cast<uint8_t>(random() >> 63); });
  default:
    break;
  }
  switch (tegula_tensor_bytes(tensor.elementType, 1)) {
  case 2:
    return write([&] { return static_cast<uint16_t>(wide()); });
  case 4:
    return write([&] { return static_cast<uint32_t>(wide()); });
  case 8:
    return write([&] { return wide(); });
  default:
    return write([&] { return static_cast<uint8_t>(random() >> 56); });
  }
}

llvm::Expected<std::vector<Tensor>> tegula::tuner::makeInputs(const tegula_artifact &artifact,
                                                              llvm::ArrayRef<std::vector<int64_t>> shapes,
                                                              uint64_t seed, WideIntegers wideIntegers) {
  if (!shapes.empty() && shapes.size() != static_cast<size_t>(artifact.input_count))
    return llvm::createStringError("expected shapes of " + llvm::Twine(artifact.input_count) + " inputs, but got " +
                                   llvm::Twine(shapes.size()));
  std::vector<Tensor> inputs(artifact.input_count);
  for (auto [index, input] : llvm::enumerate(inputs)) {
    const tegula_tensor_info &info = artifact.inputs[index];
    if (artifact.input_defaults && artifact.input_defaults[index])
      continue;
    input.elementType = info.element_type;
    if (!shapes.empty())
      input.shape = shapes[index];
    else if (info.rank >= 0)
      input.shape.assign(info.shape, info.shape + info.rank);
    std::optional<int64_t> bytes = tensorBytes(input.elementType, input.shape);
    if (!bytes || (shapes.empty() && info.rank < 0))
      return llvm::createStringError("expected a static shape and an element type of fixed size for input " +
                                     llvm::Twine(index) + ", but got a dynamic shape or type " +
                                     llvm::Twine(input.elementType));
    input.bytes.resize(*bytes);
    fill(input, mixBits(seed + index), wideIntegers);
  }
  return inputs;
}

static double defaultTolerance(int32_t elementType) {
  switch (elementType) {
  case Double:
  case Complex128:
    return 1e-10;
  case Float16:
    return 1e-2;
  case BFloat16:
    return 5e-2;
  default:
    return 1e-4;
  }
}

static std::string number(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.9g", value);
  return text;
}

static std::optional<std::string> compareOne(const Tensor &expected, const Tensor &actual, Tolerance tolerance) {
  if (expected.elementType != actual.elementType || expected.shape != actual.shape ||
      expected.bytes.size() != actual.bytes.size())
    return "expected " + std::to_string(expected.bytes.size()) + " bytes of another type or shape, but got " +
           std::to_string(actual.bytes.size()) + " bytes";
  std::optional<std::vector<double>> wanted = floatsOf(expected);
  if (!wanted) {
    auto [first, second] = std::mismatch(expected.bytes.begin(), expected.bytes.end(), actual.bytes.begin());
    if (first == expected.bytes.end())
      return std::nullopt;
    return "byte " + std::to_string(first - expected.bytes.begin()) + ": expected " + std::to_string(*first) +
           ", but got " + std::to_string(*second);
  }
  std::vector<double> got = *floatsOf(actual);
  double squares = 0, count = 0;
  for (double value : *wanted)
    if (std::isfinite(value)) {
      squares += value * value;
      ++count;
    }
  double scale = count > 0 ? std::sqrt(squares / count) : 0;
  double relative = tolerance.relative >= 0 ? tolerance.relative : defaultTolerance(expected.elementType);
  for (size_t index = 0; index < got.size(); ++index) {
    double want = (*wanted)[index];
    // Not "greater than": a NaN on one side only must fail. Equality comes first for infinities.
    if (want == got[index] || (std::isnan(want) && std::isnan(got[index])) ||
        (std::isfinite(want) && std::fabs(got[index] - want) <= relative * (std::fabs(want) + scale)))
      continue;
    return "element " + std::to_string(index) + ": expected " + number(want) + ", but got " + number(got[index]);
  }
  return std::nullopt;
}

std::optional<std::string> tegula::tuner::compare(llvm::ArrayRef<Tensor> expected, llvm::ArrayRef<Tensor> actual,
                                                  Tolerance tolerance) {
  if (expected.size() != actual.size())
    return "expected " + std::to_string(expected.size()) + " outputs, but got " + std::to_string(actual.size());
  for (size_t index = 0; index < expected.size(); ++index)
    if (std::optional<std::string> difference = compareOne(expected[index], actual[index], tolerance))
      return "output " + std::to_string(index) + ", " + *difference;
  return std::nullopt;
}
