// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the map family shares a kernel among workers: together they write every element, whatever their number; none
// does it alone where the work can be shared.
//
#include "KernelJit.h"

#include "tegula/Codegen/CPU/Families/Map.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::test;

namespace {

class MapTest : public testing::Test {
protected:
  MapTest() {
    registerKernelDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  void compile(StringRef text) {
    auto module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    auto function = module->lookupSymbol<func::FuncOp>("kernel");
    auto family = createCPUMapFamily();
    MachineModel machine = MachineModel::forVectorBits(128);
    ASSERT_TRUE(succeeded(family->lower(function, family->defaultSchedule(function, machine), machine)));
    kernel = KernelJit::compile(*module, "kernel");
    ASSERT_TRUE(kernel);
  }

  /// The result of these workers of `size`; `untouched` where none has written.
  std::vector<float> run(ArrayRef<int64_t> workers, int64_t size, ArrayRef<std::vector<int64_t>> inputs,
                         const std::vector<int64_t> &result) {
    auto countOf = [](const std::vector<int64_t> &shape) {
      int64_t count = 1;
      for (int64_t extent : shape)
        count *= extent;
      return size_t(count);
    };
    std::vector<std::unique_ptr<GuardedBuffer>> memory;
    SmallVector<Operand> operands;
    for (const auto &shape : inputs) {
      memory.push_back(std::make_unique<GuardedBuffer>(countOf(shape) * sizeof(float)));
      for (size_t i = 0; i < countOf(shape); ++i)
        memory.back()->as<float>()[i] = float(i + 1);
      operands.push_back({memory.back()->as<float>(), llvm::to_vector(ArrayRef(shape))});
    }
    memory.push_back(std::make_unique<GuardedBuffer>(countOf(result) * sizeof(float)));
    float *values = memory.back()->as<float>();
    std::fill_n(values, countOf(result), untouched);
    operands.push_back({values, llvm::to_vector(ArrayRef(result))});
    for (int64_t worker : workers)
      kernel->run(operands, worker, size);
    return {values, values + countOf(result)};
  }

  void expectShared(ArrayRef<std::vector<int64_t>> inputs, const std::vector<int64_t> &result) {
    std::vector<float> whole = run({0}, 1, inputs, result);
    EXPECT_EQ(llvm::count(whole, untouched), 0);
    for (int64_t size : {2, 3, 7, 64}) {
      SmallVector<int64_t> workers = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(size)));
      EXPECT_EQ(run(workers, size, inputs, result), whole) << size << " workers";
    }
    for (int64_t worker : {0, 1}) {
      std::vector<float> part = run({worker}, 2, inputs, result);
      auto missing = llvm::count(part, untouched), all = int64_t(part.size());
      EXPECT_GE(missing, all / 3) << "worker " << worker << " of 2";
      EXPECT_LE(missing, all - all / 3) << "worker " << worker << " of 2";
    }
  }

  static constexpr float untouched = -1;
  DialectRegistry registry;
  MLIRContext context;
  std::unique_ptr<KernelJit> kernel;
};

/// A copy of %in to %out, both memrefs of rank 3.
std::string copyText(const std::string &in, const std::string &inType, const std::string &out,
                     const std::string &outType) {
  return "  linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> "
         "(d0, d1, d2)>], iterator_types = [\"parallel\", \"parallel\", \"parallel\"]} ins(" +
         in + " : " + inType + ") outs(" + out + " : " + outType +
         ") {\n  ^bb0(%x: f32, %y: f32):\n    linalg.yield %x : f32\n  }\n";
}

TEST_F(MapTest, FewOuterIterations) {
  compile("func.func @kernel(%a: memref<1x3x40xf32>, %r: memref<1x3x40xf32>) {\n" +
          copyText("%a", "memref<1x3x40xf32>", "%r", "memref<1x3x40xf32>") + "  return\n}\n");
  expectShared({{1, 3, 40}}, {1, 3, 40});
}

TEST_F(MapTest, DynamicBatchOfOne) {
  compile("func.func @kernel(%a: memref<?x12x5xf32>, %r: memref<?x12x5xf32>) {\n" +
          copyText("%a", "memref<?x12x5xf32>", "%r", "memref<?x12x5xf32>") + "  return\n}\n");
  expectShared({{1, 12, 5}}, {1, 12, 5});
}

