// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The same object code, linked by LLD into a library and by JITLink into this process, gives the same bits.
#include "tegula/Driver/CompilerSession.h"
#include "tegula/model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "onnx/defs/parser.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <unistd.h>

using namespace tegula;
namespace fs = std::filesystem;

namespace {

std::string parseModel(const char *text) {
  onnx::ModelProto model;
  onnx::Common::Status status = onnx::OnnxParser::Parse(model, text);
  EXPECT_TRUE(status.IsOK()) << status.ErrorMessage();
  return model.SerializeAsString();
}

struct Input {
  int32_t type;
  std::vector<int64_t> shape;
  std::vector<char> bytes;
};

/// Values that round: no two summation orders agree on them.
Input floats(std::vector<int64_t> shape) {
  Input input{1, std::move(shape), {}};
  size_t count = 1;
  for (int64_t extent : input.shape)
    count *= extent;
  input.bytes.resize(count * sizeof(float));
  for (size_t i = 0; i < count; ++i) {
    float value = std::sin(0.7f * static_cast<float>(i)) * 3;
    std::memcpy(&input.bytes[i * sizeof(float)], &value, sizeof(float));
  }
  return input;
}

Input integer(int64_t value) {
  Input input{7, {}, std::vector<char>(sizeof(value))};
  std::memcpy(input.bytes.data(), &value, sizeof(value));
  return input;
}

/// Shape and bytes of every output.
std::vector<std::pair<std::vector<int64_t>, std::string>> run(tegula_model *model, const std::vector<Input> &inputs) {
  tegula_context_options options = {};
  options.struct_size = sizeof(options);
  options.threads = 2;
  tegula_context *context = nullptr;
  EXPECT_EQ(tegula_context_create(model, &options, &context), TEGULA_ERROR_NONE) << tegula_last_error();
  std::vector<tegula_tensor> in, out(tegula_model_output_count(model));
  for (const Input &input : inputs)
    in.push_back({const_cast<char *>(input.bytes.data()), input.type, static_cast<int32_t>(input.shape.size()),
                  input.shape.data()});
  EXPECT_EQ(tegula_context_run(context, in.data(), in.size(), out.data(), out.size()), TEGULA_ERROR_NONE)
      << tegula_last_error();
  std::vector<std::pair<std::vector<int64_t>, std::string>> results;
  for (const tegula_tensor &tensor : out) {
    std::vector<int64_t> shape(tensor.shape, tensor.shape + tensor.rank);
    int64_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    results.emplace_back(
        shape, std::string(static_cast<const char *>(tensor.data), tegula_tensor_bytes(tensor.element_type, count)));
  }
  tegula_context_release(context);
  return results;
}

class BothWays : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) / ("tegula_driver_" + std::to_string(getpid()));
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  CompileOptions makeOptions(const std::string &bytes) {
    CompileOptions options;
    options.modelPath = "model.onnx";
    options.modelBytes = bytes;
    options.outputPath = (folder / "model.so").string();
    options.replayDirectory = "";
    return options;
  }

  /// Runs the model both ways on each set of inputs. Returns the outputs of the last one.
  std::vector<std::pair<std::vector<int64_t>, std::string>> compare(const char *text,
                                                                    std::vector<std::vector<Input>> sets) {
    std::string bytes = parseModel(text);
    CompilerSession toFile(makeOptions(bytes)), toMemory(makeOptions(bytes));
    EXPECT_EQ(toFile.compile(), CompileStatus::Ok) << toFile.getMessages();
    std::unique_ptr<LoadedArtifact> artifact;
    EXPECT_EQ(toMemory.load(artifact), CompileStatus::Ok) << toMemory.getMessages();
    tegula_model *library = nullptr, *loaded = nullptr;
    EXPECT_EQ(tegula_model_load((folder / "model.so").c_str(), nullptr, &library), TEGULA_ERROR_NONE)
        << tegula_last_error();
    EXPECT_EQ(tegula_model_from_artifact(&artifact->get(), nullptr, &loaded), TEGULA_ERROR_NONE) << tegula_last_error();
    std::vector<std::pair<std::vector<int64_t>, std::string>> last;
    for (const std::vector<Input> &inputs : sets) {
      last = run(loaded, inputs);
      EXPECT_EQ(run(library, inputs), last);
    }
    tegula_model_release(library);
    tegula_model_release(loaded);
    return last;
  }

  fs::path folder;
};

TEST_F(BothWays, DynamicExtents) {
  auto outputs = compare(R"(<ir_version: 8, opset_import: ["" : 17]>
    g (float[n, 64] x, float[64, 48] w) => (float[n, 48] y) {
      product = MatMul(x, w)
      y = Softmax<axis = 1>(product)
    })",
                         {{floats({3, 64}), floats({64, 48})}, {floats({257, 64}), floats({64, 48})}});
  EXPECT_THAT(outputs.front().first, testing::ElementsAre(257, 48));
}

