// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What of an artifact its code hash depends on, on code that the compiler writes.
#include "tegula/Export/CodeHash.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Driver/CompilerSession.h"

#include "mlir/AsmParser/AsmParser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "onnx/defs/parser.h"

#include <filesystem>
#include <unistd.h>

using namespace tegula;
namespace fs = std::filesystem;

namespace {

class CodeHashTest : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::temp_directory_path() / ("tegula-code-hash-" + std::to_string(getpid()));
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  /// The hash of `x * factor`, compiled into the file `name`.
  std::string compile(const std::string &name, const std::string &factor = "2", const std::string &node = "product",
                      const std::string &schedule = "") {
    std::string type = "float[" + std::to_string(elements) + "] ";
    std::string text = "<ir_version: 8, opset_import: [\"\" : 17]> g (" + type + "x) => (" + type +
                       "y) { factor = Constant<value = float {" + factor + "}>() [" + node + "] y = Mul(x, factor) }";
    onnx::ModelProto model;
    onnx::Common::Status status = onnx::OnnxParser::Parse(model, text.c_str());
    EXPECT_TRUE(status.IsOK()) << status.ErrorMessage();
    std::string bytes = model.SerializeAsString();
    CompileOptions options;
    options.modelPath = "model.onnx";
    options.modelBytes = bytes;
    options.outputPath = (folder / name).string();
    options.target = target;
    options.replayDirectory.clear();
    if (!schedule.empty())
      options.schedules = [&](mlir::ModuleOp module) {
        module.getContext()->loadDialect<sched::SchedDialect>();
        for (auto kernel : module.getOps<exec::KernelOp>()) {
          kernel.setScheduleAttr(mlir::parseAttribute(schedule, module.getContext()));
          kernel.setProvenance("a long story about where this schedule comes from");
        }
        return llvm::Error::success();
      };
    CompilerSession session(options);
    EXPECT_EQ(session.getCodeHash(), "");
    EXPECT_EQ(session.compile(), CompileStatus::Ok) << session.getMessages();
    return session.getCodeHash();
  }

  fs::path folder;
  std::string target = "x86-64-v3";
  int64_t elements = 1000;
};

TEST_F(CodeHashTest, IsThatOfTheCodeWhateverItIsCalled) {
  std::string hash = compile("a.so");
  EXPECT_THAT(hash, testing::MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(compile("a.so"), hash);
  EXPECT_EQ(compile("a_much_longer_name_of_the_library.so"), hash);
  EXPECT_EQ(compile("a.so", "2", "another_name_of_the_node"), hash);
}

TEST_F(CodeHashTest, ChangesWithConstantsScheduleAndTarget) {
  std::string hash = compile("a.so");
  EXPECT_NE(compile("a.so", "3"), hash);
  std::string few = compile("a.so", "2", "product", "#sched.cpu_map<vector = 8, interleave = 2, tile = 100>");
  std::string many = compile("a.so", "2", "product", "#sched.cpu_map<vector = 8, interleave = 2, tile = 200>");
  EXPECT_NE(few, many);
  target = "x86-64-v2";
  EXPECT_NE(compile("a.so"), hash);
}

TEST_F(CodeHashTest, IsNotThatOfTheTextOfASchedule) {
  // One element leaves nothing to schedule.
  elements = 1;
  std::string one = compile("a.so", "2", "product", "#sched.cpu_map<vector = 8, interleave = 2, tile = 0>");
  std::string other = compile("a.so", "2", "product", "#sched.cpu_map<vector = 4, interleave = 1, tile = 1000>");
  EXPECT_EQ(one, other);
}

TEST(CodeHash, WhatIsNoObjectFileIsAnError) {
  llvm::Expected<std::string> hash = hashCode("no object");
  ASSERT_FALSE(static_cast<bool>(hash));
  EXPECT_NE(llvm::toString(hash.takeError()), "");
}

} // namespace
