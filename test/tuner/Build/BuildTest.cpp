// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Build/Build.h"
#include "tegula/Tuner/Build/KernelProgram.h"

#include "../Fixtures.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <csignal>
#include <thread>

using namespace tegula;
using namespace tegula::tuner;
using namespace tegula::tuner::test;

namespace {

const char *const model = R"mlir(
module attributes {exec.target = "a target", exec.inputs = ["of the model"]} {
  exec.kernel @map_add_0 attributes {result_count = 1 : i64, key = "00aa"} {
    func.func @map_add_0(%a: memref<4x8xf32>, %b: memref<8xf32>, %y: memref<4x8xf32>) { return }
  }
  exec.kernel @map_slice_1 attributes {result_count = 1 : i64} {
    func.func @map_slice_1(%a: memref<?x8xf32>, %b: memref<?x?xi64>, %y: memref<3x?xf16>, %offset: index) { return }
  }
}
)mlir";

class KernelProgramTest : public testing::Test {
protected:
  void SetUp() override {
    mlir::DialectRegistry registry;
    registry
        .insert<exec::ExecDialect, mlir::func::FuncDialect, mlir::arith::ArithDialect, mlir::tensor::TensorDialect>();
    context.appendDialectRegistry(registry);
    module = mlir::parseSourceString<mlir::ModuleOp>(model, &context);
    ASSERT_TRUE(module);
  }

  exec::KernelOp kernel(llvm::StringRef name) { return module->lookupSymbol<exec::KernelOp>(name); }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

std::string text(mlir::Operation *op) {
  std::string result;
  llvm::raw_string_ostream stream(result);
  op->print(stream);
  return result;
}

TEST_F(KernelProgramTest, AStaticKernelGetsAStaticProgram) {
  EXPECT_EQ(countDims(kernel("map_add_0")), 0);
  KernelProgram program = valueOf(makeKernelProgram(kernel("map_add_0"), {}));
  ASSERT_TRUE(program.module);
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*program.module)));
  EXPECT_TRUE(program.inputShapes.empty());
  auto main = program.module->lookupSymbol<mlir::func::FuncOp>("main");
  EXPECT_EQ(text(main), R"mlir(func.func @main(%arg0: tensor<4x8xf32>, %arg1: tensor<8xf32>) -> tensor<4x8xf32> {
  %0 = tensor.empty() : tensor<4x8xf32>
  %1 = exec.dispatch @map_add_0 ins(%arg0, %arg1) outs(%0) scalars() : (tensor<4x8xf32>, tensor<8xf32>), (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
})mlir");
  EXPECT_EQ(text(program.module->lookupSymbol("map_add_0")), text(kernel("map_add_0")));
  EXPECT_FALSE(program.module->lookupSymbol("map_slice_1"));
  EXPECT_EQ(text(program.module.get())
                .find("module attributes {exec.inputs = [{name = \"operand_0\", type = "
                      "tensor<4x8xf32>}, {name = \"operand_1\", type = tensor<8xf32>}], "
                      "exec.outputs = [{name = \"result_0\", type = tensor<4x8xf32>}], "
                      "exec.target = \"a target\"}"),
            0u);
}

TEST_F(KernelProgramTest, DynamicExtentsAndScalarsComeFromTheShapesOfInputs) {
  EXPECT_EQ(countDims(kernel("map_slice_1")), 5);
  KernelProgram program = valueOf(makeKernelProgram(kernel("map_slice_1"), {5, 2, 3, 7, 0}));
  ASSERT_TRUE(program.module);
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*program.module)));
  std::vector<std::vector<int64_t>> shapes = {{5, 8}, {2, 3}, {7}, {0}};
  EXPECT_EQ(program.inputShapes, shapes);
  auto main = program.module->lookupSymbol<mlir::func::FuncOp>("main");
  std::string printed = text(main);
  EXPECT_NE(printed.find("func.func @main(%arg0: tensor<?x8xf32>, %arg1: tensor<?x?xi64>, %arg2: tensor<?xi8>, "
                         "%arg3: tensor<?xi8>) -> tensor<3x?xf16>"),
            std::string::npos)
      << printed;
  EXPECT_NE(printed.find("tensor.dim %arg2"), std::string::npos) << printed;
  EXPECT_NE(printed.find("tensor.dim %arg3"), std::string::npos) << printed;
  EXPECT_NE(printed.find("exec.dispatch @map_slice_1 ins(%arg0, %arg1) outs("), std::string::npos) << printed;
}

