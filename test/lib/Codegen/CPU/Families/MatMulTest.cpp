// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The matmul family against upstream's linalg-to-loops. Operands are small integers, so that every sum is exact and the
// results must be equal bit for bit. Operands end at memory that faults, workspace starts as not-a-number.
//
#include "MatMulProblem.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::test;

namespace {
TEST_F(CPUMatMul, Sizes) {
  for (auto [m, n, k] : {std::tuple{1, 1, 1},
                         {3, 17, 63},
                         {17, 3, 1},
                         {1, 100, 33},
                         {63, 129, 65},
                         {100, 1, 40},
                         {12, 192, 64},
                         {2, 70, 300}})
    check(product(m, n, k));
}

TEST_F(CPUMatMul, Dynamic) {
  // One kernel for all sizes, empty ones among them.
  Problem p = product(1, 1, 1, /*dynamic=*/true);
  int64_t nr = 2 * hostVectorBits() / 32;
  for (bool pack : {true, false}) {
    auto kernel = compile(p, tile(12, 2 * nr, 32, 4, 2, 4, pack, pack), hostVectorBits());
    ASSERT_TRUE(kernel);
    OwningOpRef<ModuleOp> plain = parse(p);
    auto reference = KernelJit::compile(*plain, "kernel");
    for (auto [m, n, k] : {std::tuple{1, 1, 1},
                           {3, 17, 63},
                           {17, 3, 1},
                           {63, 129, 65},
                           {100, 31, 0},
                           {0, 5, 7},
                           {5, 0, 7},
                           {64, 2 * nr, 96},
                           {31, 33, 31}}) {
      Problem sized = product(m, n, k, true);
      SCOPED_TRACE(llvm::formatv("{0} x {1} x {2}", m, n, k).str());
      checkRun(sized, *kernel, *reference, 1);
      checkRun(sized, *kernel, *reference, 3);
      checkRun(sized, *kernel, *reference, 16);
    }
  }
}

TEST_F(CPUMatMul, Schedules) {
  int64_t lanes = hostVectorBits() / 32;
  for (bool packLhs : {false, true})
    for (bool packRhs : {false, true})
      for (auto [mr, vectors, unroll] : {std::tuple{6, 1, 1}, {4, 2, 4}, {1, 4, 2}, {2, 3, 8}})
        check(product(29, 5 * lanes + 3, 50),
              tile(2 * mr, 2 * vectors * lanes, 16, mr, vectors, unroll, packLhs, packRhs));
}

TEST_F(CPUMatMul, DotKernel) {
  // Few rows, both operands contiguous along the depth, nothing packed.
  for (bool dynamic : {false, true})
    for (auto [m, n, k] : {std::tuple{1, 100, 70}, {3, 7, 33}, {4, 64, 128}, {2, 5, 3}}) {
      Problem p = product(m, n, k, dynamic);
      p.rhsMap = "d1, d2";
      p.rhs = {n, k};
      p.steps = {bias("d1", {n}), relu()};
      check(p, tile(2 * m, 4 * hostVectorBits() / 32, 48, m, 2, 1, false, false), 2);
      if (!dynamic)
        check(p);
    }
}

TEST_F(CPUMatMul, OneRowAtRunTime) {
  // The single row has a nest of its own, here with sums in the workspace and with a transposed right operand.
  Step toHalf{{}, "      %r = arith.truncf %x : f32 to f16\n", "f16"};
  for (bool transposed : {false, true}) {
    Problem p = product(1, 700, 90, /*dynamic=*/true);
    p.steps = {bias("d1", {700}), toHalf};
    if (transposed) {
      p.rhsMap = "d1, d2";
      p.rhs = {700, 90};
    }
    check(p, tile(8, 12 * hostVectorBits() / 32, 40, 4, 3, 2, true, true), 2);
  }
}

TEST_F(CPUMatMul, NarrowerVectors) {
  for (int64_t bits : {128, 256})
    if (bits <= hostVectorBits())
      for (bool dynamic : {false, true})
        check(product(13, 45, 37, dynamic), "", 1, bits);
}

TEST_F(CPUMatMul, Transposed) {
  Problem left = product(19, 37, 45), right = left, both = left, result = left;
  left.lhsMap = both.lhsMap = "d2, d0";
  left.lhs = both.lhs = {45, 19};
  right.rhsMap = both.rhsMap = "d1, d2";
  right.rhs = both.rhs = {37, 45};
  result.resultMap = "d1, d0";
  result.result = {37, 19};
  for (Problem &p : std::array{left, right, both, result})
    for (bool dynamic : {false, true}) {
      p.dynamic = dynamic;
      check(p);
    }
}

TEST_F(CPUMatMul, Batches) {
  for (bool dynamic : {false, true})
    for (int64_t workers : {1, 2, 5, 32}) {
      Problem p{"d0, d1, d2, d4", "0, d1, d4, d3", "d0, d1, d2, d3", "ppppr",
                {3, 2, 7, 20},    {1, 2, 20, 35},  {3, 2, 7, 35}};
      p.dynamic = dynamic;
      // linalg wants to know every extent from some map without the constant.
      check(p, "", workers);
      // Rows of several loops: the left operand has a batch that the right one lacks.
      Problem rows{"d0, d1, d3", "d3, d2", "d0, d1, d2", "pppr", {3, 5, 20}, {20, 70}, {3, 5, 70}};
      rows.dynamic = dynamic;
      check(rows, "", workers);
    }
}

TEST_F(CPUMatMul, VectorOperands) {
  check({"d0, d1", "d1", "d0", "pr", {37, 50}, {50}, {37}});
  check({"d1", "d1, d0", "d0", "pr", {50}, {50, 37}, {37}});
  check({"d0", "d0", "", "r", {50}, {50}, {}});
  check({"d0, d1", "d0, d1", "d0", "pr", {6, 50}, {6, 50}, {6}});
}

TEST_F(CPUMatMul, Convolutions) {
  for (bool dynamic : {false, true})
    for (auto [batch, stride, dilation, kernel] : {std::tuple{1, 1, 1, 3},
                                                   {2, 1, 1, 3},
                                                   {2, 2, 1, 3},
                                                   {1, 2, 1, 3},
                                                   {1, 1, 2, 3},
                                                   {2, 3, 2, 2},
                                                   {1, 1, 1, 1},
                                                   {2, 2, 1, 1}}) {
      Problem p = convolution(batch, 5, 10, 19, 23, kernel, stride, dilation);
      p.dynamic = dynamic;
      p.steps = {bias("d1", {10}), relu()};
      check(p, "", 2);
    }
  // Groups, and one dimension.
  check({"d0, d1, d4, d3 + d5",
         "d1, d2, d4, d5",
         "d0, d1, d2, d3",
         "pppprr",
         {2, 3, 4, 30},
         {3, 5, 4, 3},
         {2, 3, 5, 28}});
  // Channels last: the filters are the columns.
  check({"d0, d1 + d4, d2 + d5, d6",
         "d4, d5, d6, d3",
         "d0, d1, d2, d3",
         "pppprrr",
         {2, 9, 11, 6},
         {3, 3, 6, 37},
         {2, 7, 9, 37}});
}

TEST_F(CPUMatMul, Steps) {
  Step residual = bias("d0, d1", {29, 75});
  Step gate{{{"d0", {29}}, {"0, d1", {1, 75}}},
            "      %p = arith.mulf %x, %y0 : f32\n      %q = arith.cmpf olt, %p, %y1 : f32\n"
            "      %r = arith.select %q, %p, %x : f32\n",
            "f32"};
  for (bool dynamic : {false, true}) {
    for (auto &steps : std::vector<std::vector<Step>>{{bias("d1", {75})},
                                                      {bias("d0", {29}), relu()},
                                                      {residual, relu(), gate},
                                                      {bias("d1, d0", {75, 29})},
                                                      {bias("0, 0", {1, 1})}}) {
      Problem p = product(29, 75, 40, dynamic);
      p.steps = steps;
      check(p);
      check(p, tile(8, 4 * hostVectorBits() / 32, 16, 4, 2, 2, true, true), 3);
    }
  }
}

TEST_F(CPUMatMul, ManySteps) {
  // So many ops that rows are stored in a loop.
  Problem p = product(29, 75, 40);
  std::string body = "      %v0 = arith.addf %x, %x : f32\n";
  for (int i = 1; i < 20; ++i)
    body += llvm::formatv("      %v{0} = arith.maximumf %v{1}, %y0 : f32\n", i, i - 1);
  p.steps = {{{{"d0, d1", {29, 75}}}, body + "      %r = arith.addf %v19, %y0 : f32\n", "f32"}};
  check(p);
}

TEST_F(CPUMatMul, Types) {
  Step toHalf{{}, "      %r = arith.truncf %x : f32 to f16\n", "f16"};
  Step toBrain{{}, "      %r = arith.truncf %x : f32 to bf16\n", "bf16"};
  Step toByte{{}, "      %r = arith.trunci %x : i32 to i8\n", "i8"};
  for (bool dynamic : {false, true}) {
    Problem p = product(21, 83, 70, dynamic);
    auto types = [&](std::string operand, std::string accumulator, std::vector<Step> steps, int64_t width) {
      p.lhsType = p.rhsType = operand;
      p.accumulator = accumulator;
      p.steps = steps;
      check(p);
      check(p, tile(8, 4 * hostVectorBits() / width, 16, 4, 2, 2, true, true, width));
    };
    types("f64", "f64", {}, 64);
    types("i32", "i32", {}, 32);
    types("i8", "i32", {}, 32);
    types("i8", "i32", {toByte}, 32);
    types("f16", "f32", {toHalf}, 32);
    types("bf16", "f32", {toBrain}, 32);
    p = product(1, 83, 70, dynamic);
    types("f16", "f32", {toHalf}, 32);
  }
}

TEST_F(CPUMatMul, IntegerDots) {
  Step toByte{{}, "      %r = arith.trunci %x : i32 to i8\n", "i8"};
  SmallVector<MachineModel::IntegerDot> kinds{MachineModel::IntegerDot::Pairs};
  auto features = llvm::sys::getHostCPUFeatures();
  if (hostVectorBits() == 512 ? features.lookup("avx512vnni") : hostVectorBits() == 256 && features.lookup("avxvnni"))
    kinds.push_back(MachineModel::IntegerDot::Bytes);
  if (features.empty() || !features.count("sse2"))
    GTEST_SKIP() << "the instructions of these kernels are those of x86";
  auto run = [&](Problem p, llvm::ArrayRef<std::string> schedules = {}) {
    p.lhsType = p.rhsType = "i8";
    p.accumulator = "i32";
    for (MachineModel::IntegerDot kind : kinds) {
      p.integerDot = kind;
      if (schedules.empty())
        check(p, "", 2);
      for (const std::string &schedule : schedules)
        check(p, schedule, 3);
    }
  };
  std::string blocks = tile(8, 4 * hostVectorBits() / 32, 16, 4, 2, 2, true, true);
  std::string unpacked = tile(8, 4 * hostVectorBits() / 32, 24, 4, 2, 1, false, false);
  // Signedness and zero points: a correction by rows, by columns, none; both operands off center.
  for (bool lhsUnsigned : {false, true})
    for (bool rhsUnsigned : {false, true})
      for (auto [lhsZero, rhsZero] : {std::pair{0, 0}, {0, 7}, {127, 0}, {5, 9}}) {
        Problem p = product(11, 35, 30);
        p.lhsUnsigned = lhsUnsigned;
        p.rhsUnsigned = rhsUnsigned;
        p.lhsZero = lhsZero;
        p.rhsZero = rhsZero;
        run(p, {blocks});
      }
  // Depths that are no whole groups, few rows, transposed operands, extents known at run time.
  for (bool dynamic : {false, true})
    for (auto [m, n, k] : {std::tuple{1, 100, 33}, {5, 64, 1}, {40, 1, 66}, {17, 130, 131}, {3, 20, 0}}) {
      Problem p = product(m, n, k, dynamic);
      p.lhsUnsigned = true;
      p.lhsZero = 128;
      p.steps = {toByte};
      run(p, {dynamic ? blocks : unpacked});
      p.lhsUnsigned = false;
      p.lhsZero = 0;
      p.rhsUnsigned = true;
      p.rhsZero = 100;
      p.rhsMap = "d1, d2";
      std::swap(p.rhs[0], p.rhs[1]);
      p.lhsMap = "d2, d0";
      std::swap(p.lhs[0], p.lhs[1]);
      run(p);
    }
  for (bool dynamic : {false, true})
    for (auto [stride, kernel] : {std::pair{1, 3}, {2, 3}, {3, 2}}) {
      Problem p = convolution(2, 5, 10, 19, 23, kernel, stride, 1);
      p.dynamic = dynamic;
      // Images of unsigned bytes, then weights of them.
      p.lhsUnsigned = true;
      p.lhsZero = 128;
      run(p);
      p.lhsUnsigned = false;
      p.lhsZero = 0;
      p.rhsUnsigned = true;
      p.rhsZero = 3;
      p.steps = {toByte};
      run(p);
    }
}

TEST_F(CPUMatMul, ResultsThatAreNotMatched) {
  Problem p = product(8, 8, 8);
  p.steps = {{{{"d0, d1", {8, 8}}}, "      %e = math.exp %y0 : f32\n      %r = arith.addf %x, %e : f32\n", "f32"}};
  OwningOpRef<ModuleOp> module = parse(p);
  auto function = module->lookupSymbol<func::FuncOp>("kernel");
  EXPECT_TRUE(family->match(function));
  // Without the zero fill the sum would not start from zero.
  function.walk([](linalg::FillOp fill) { fill.erase(); });
  EXPECT_FALSE(family->match(function));
}

TEST_F(CPUMatMul, SpaceContainsTheDefault) {
  for (int64_t bits : {128, 256, 512})
    for (auto [m, n, k] :
         {std::tuple{1, 1000, 512}, {1, 1, 1}, {64, 64, 64}, {1024, 1024, 1024}, {49, 512, 4608}, {3, 3136, 27}})
      for (bool dynamic : {false, true}) {
        OwningOpRef<ModuleOp> module = parse(product(m, n, k, dynamic));
        auto function = module->lookupSymbol<func::FuncOp>("kernel");
        MachineModel machine = MachineModel::forVectorBits(bits);
        SearchSpace space = family->space(function, machine);
        EXPECT_GT(space.count(), 0u);
        Attribute schedule = family->defaultSchedule(function, machine);
        auto point = family->configuration(space, schedule);
        ASSERT_TRUE(point);
        EXPECT_TRUE(space.contains(*point));
        EXPECT_EQ(family->schedule(function, space, *point), schedule);
        // Text round trip, and every sampled point is legal.
        std::string text;
        llvm::raw_string_ostream(text) << schedule;
        EXPECT_EQ(parseAttribute(text, &context), schedule);
        for (uint64_t seed = 0; seed < 32; ++seed) {
          auto sample = space.sample(seed);
          ASSERT_TRUE(sample);
          EXPECT_TRUE(succeeded(family->verify(function, family->schedule(function, space, *sample), machine,
                                               [&] { return function.emitError(); })));
        }
        KernelFeatures features = family->features(function, schedule, machine);
        EXPECT_GE(features.executedFlops, features.flops);
        EXPECT_LE(features.registers, machine.vectorRegisters);
        if (!dynamic)
          EXPECT_EQ(features.flops, 2.0 * m * n * k);
      }
}

TEST_F(CPUMatMul, SampledSchedulesComputeTheSame) {
  for (bool dynamic : {false, true}) {
    Problem p = product(45, 100, 150, dynamic);
    p.steps = {bias("d1", {100}), relu()};
    OwningOpRef<ModuleOp> module = parse(p);
    auto function = module->lookupSymbol<func::FuncOp>("kernel");
    MachineModel machine = MachineModel::forVectorBits(hostVectorBits());
    SearchSpace space = family->space(function, machine);
    for (uint64_t seed = 0; seed < 12; ++seed) {
      std::string text;
      llvm::raw_string_ostream(text) << family->schedule(function, space, *space.sample(seed));
      llvm::StringRef inner = text;
      inner.consume_front("#sched.cpu_matmul<");
      inner.consume_back(">");
      check(p, inner.str(), 1 + seed % 3);
    }
  }
}

TEST_F(CPUMatMul, IllegalSchedules) {
  OwningOpRef<ModuleOp> module = parse(product(64, 64, 64));
  auto function = module->lookupSymbol<func::FuncOp>("kernel");
  MachineModel machine = MachineModel::forVectorBits(256);
  for (const char *schedule : {"tile = [6, 16, 64], micro = [6, 12], unroll = 1, pack_lhs = true, pack_rhs = true",
                               "tile = [16, 32, 64], micro = [16, 32], unroll = 1, pack_lhs = true, pack_rhs = true",
                               "tile = [7, 16, 64], micro = [6, 16], unroll = 1, pack_lhs = true, pack_rhs = true",
                               "tile = [6, 16, 0], micro = [6, 16], unroll = 1, pack_lhs = true, pack_rhs = true",
                               "tile = [6, 16], micro = [6, 16], unroll = 1, pack_lhs = true, pack_rhs = true",
                               "tile = [6, 16, 64], micro = [6, 16], unroll = 64, pack_lhs = true, pack_rhs = true"}) {
    expectIllegal(function, schedule, machine);
  }
}

} // namespace
