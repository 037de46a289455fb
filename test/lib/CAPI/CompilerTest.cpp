// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula-c/compiler.h"
#include "tegula/Tuner/Database/Database.h"
#include "tegula/model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace fs = std::filesystem;
using testing::HasSubstr;

namespace {

// y[n] = Relu(x[n]), opset 13, as a serialized ModelProto.
const std::string
    relu("\x08\x08\x12\x00:8\n\x0f\n\x01x\x12\x01y\x1a\x01r\"\x04Relu\x12\x01gZ\x10\n\x01x\x12\x0b\n\t\x08"
         "\x01\x12\x05\n\x03\x12\x01nb\x10\n\x01y\x12\x0b\n\t\x08\x01\x12\x05\n\x03\x12\x01nB\x04\n\x00"
         "\x10\r",
         68);

class CompilerTest : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) / ("tegula_capi_" + std::to_string(getpid()));
    fs::create_directories(folder);
    output = folder / "relu.so";
    options.struct_size = sizeof(options);
    options.model_data = relu.data();
    options.model_size = relu.size();
    options.output_path = output.c_str();
  }
  void TearDown() override { fs::remove_all(folder); }

  void expectFailure(tegula_compile_status status, const char *text) {
    tegula_message *message = nullptr;
    EXPECT_EQ(tegula_compile(&options, &message), status);
    EXPECT_THAT(tegula_message_text(message), HasSubstr(text));
    tegula_message_release(message);
    EXPECT_TRUE(fs::is_empty(folder));
  }

  fs::path folder, output;
  tegula_compile_options options = {};
};

TEST_F(CompilerTest, CompilesWhatTheRuntimeRuns) {
  tegula_message *message = nullptr;
  ASSERT_EQ(tegula_compile(&options, &message), TEGULA_COMPILE_OK) << tegula_message_text(message);
  tegula_message_release(message);
  tegula_model *model = nullptr;
  tegula_context *context = nullptr;
  ASSERT_EQ(tegula_model_load(output.c_str(), nullptr, &model), TEGULA_ERROR_NONE) << tegula_last_error();
  ASSERT_EQ(tegula_context_create(model, nullptr, &context), TEGULA_ERROR_NONE) << tegula_last_error();
  float x[] = {-1, 2, -3};
  int64_t shape[] = {3};
  tegula_tensor input = {x, 1, 1, shape}, y = {};
  ASSERT_EQ(tegula_context_run(context, &input, 1, &y, 1), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_EQ(static_cast<float *>(y.data)[0], 0);
  EXPECT_EQ(static_cast<float *>(y.data)[1], 2);
  tegula_context_release(context);
  tegula_model_release(model);
}

// The struct as it was before its last field was added.
TEST_F(CompilerTest, ShorterOptionsOfAnOlderCaller) {
  options.external_data_root = "not read";
  options.struct_size = offsetof(tegula_compile_options, external_data_root);
  EXPECT_EQ(tegula_compile(&options, nullptr), TEGULA_COMPILE_OK);
  EXPECT_TRUE(fs::exists(output));
}

// A database that knows none of the model's kernels changes nothing.
TEST_F(CompilerTest, DatabaseWithoutSchedules) {
  std::string path = (folder / "empty.db").string();
  auto database = tegula::tuner::Database::open(path, tegula::tuner::Database::Mode::ReadWrite);
  ASSERT_TRUE(bool(database)) << llvm::toString(database.takeError());
  database->reset();
  options.database = path.c_str();
  tegula_message *message = nullptr;
  EXPECT_EQ(tegula_compile(&options, &message), TEGULA_COMPILE_OK) << tegula_message_text(message);
  tegula_message_release(message);
  EXPECT_TRUE(fs::exists(output));
}

TEST_F(CompilerTest, EmitsAStage) {
  options.emit = "graph";
  ASSERT_EQ(tegula_compile(&options, nullptr), TEGULA_COMPILE_OK);
  std::ifstream file(output);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, HasSubstr("graph.relu"));
}

TEST_F(CompilerTest, Precision) {
  options.emit = "graph";
  options.precision = "f32-strict";
  ASSERT_EQ(tegula_compile(&options, nullptr), TEGULA_COMPILE_OK);
  std::ifstream file(output);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, HasSubstr("graph.precision = \"f32-strict\""));
}

TEST_F(CompilerTest, Faults) {
  options.model_size = 20;
  expectFailure(TEGULA_COMPILE_INVALID_MODEL, "<memory>: error: expected an ONNX model");
  options.model_size = relu.size();

  std::string absent = (folder / "absent" / "relu.so").string();
  options.output_path = absent.c_str();
  expectFailure(TEGULA_COMPILE_INVALID_MODEL, "cannot write");
  options.output_path = output.c_str();

  options.target = "z80";
  expectFailure(TEGULA_COMPILE_USAGE, "but got 'z80'");
  options.target = nullptr;
  options.emit = "poem";
  expectFailure(TEGULA_COMPILE_USAGE, "but got 'poem'");
  options.emit = nullptr;
  options.precision = "f8";
  expectFailure(TEGULA_COMPILE_USAGE, "expected precision f32, f32-strict or bf16, but got 'f8'");
  options.precision = nullptr;
  std::string database = (folder / "absent.db").string();
  options.database = database.c_str();
  expectFailure(TEGULA_COMPILE_INVALID_MODEL, "absent.db");
  options.database = nullptr;
  options.threads = -1;
  expectFailure(TEGULA_COMPILE_USAGE, "expected 0 or more threads, but got -1");
  options.threads = 0;
  const char *dimensions[] = {"n"};
  options.dimensions = dimensions;
  options.dimension_count = 1;
  expectFailure(TEGULA_COMPILE_USAGE, "expected a dimension as name=extent, but got 'n'");
  options.dimension_count = 0;
  options.model_path = "model.onnx";
  expectFailure(TEGULA_COMPILE_USAGE, "expected either the path or the bytes of a model");
  options.model_path = nullptr;
  options.output_path = nullptr;
  expectFailure(TEGULA_COMPILE_USAGE, "expected an output path");
  options.struct_size = 0;
  expectFailure(TEGULA_COMPILE_USAGE, "expected options with their size");
}

TEST(MessageTest, NullIsEmpty) {
  EXPECT_STREQ(tegula_message_text(nullptr), "");
  tegula_message_release(nullptr);
  EXPECT_STREQ(tegula_compiler_version(), "0.1.0");
}

} // namespace
