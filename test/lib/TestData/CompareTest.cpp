// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/TestData/Compare.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace tegula;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
const Tolerance exact{0, 0, 0};

template <typename T>
Comparison compare(ElementType type, std::vector<T> got, std::vector<T> want, Tolerance tolerance,
                   std::vector<int64_t> shape = {}) {
  if (shape.empty())
    shape = {static_cast<int64_t>(want.size())};
  return compareTensors(TensorView(type, shape, got.data()), TensorView(type, shape, want.data()), tolerance);
}

TEST(Compare, EqualFloats) {
  Comparison result = compare<float>(ElementType::Float32, {1, -0.0f, nan, infinity}, {1, 0.0f, nan, infinity}, exact);
  EXPECT_TRUE(result.matches());
  EXPECT_EQ(result.elements, 4);
  EXPECT_EQ(result.maxAbsoluteError, 0);
  EXPECT_EQ(result.maxUlpError, 0);
}

TEST(Compare, Errors) {
  float next = std::nextafterf(std::nextafterf(2.0f, 3.0f), 3.0f);
  Comparison result = compare<float>(ElementType::Float32, {1.25f, next}, {1.0f, 2.0f}, {0.25, 0, 0});
  EXPECT_TRUE(result.matches());
  EXPECT_EQ(result.maxAbsoluteError, 0.25);
  EXPECT_EQ(result.maxRelativeError, 0.25);
  EXPECT_EQ(result.maxUlpError, 0x1p21); // a quarter of the 2^23 steps between 1 and 2
  EXPECT_EQ(compare<float>(ElementType::Float32, {next}, {2}, exact).maxUlpError, 2);
  EXPECT_EQ(compare<float>(ElementType::Float32, {-1e-45f}, {1e-45f}, exact).maxUlpError, 2);
}

TEST(Compare, TolerancesAddUp) {
  EXPECT_TRUE(compare<float>(ElementType::Float32, {1.5f}, {1}, {0.25, 0.25, 0}).matches());
  EXPECT_FALSE(compare<float>(ElementType::Float32, {1.5f}, {1}, {0.25, 0.125, 0}).matches());
  EXPECT_FALSE(compare<float>(ElementType::Float32, {1.5f}, {1}, {0.25, 0, 0}).matches());
  // The relative part is measured against the expected value.
  EXPECT_FALSE(compare<float>(ElementType::Float32, {1}, {0}, {1, 0.5, 0}).matches());
}

TEST(Compare, SpanTakesTheLargestExpectedValue) {
  EXPECT_TRUE(compare<float>(ElementType::Float32, {8, 0.5f}, {8, 0}, {0, 0, 0.125}).matches());
  EXPECT_FALSE(compare<float>(ElementType::Float32, {8, 0.5f}, {2, 0}, {0, 0, 0.125}).matches());
  EXPECT_FALSE(compare<float>(ElementType::Float32, {infinity, 1}, {infinity, 0}, {0, 0, 0.125}).matches());
}

TEST(Compare, NonFiniteMismatches) {
  for (auto [got, want] :
       {std::pair(nan, 1.0f), {1.0f, nan}, {infinity, -infinity}, {infinity, 1.0f}, {1.0f, infinity}}) {
    Comparison result = compare<float>(ElementType::Float32, {got}, {want}, {1, 1, 1});
    EXPECT_EQ(result.mismatches, 1) << got << " " << want;
    EXPECT_TRUE(std::isinf(result.maxAbsoluteError));
  }
}

TEST(Compare, FirstMismatchIsPlaced) {
  Comparison result = compare<float>(ElementType::Float32, {0, 0, 0, 0, 2, 3}, {0, 0, 0, 0, 1, 1}, exact, {2, 3});
  EXPECT_EQ(result.mismatches, 2);
  EXPECT_EQ(result.firstMismatch, 4);
  EXPECT_EQ(result.firstMismatchText, "at [1, 1]: expected 1, but got 2");
}

