// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/TestData/TestData.h"
#include "onnx/onnx-data.pb.h"
#include "onnx/onnx_pb.h"
#include "tegula/TestData/Compare.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <cstring>
#include <fstream>

using namespace tegula;

namespace {

class TestDataTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("tegula-testdata", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string write(const std::string &name, const std::string &bytes) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    std::ofstream(path.c_str(), std::ios::binary) << bytes;
    return path.str().str();
  }
  template <typename Proto> std::string write(const std::string &name, const Proto &proto) {
    return write(name, proto.SerializeAsString());
  }
  /// The error's text, or "" when there is none.
  template <typename T> static std::string errorOf(llvm::Expected<T> result) {
    return result ? "" : llvm::toString(result.takeError());
  }

  llvm::SmallString<128> folder;
};

onnx::TensorProto proto(ElementType type, std::initializer_list<int64_t> shape) {
  onnx::TensorProto tensor;
  tensor.set_data_type(static_cast<int32_t>(type));
  for (int64_t extent : shape)
    tensor.add_dims(extent);
  return tensor;
}

std::vector<double> valuesOf(const HostTensor &tensor) {
  std::vector<double> values;
  for (int64_t index = 0; index < *elementCount(tensor.shape); ++index)
    values.push_back(elementAsDouble(tensor, index));
  return values;
}