TEST_F(BothWays, ConvolutionAndReductionInHalfPrecision) {
  auto outputs = compare(R"(<ir_version: 8, opset_import: ["" : 17]>
    g (float[1, 3, 17, 19] x, float[8, 3, 3, 3] w) => (float16[1, 8, 1, 1] y) {
      c = Conv<pads = [1, 1, 1, 1]>(x, w)
      e = Exp(c)
      h = Cast<to = 10>(e)
      y = GlobalAveragePool(h)
    })",
                         {{floats({1, 3, 17, 19}), floats({8, 3, 3, 3})}});
  EXPECT_EQ(outputs.front().second.size(), 16u);
}

TEST_F(BothWays, ControlFlow) {
  auto outputs = compare(R"(<ir_version: 8, opset_import: ["" : 17]>
    g (int64 rounds, float[n] x) => (float[n] y, float[r, n] all) {
      yes = Constant<value = bool {1}>()
      y, all = Loop(rounds, yes, x) <body = b (int64 i, bool go, float[n] v) => (bool next, float[n] w, float[n] row) {
        next = Identity(go)
        two = Constant<value = int64 {2}>()
        zero = Constant<value = int64 {0}>()
        rest = Mod(i, two)
        even = Equal(rest, zero)
        w = If(even) <then_branch = t () => (float[n] a) { a = Tanh(v) }, else_branch = e () => (float[n] b) { b = Add(v, v) }>
        row = Exp(w)
      }>
    })",
                         {{integer(5), floats({33})}});
  EXPECT_THAT(outputs[1].first, testing::ElementsAre(5, 33));
}

TEST_F(BothWays, SizesFromData) {
  auto outputs = compare(R"(<ir_version: 8, opset_import: ["" : 17]>
    g (float[n] x) => (float[m] y) {
      r = Relu(x)
      places = NonZero(r)
      columns = Transpose<perm = [1, 0]>(places)
      y = GatherND(x, columns)
    })",
                         {{floats({100})}});
  EXPECT_GT(outputs.front().first[0], 10);
  EXPECT_LT(outputs.front().first[0], 90);
}

// Weights, also those that the constant evaluator makes (a transposed one, and one of two more that must be equal).
TEST_F(BothWays, Weights) {
  auto outputs = compare(R"(<ir_version: 8, opset_import: ["" : 17]>
    g (float[2, 3] x) => (float[2, 4] y, float[3] z)
    <float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, float[3] v = {0.5, 1.5, 2.5}> {
      t = Transpose<perm = [1, 0]>(w)
      y = MatMul(x, t)
      s = Sin(v)
      z = Mul(s, s)
    })",
                         {{floats({2, 3})}});
  float z[3];
  std::memcpy(z, outputs[1].second.data(), sizeof(z));
  for (int i = 0; i < 3; ++i)
    EXPECT_NEAR(z[i], std::pow(std::sin(0.5 + i), 2), 1e-6);
}

// An operator that ONNX defines by a function, on an operand whose type only its initializer tells.
TEST_F(BothWays, FunctionOfAnInitializer) {
  auto outputs = compare(R"(<ir_version: 8, opset_import: ["" : 17]>
    g (float[2, 3] x) => (float loss)
    <int64[2] labels = {0, 2}> {
      loss = SoftmaxCrossEntropyLoss(x, labels)
    })",
                         {{floats({2, 3})}});
  EXPECT_EQ(outputs.front().second.size(), sizeof(float));
}

// A convolution is a contraction; its operands are packed even where they hold one element.
TEST_F(BothWays, ContractionOfOneConstantElement) {
  auto outputs = compare(R"(<ir_version: 8, opset_import: ["" : 17]>
    g (float[1, 1, 4, 4] x) => (float[1, 1, 4, 4] y)
    <float[1, 1, 1, 1] w = {3}> {
      y = Conv(x, w)
    })",
                         {{floats({1, 1, 4, 4})}});
  float y[2];
  std::memcpy(y, outputs.front().second.data(), sizeof(y));
  EXPECT_FLOAT_EQ(y[1], 9 * std::sin(0.7f));
}

TEST(CompilerSessionTest, CodeForAnotherMachineIsRefused) {
  std::string bytes =
      parseModel(R"(<ir_version: 8, opset_import: ["" : 17]> g (float[4] x) => (float[4] y) { y = Exp(x) })");
  CompileOptions options;
  options.modelPath = "model.onnx";
  options.modelBytes = bytes;
  options.replayDirectory = "";
#if defined(__aarch64__)
  options.target = "x86-64";
#else
  options.target = "aarch64";
#endif
  CompilerSession session(options);
  std::unique_ptr<LoadedArtifact> artifact;
  EXPECT_EQ(session.load(artifact), CompileStatus::InvalidModel);
  EXPECT_THAT(session.getMessages(), testing::HasSubstr("expected code for this machine"));
}

} // namespace