TEST_F(KernelProgramTest, WrongSizesAreErrors) {
  EXPECT_EQ(message(makeKernelProgram(kernel("map_add_0"), {1})),
            "kernel map_add_0: expected 0 extents and scalars, but got 1");
  EXPECT_EQ(message(makeKernelProgram(kernel("map_slice_1"), {1, 2, 3, -1, 0})),
            "kernel map_slice_1: expected extents and scalars of at least 0, but got -1");
}

/// Builds with a compiler that does what `compile` says.
std::optional<BuildResult> buildWith(const CompileFunction &compile, const std::string &artifact,
                                     const std::atomic<bool> *stop = nullptr) {
  BuildOptions options;
  options.limitSeconds = 4;
  options.stop = stop;
  return valueOf(build(compile, {"key", "family", "signature"}, "#sched.test", artifact, options));
}

TEST(Build, MovesTheArtifactToItsPlace) {
  TemporaryFolder folder;
  auto compile = [&](const Workload &workload, llvm::StringRef schedule) -> llvm::Expected<CompiledKernel> {
    writeFile(folder.file("built"), workload.key + " " + schedule.str());
    return CompiledKernel{folder.file("built"), "c0de"};
  };
  std::optional<BuildResult> result = buildWith(compile, folder.file("artifact-1.so"));
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->built) << result->detail;
  EXPECT_EQ(result->artifact, folder.file("artifact-1.so"));
  EXPECT_EQ(result->codeHash, "c0de");
  EXPECT_FALSE(llvm::sys::fs::exists(folder.file("built")));
  std::ifstream content(result->artifact);
  std::string line;
  std::getline(content, line);
  EXPECT_EQ(line, "key #sched.test");
}

TEST(Build, FaultsOfTheCompilerAreDetails) {
  TemporaryFolder folder;
  auto detail = [&](const CompileFunction &compile) {
    std::optional<BuildResult> result = buildWith(compile, folder.file("artifact.so"));
    EXPECT_TRUE(result && !result->built);
    return result ? result->detail : "";
  };
  using Result = llvm::Expected<CompiledKernel>;
  EXPECT_EQ(detail([](const Workload &, llvm::StringRef) -> Result { return llvm::createStringError("no such tile"); }),
            "no such tile");
  EXPECT_EQ(detail([](const Workload &, llvm::StringRef) -> Result { return raise(SIGSEGV), CompiledKernel(); }),
            "the compiler ended with signal 11 (Segmentation fault)");
  EXPECT_EQ(detail([](const Workload &, llvm::StringRef) -> Result { _exit(7); }),
            "the compiler ended with exit code 7");
  EXPECT_EQ(detail([](const Workload &, llvm::StringRef) -> Result {
              while (true)
                pause();
            }),
            "the compiler did not finish within 4 s");
  EXPECT_EQ(detail([](const Workload &, llvm::StringRef) -> Result { return CompiledKernel{"nowhere.so", ""}; }),
            "expected an artifact in nowhere.so, but got: No such file or directory");
}

TEST(Build, StoppingAbandonsACompilerThatHangs) {
  TemporaryFolder folder;
  std::atomic<bool> stop{false};
  std::thread interrupt([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop = true;
  });
  auto hang = [](const Workload &, llvm::StringRef) -> llvm::Expected<CompiledKernel> {
    while (true)
      pause();
  };
  EXPECT_FALSE(buildWith(hang, folder.file("artifact.so"), &stop));
  interrupt.join();
}

} // namespace