TEST_F(TestDataTest, RawFloat) {
  onnx::TensorProto tensor = proto(ElementType::Float32, {2, 1});
  tensor.set_name("x");
  float values[] = {1.5f, -2.0f};
  tensor.set_raw_data(values, sizeof values);
  auto loaded = loadTensor(write("a.pb", tensor));
  ASSERT_TRUE(static_cast<bool>(loaded)) << llvm::toString(loaded.takeError());
  EXPECT_EQ(loaded->name, "x");
  EXPECT_EQ(loaded->type, ElementType::Float32);
  EXPECT_EQ(loaded->shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(valuesOf(*loaded), (std::vector<double>{1.5, -2}));
}

TEST_F(TestDataTest, EveryTypedField) {
  struct Row {
    ElementType type;
    std::function<void(onnx::TensorProto &)> fill;
    std::vector<double> expected;
  };
  auto int32s = [](std::vector<int32_t> values) {
    return [values](onnx::TensorProto &tensor) {
      for (int32_t value : values)
        tensor.add_int32_data(value);
    };
  };
  const Row rows[] = {
      {ElementType::Float32, [](auto &t) { t.add_float_data(0.5f), t.add_float_data(-1); }, {0.5, -1}},
      {ElementType::Float64, [](auto &t) { t.add_double_data(0.1), t.add_double_data(2); }, {0.1, 2}},
      {ElementType::Int64, [](auto &t) { t.add_int64_data(-7), t.add_int64_data(1ll << 40); }, {-7, 0x1p40}},
      {ElementType::UInt64, [](auto &t) { t.add_uint64_data(3), t.add_uint64_data(1ull << 63); }, {3, 0x1p63}},
      {ElementType::UInt32, [](auto &t) { t.add_uint64_data(3), t.add_uint64_data(4000000000u); }, {3, 4e9}},
      {ElementType::Int32, int32s({-5, 6}), {-5, 6}},
      {ElementType::Int16, int32s({-5, 300}), {-5, 300}},
      {ElementType::UInt16, int32s({5, 65535}), {5, 65535}},
      {ElementType::Int8, int32s({-5, 127}), {-5, 127}},
      {ElementType::UInt8, int32s({5, 255}), {5, 255}},
      {ElementType::Bool, int32s({0, 1}), {0, 1}},
      {ElementType::Float16, int32s({0x3c00, 0xc000}), {1, -2}},
      {ElementType::BFloat16, int32s({0x3f80, 0xc000}), {1, -2}},
      {ElementType::Float8E4M3FN, int32s({0x38, 0xc0}), {1, -2}},
      {ElementType::Float8E5M2, int32s({0x3c, 0xc0}), {1, -2}},
      {ElementType::Float8E4M3FNUZ, int32s({0x40, 0xc8}), {1, -2}},
      {ElementType::Float8E5M2FNUZ, int32s({0x40, 0xc4}), {1, -2}},
      {ElementType::Float8E8M0, int32s({127, 128}), {1, 2}},
      {ElementType::Int4, int32s({0x7e}), {-2, 7}},
      {ElementType::UInt4, int32s({0x7e}), {14, 7}},
      {ElementType::Float4E2M1, int32s({0xa2}), {1, -1}},
      {ElementType::Int2, int32s({0x06}), {-2, 1}},
      {ElementType::UInt2, int32s({0x06}), {2, 1}},
      {ElementType::Float6E2M3, int32s({0x08, 0x28}), {1, -1}},
      {ElementType::Float6E3M2, int32s({0x0c, 0x2c}), {1, -1}},
  };
  for (const Row &row : rows) {
    onnx::TensorProto tensor = proto(row.type, {2});
    row.fill(tensor);
    auto loaded = loadTensor(write("a.pb", tensor));
    ASSERT_TRUE(static_cast<bool>(loaded)) << llvm::toString(loaded.takeError());
    EXPECT_EQ(valuesOf(*loaded), row.expected) << elementTypeName(row.type).str();
    EXPECT_EQ(static_cast<int64_t>(loaded->bytes.size()), *tensorBytes(row.type, {2}));
  }
}

TEST_F(TestDataTest, SixBitRawDataCrossesBytes) {
  onnx::TensorProto tensor = proto(ElementType::Float6E2M3, {3});
  tensor.set_raw_data(std::string("\x08\x8a\x02", 3)); // 0x08, 0x28, 0x28 from the lowest bit on
  auto loaded = loadTensor(write("a.pb", tensor));
  ASSERT_TRUE(static_cast<bool>(loaded)) << llvm::toString(loaded.takeError());
  EXPECT_EQ(valuesOf(*loaded), (std::vector<double>{1, -1, -1}));
}

TEST_F(TestDataTest, StringsScalarAndEmpty) {
  onnx::TensorProto strings = proto(ElementType::String, {2});
  strings.add_string_data("a");
  strings.add_string_data("");
  auto loaded = loadTensor(write("a.pb", strings));
  ASSERT_TRUE(static_cast<bool>(loaded)) << llvm::toString(loaded.takeError());
  EXPECT_EQ(loaded->strings, (std::vector<std::string>{"a", ""}));

  onnx::TensorProto scalar = proto(ElementType::Int64, {});
  scalar.add_int64_data(4);
  auto one = loadTensor(write("b.pb", scalar));
  ASSERT_TRUE(static_cast<bool>(one)) << llvm::toString(one.takeError());
  EXPECT_EQ(valuesOf(*one), std::vector<double>{4});

  auto none = loadTensor(write("c.pb", proto(ElementType::Float32, {3, 0})));
  ASSERT_TRUE(static_cast<bool>(none)) << llvm::toString(none.takeError());
  EXPECT_TRUE(none->bytes.empty());
}

TEST_F(TestDataTest, Errors) {
  EXPECT_NE(errorOf(loadTensor(write("none", std::string()) + ".pb")).find("cannot be read"), std::string::npos);
  EXPECT_NE(errorOf(loadTensor(write("a.pb", std::string("\xff\xff\xff\xff", 4)))).find("cannot be parsed"),
            std::string::npos);
  EXPECT_NE(errorOf(loadTensor(write("a.pb", proto(static_cast<ElementType>(99), {1})))).find("got number 99"),
            std::string::npos);
  EXPECT_NE(errorOf(loadTensor(write("a.pb", proto(ElementType::Float32, {-1})))).find("at least 0"),
            std::string::npos);
  EXPECT_NE(errorOf(loadTensor(write("a.pb", proto(ElementType::Float32, {1ll << 40, 1ll << 40})))).find("63 bits"),
            std::string::npos);
  EXPECT_NE(errorOf(loadTensor(write("a.pb", proto(ElementType::Float64, {1ll << 60})))).find("does not fit"),
            std::string::npos);
  EXPECT_NE(errorOf(loadTensor(write("a.pb", proto(ElementType::Float32, {2}))))
                .find("expected 8 bytes for 2 elements of float32, but got 0"),
            std::string::npos);
  EXPECT_NE(errorOf(loadTensor(write("a.pb", proto(ElementType::String, {2})))).find("expected 2 strings"),
            std::string::npos);
  onnx::TensorProto external = proto(ElementType::Float32, {1});
  external.set_data_location(onnx::TensorProto::EXTERNAL);
  EXPECT_NE(errorOf(loadTensor(write("a.pb", external))).find("external data"), std::string::npos);
}

TEST_F(TestDataTest, SequencesAndOptionalsAreNamed) {
  onnx::SequenceProto sequence;
  sequence.set_name("s");
  sequence.set_elem_type(onnx::SequenceProto::TENSOR);
  onnx::TensorProto *element = sequence.add_tensor_values();
  *element = proto(ElementType::Float32, {1});
  element->add_float_data(1);
  EXPECT_NE(errorOf(loadTensor(write("a.pb", sequence))).find("got a sequence or an optional"), std::string::npos);

  onnx::OptionalProto optional;
  optional.set_name("o");
  optional.set_elem_type(onnx::OptionalProto::SEQUENCE);
  *optional.mutable_sequence_value() = sequence;
  EXPECT_NE(errorOf(loadTensor(write("a.pb", optional))).find("got a sequence or an optional"), std::string::npos);

  auto values = loadValue(write("a.pb", sequence), ValueKind::Sequence);
  ASSERT_TRUE(static_cast<bool>(values)) << llvm::toString(values.takeError());
  ASSERT_EQ(values->elements.size(), 1u);
  EXPECT_EQ(valuesOf(values->elements[0].tensor), std::vector<double>{1});
  auto held = loadValue(write("a.pb", optional), ValueKind::Optional);
  ASSERT_TRUE(static_cast<bool>(held)) << llvm::toString(held.takeError());
  ASSERT_EQ(held->elements.size(), 1u);
  EXPECT_TRUE(compareValues(held->elements[0], *values, {}).matches());
  HostValue shorter = *values;
  shorter.elements.clear();
  EXPECT_EQ(compareValues(shorter, *values, {}).incomparable, "expected a sequence of 1 elements, but got 0");
  EXPECT_EQ(compareValues(*held, *values, {}).incomparable, "expected a sequence, but got an optional");
  held->elements[0].elements[0].tensor.bytes[3] = 0;
  EXPECT_EQ(compareValues(held->elements[0], *values, {}).mismatches, 1);
  EXPECT_NE(errorOf(loadValue(write("a.pb", std::string("\xff\xff", 2)), ValueKind::Sequence)).find("cannot be parsed"),
            std::string::npos);
  EXPECT_NE(errorOf(loadValue(write("a.pb", sequence), ValueKind::Map)).find("maps cannot be read"), std::string::npos);
}

TEST_F(TestDataTest, Folder) {
  onnx::TensorProto tensor = proto(ElementType::Float32, {1});
  tensor.add_float_data(1);
  write("input_0.pb", tensor);
  EXPECT_NE(errorOf(listTestData(folder)).find("expected output_0.pb"), std::string::npos);
  write("output_0.pb", tensor);
  write("output_1.pb", tensor);
  auto files = listTestData(folder);
  ASSERT_TRUE(static_cast<bool>(files)) << llvm::toString(files.takeError());
  auto set = loadTestDataSet(*files);
  ASSERT_TRUE(static_cast<bool>(set)) << llvm::toString(set.takeError());
  EXPECT_EQ(set->inputs.size(), 1u);
  EXPECT_EQ(set->outputs.size(), 2u);
  write("input_2.pb", tensor);
  // An input may be left out: whether it has a default the model knows.
  files = listTestData(folder);
  ASSERT_TRUE(static_cast<bool>(files)) << llvm::toString(files.takeError());
  ASSERT_EQ(files->inputs.size(), 3u);
  EXPECT_EQ(files->inputs[1], "");
  set = loadTestDataSet(*files);
  ASSERT_TRUE(static_cast<bool>(set)) << llvm::toString(set.takeError());
  EXPECT_EQ(set->inputs[1].tensor.type, ElementType::Undefined);
  EXPECT_EQ(set->inputs[2].tensor.type, ElementType::Float32);
  write("output_3.pb", tensor);
  EXPECT_NE(errorOf(listTestData(folder)).find("expected output_2.pb, but it is missing"), std::string::npos);
  EXPECT_NE(errorOf(listTestData("/nowhere/at/all")).find("but there is none"), std::string::npos);
}

TEST_F(TestDataTest, RandomValues) {
  for (int32_t number = 1; number <= 26; ++number) {
    auto type = static_cast<ElementType>(number);
    if (type == ElementType::String)
      continue;
    auto one = randomTensor("x", type, {5, 7}, 1), same = randomTensor("x", type, {5, 7}, 1);
    auto other = randomTensor("x", type, {5, 7}, 2), renamed = randomTensor("y", type, {5, 7}, 1);
    ASSERT_TRUE(one && same && other && renamed) << elementTypeName(type).str();
    EXPECT_EQ(one->bytes, same->bytes);
    EXPECT_NE(one->bytes, renamed->bytes) << elementTypeName(type).str();
    EXPECT_NE(one->bytes, other->bytes) << elementTypeName(type).str();
    for (double value : valuesOf(*one)) {
      EXPECT_GE(value, -1) << elementTypeName(type).str();
      EXPECT_LT(value, type == ElementType::Bool ? 2 : 10) << elementTypeName(type).str();
    }
  }
  EXPECT_NE(errorOf(randomTensor("x", ElementType::String, {1}, 1)).find("type string"), std::string::npos);
  EXPECT_NE(errorOf(randomTensor("x", ElementType::Float32, {-1}, 1)).find("cannot make"), std::string::npos);
}

} // namespace