// Which dimension is cut, the run's extents decide.
TEST_F(MapTest, DynamicRowsAndColumns) {
  compile("func.func @kernel(%a: memref<?x2x?xf32>, %r: memref<?x2x?xf32>) {\n" +
          copyText("%a", "memref<?x2x?xf32>", "%r", "memref<?x2x?xf32>") + "  return\n}\n");
  expectShared({{12, 2, 3}}, {12, 2, 3});
  expectShared({{1, 2, 30}}, {1, 2, 30});
}

// The loop over the result's only dimension stands inside of the reduction's, so that it runs on vectors.
TEST_F(MapTest, SumsOfColumns) {
  compile("func.func @kernel(%a: memref<5x30xf32>, %r: memref<30xf32>) {\n"
          "  %zero = arith.constant 0.0 : f32\n"
          "  linalg.fill ins(%zero : f32) outs(%r : memref<30xf32>)\n"
          "  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>], "
          "iterator_types = [\"parallel\", \"reduction\"]} ins(%a : memref<5x30xf32>) outs(%r : memref<30xf32>) {\n"
          "  ^bb0(%x: f32, %y: f32):\n    %s = arith.addf %x, %y : f32\n    linalg.yield %s : f32\n  }\n  return\n}\n");
  expectShared({{5, 30}}, {30});
}

TEST_F(MapTest, Padding) {
  std::string part = "memref<2x9x5xf32, strided<[77, 7, 1], offset: 8>>";
  compile("func.func @kernel(%a: memref<2x9x5xf32>, %r: memref<2x11x7xf32>) {\n"
          "  %zero = arith.constant 0.0 : f32\n"
          "  linalg.fill ins(%zero : f32) outs(%r : memref<2x11x7xf32>)\n"
          "  %p = memref.subview %r[0, 1, 1] [2, 9, 5] [1, 1, 1] : memref<2x11x7xf32> to " +
          part + "\n" + copyText("%a", "memref<2x9x5xf32>", "%p", part) + "  return\n}\n");
  expectShared({{2, 9, 5}}, {2, 11, 7});
}

TEST_F(MapTest, Concatenation) {
  std::string first = "memref<1x10x4xf32, strided<[64, 4, 1]>>";
  std::string second = "memref<1x6x4xf32, strided<[64, 4, 1], offset: 40>>";
  compile("func.func @kernel(%a: memref<1x10x4xf32>, %b: memref<1x6x4xf32>, %r: memref<1x16x4xf32>) {\n"
          "  %p = memref.subview %r[0, 0, 0] [1, 10, 4] [1, 1, 1] : memref<1x16x4xf32> to " +
          first + "\n" + copyText("%a", "memref<1x10x4xf32>", "%p", first) +
          "  %q = memref.subview %r[0, 10, 0] [1, 6, 4] [1, 1, 1] : memref<1x16x4xf32> to " + second + "\n" +
          copyText("%b", "memref<1x6x4xf32>", "%q", second) + "  return\n}\n");
  expectShared({{1, 10, 4}, {1, 6, 4}}, {1, 16, 4});
}

// The second op reads what all workers' first ops would write.
TEST_F(MapTest, WhatIsReadAgainIsNotShared) {
  compile("func.func @kernel(%a: memref<1x16x4xf32>, %r: memref<1x16x4xf32>) {\n"
          "  %t = memref.alloc() : memref<1x16x4xf32>\n" +
          copyText("%a", "memref<1x16x4xf32>", "%t", "memref<1x16x4xf32>") +
          copyText("%t", "memref<1x16x4xf32>", "%r", "memref<1x16x4xf32>") + "  return\n}\n");
  std::vector<float> whole = run({0}, 1, {{1, 16, 4}}, {1, 16, 4});
  EXPECT_EQ(llvm::count(whole, untouched), 0);
  EXPECT_EQ(run({0}, 2, {{1, 16, 4}}, {1, 16, 4}), whole);
}

} // namespace