TEST(Compare, HalfAndBFloat16) {
  Comparison half = compare<uint16_t>(ElementType::Float16, {0x3c01}, {0x3c00}, exact);
  EXPECT_EQ(half.maxUlpError, 1);
  EXPECT_EQ(half.maxAbsoluteError, 0x1p-10);
  EXPECT_EQ(compare<uint16_t>(ElementType::BFloat16, {0x3f81}, {0x3f80}, exact).maxAbsoluteError, 0x1p-7);
  EXPECT_TRUE(compare<uint16_t>(ElementType::Float16, {0x7e00}, {0x7e01}, exact).matches()); // two NaNs
}

TEST(Compare, NarrowFloats) {
  EXPECT_EQ(compare<uint8_t>(ElementType::Float8E4M3FN, {0x39}, {0x38}, exact).maxUlpError, 1);
  EXPECT_EQ(compare<uint8_t>(ElementType::Float8E8M0, {0x80}, {0x7f}, exact).maxUlpError, 1);
  Comparison four = compare<uint8_t>(ElementType::Float4E2M1, {0x32}, {0x22}, exact, {2});
  EXPECT_EQ(four.mismatches, 1);
  EXPECT_EQ(four.firstMismatch, 1);
  EXPECT_EQ(four.maxAbsoluteError, 0.5);
}

TEST(Compare, IntegersAreExact) {
  Comparison result = compare<int64_t>(ElementType::Int64, {(1ll << 60) + 1}, {1ll << 60}, {1, 1, 1});
  EXPECT_EQ(result.mismatches, 1); // equal as doubles, and within any tolerance
  EXPECT_EQ(result.maxUlpError, 1);
  EXPECT_EQ(result.firstMismatchText, "at [0]: expected 1152921504606846976, but got 1152921504606846977");
  EXPECT_EQ(compare<int64_t>(ElementType::Int64, {INT64_MIN}, {INT64_MAX}, exact).maxAbsoluteError, 0x1p64);
  EXPECT_EQ(compare<uint8_t>(ElementType::UInt8, {255}, {0}, exact).maxAbsoluteError, 255);
  EXPECT_EQ(compare<uint8_t>(ElementType::Int8, {255}, {0}, exact).maxAbsoluteError, 1);
  EXPECT_EQ(compare<uint8_t>(ElementType::Int4, {0xf0}, {0x00}, exact, {2}).firstMismatchText,
            "at [1]: expected 0, but got -1");
  EXPECT_FALSE(compare<uint8_t>(ElementType::Bool, {1}, {0}, {1, 1, 1}).matches());
}

TEST(Compare, ComplexCountsOnce) {
  Comparison result = compare<float>(ElementType::Complex64, {1, 2, 9, 9}, {1, 2, 3, 4}, exact, {2});
  EXPECT_EQ(result.elements, 2);
  EXPECT_EQ(result.mismatches, 1);
  EXPECT_EQ(result.maxAbsoluteError, 6);
}

TEST(Compare, Strings) {
  HostTensor got, want;
  got.type = want.type = ElementType::String;
  got.shape = want.shape = {2};
  want.strings = {"a", "b"};
  got.strings = {"a", "c"};
  EXPECT_EQ(compareTensors(got, want, {}).firstMismatchText, "at [1]: expected 'b', but got 'c'");
  got.strings = {"a", "b"};
  EXPECT_TRUE(compareTensors(got, want, {}).matches());
}

TEST(Compare, TypeAndShapeMustBeEqual) {
  float value = 1;
  int64_t shape[] = {1, 1};
  TensorView one(ElementType::Float32, llvm::ArrayRef(shape, 1), &value);
  Comparison result = compareTensors(TensorView(ElementType::Float32, shape, &value), one, {});
  EXPECT_FALSE(result.matches());
  EXPECT_EQ(result.incomparable, "expected shape 1, but got 1x1");
  result = compareTensors(TensorView(ElementType::Int32, llvm::ArrayRef(shape, 1), &value), one, {});
  EXPECT_EQ(result.incomparable, "expected element type float32, but got int32");
}

TEST(Compare, EmptyTensorsMatch) { EXPECT_TRUE(compare<float>(ElementType::Float32, {}, {}, exact, {3, 0}).matches()); }

} // namespace
