// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels on tile registers, with vector code in place of these: bit for bit what plain loops compute, and random bf16
// within the bound of their depth.
//
#include "MatMulProblem.h"

#include <cmath>

using namespace mlir;
using namespace tegula;
using namespace tegula::test;

namespace {

class CPUMatMulTiles : public CPUMatMul {};

/// A schedule with `rows` x `columns` tiles of sums.
std::string tiled(int64_t mc, int64_t nc, int64_t kc, int64_t rows, int64_t columns, int64_t unroll, bool packRhs) {
  return llvm::formatv("tile = [{0}, {1}, {2}], micro = [{3}, {4}], unroll = {5}, pack_lhs = true, pack_rhs = {6}, "
                       "tile_registers = true",
                       mc, nc, kc, 16 * rows, 16 * columns, unroll, packRhs);
}

TEST_F(CPUMatMulTiles, BFloats) {
  Step toBrain{{}, "      %r = arith.truncf %x : f32 to bf16\n", "bf16"};
  auto run = [&](Problem p, const std::string &schedule = "", int64_t workers = 2) {
    p.lhsType = p.rhsType = "bf16";
    p.tiles = true;
    int64_t before = tileProducts;
    check(p, schedule, workers);
    EXPECT_TRUE(schedule.empty() || tileProducts > before);
  };
  // Whole tiles, and edges in each direction; blocks of the depth with sums in the result and in the workspace.
  for (auto [m, n, k] : {std::tuple{32, 32, 64}, {1, 1, 1}, {17, 33, 31}, {40, 70, 100}, {5, 100, 65}, {100, 1, 33}})
    for (bool toHalf : {false, true}) {
      Problem p = product(m, n, k);
      if (toHalf)
        p.steps = {bias("d1", {n}), relu(), toBrain};
      run(p);
      for (bool packRhs : {false, true})
        run(p, tiled(32, 64, 32, 2, 2, 1, packRhs));
    }
  // Every block of tiles that fits, and unrolled depths.
  for (auto [rows, columns, unroll] : {std::tuple{1, 1, 2}, {1, 2, 1}, {2, 1, 4}, {1, 3, 2}, {3, 1, 1}, {2, 2, 2}})
    run(product(49, 100, 200), tiled(16 * rows, 32 * columns, 160, rows, columns, unroll, true), 3);
  // Operands in every order, extents known at run time, batches, windows.
  for (bool dynamic : {false, true}) {
    for (int transposed = 0; transposed < 4; ++transposed) {
      Problem p = product(37, 45, 90, dynamic);
      if (transposed & 1) {
        p.lhsMap = "d2, d0";
        std::swap(p.lhs[0], p.lhs[1]);
      }
      if (transposed & 2) {
        p.rhsMap = "d1, d2";
        std::swap(p.rhs[0], p.rhs[1]);
      }
      run(p, tiled(32, 32, 64, 2, 2, 1, true));
    }
    run(product(1, 70, 90, dynamic), dynamic ? tiled(32, 32, 64, 2, 2, 1, true) : "");
    run(product(20, 70, 0, dynamic), tiled(32, 32, 64, 2, 2, 1, true));
    Problem batches{"d0, d1, d3", "d0, d3, d2", "d0, d1, d2", "pppr", {3, 20, 40}, {3, 40, 35}, {3, 20, 35}};
    batches.dynamic = dynamic;
    run(batches, tiled(32, 32, 64, 1, 2, 1, true), 5);
    Problem windows = convolution(2, 5, 18, 12, 13, 3, 2, 1);
    windows.dynamic = dynamic;
    windows.steps = {bias("d1", {18}), relu()};
    run(windows, tiled(16, 32, 64, 1, 2, 1, true));
  }
}

TEST_F(CPUMatMulTiles, NarrowerVectors) {
  for (int64_t bits : {128, 256}) {
    if (bits > hostVectorBits())
      continue;
    Problem p = product(19, 45, 98);
    p.tiles = true;
    p.lhsType = p.rhsType = "bf16";
    check(p, tiled(32, 32, 64, 2, 2, 1, true), 1, bits);
    p.lhsType = p.rhsType = "i8";
    p.accumulator = "i32";
    p.lhsZero = 5;
    p.rhsZero = -3;
    check(p, tiled(32, 32, 64, 1, 2, 1, true), 1, bits);
  }
  EXPECT_GT(tileProducts, 0);
}

TEST_F(CPUMatMulTiles, Integers) {
  Step toByte{{}, "      %r = arith.trunci %x : i32 to i8\n", "i8"};
  SmallVector<MachineModel::IntegerDot> kinds{MachineModel::IntegerDot::Single};
  auto features = llvm::sys::getHostCPUFeatures();
  if (hostVectorBits() == 512 ? features.lookup("avx512vnni") : hostVectorBits() == 256 && features.lookup("avxvnni"))
    kinds.push_back(MachineModel::IntegerDot::Bytes);
  auto run = [&](Problem p, const std::string &schedule) {
    p.lhsType = p.rhsType = "i8";
    p.accumulator = "i32";
    p.tiles = true;
    for (MachineModel::IntegerDot kind : kinds) {
      p.integerDot = kind;
      int64_t before = tileProducts;
      check(p, schedule, 2);
      EXPECT_GT(tileProducts, before);
    }
  };
  // Signedness and zero points of both operands; the depth in two blocks, of which the second ends in the middle of a
  // group.
  for (bool lhsUnsigned : {false, true})
    for (bool rhsUnsigned : {false, true})
      for (auto [lhsZero, rhsZero] : {std::pair{0, 0}, {0, 7}, {-128, 0}, {5, 255}}) {
        Problem p = product(19, 35, 98);
        p.lhsUnsigned = lhsUnsigned;
        p.rhsUnsigned = rhsUnsigned;
        p.lhsZero = lhsZero;
        p.rhsZero = rhsZero;
        run(p, tiled(32, 32, 64, 2, 2, 1, true));
      }
  for (bool dynamic : {false, true}) {
    // A single row at run time is the vectors', with corrections of its own.
    for (auto [m, n, k] : {std::tuple{1, 100, 33}, {17, 130, 131}, {40, 1, 66}, {3, 20, 0}}) {
      Problem p = product(m, n, k, dynamic);
      p.rhsUnsigned = true;
      p.rhsZero = 3;
      p.steps = {toByte};
      run(p, tiled(32, 64, 128, 1, 2, 1, true));
      p.lhsZero = 9;
      run(p, tiled(32, 96, 128, 1, 3, 2, false));
    }
    Problem p = convolution(2, 5, 10, 12, 13, 3, 2, 1);
    p.dynamic = dynamic;
    p.rhsUnsigned = true;
    p.rhsZero = 100;
    run(p, tiled(16, 32, 64, 1, 2, 1, true));
  }
}

/// Random bf16 against sums in f64: the products are exact in f32, and each of at most depth + 2 additions rounds once.
TEST_F(CPUMatMulTiles, StayWithinTheBoundOfTheirDepth) {
  constexpr int64_t m = 33, n = 40, k = 500;
  Problem p = product(m, n, k);
  p.lhsType = p.rhsType = "bf16";
  p.tiles = true;
  auto kernel = compile(p, tiled(32, 64, 256, 2, 2, 1, true), hostVectorBits());
  ASSERT_TRUE(kernel);
  ASSERT_GT(tileProducts, 0);
  GuardedBuffer lhs(m * k * 2), rhs(k * n * 2), result(m * n * 4);
  uint32_t seed = 1;
  auto fill = [&](const GuardedBuffer &buffer) {
    for (size_t i = 0; i < buffer.size() / 2; ++i) {
      seed = seed * 1664525u + 1013904223u;
      // Any sign and mantissa, exponents from -8 to 7.
      buffer.as<uint16_t>()[i] = (seed >> 16 & 0x807f) | (119 + (seed >> 8 & 15)) << 7;
    }
  };
  fill(lhs);
  fill(rhs);
  kernel->run({{lhs.as<void>(), {m, k}}, {rhs.as<void>(), {k, n}}, {result.as<void>(), {m, n}}});
  auto value = [](const GuardedBuffer &buffer, int64_t i) {
    uint32_t bits = uint32_t(buffer.as<uint16_t>()[i]) << 16;
    float number;
    std::memcpy(&number, &bits, 4);
    return double(number);
  };
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0, magnitude = 0;
      for (int64_t d = 0; d < k; ++d) {
        double product = value(lhs, i * k + d) * value(rhs, d * n + j);
        sum += product;
        magnitude += std::abs(product);
      }
      ASSERT_NEAR(result.as<float>()[i * n + j], sum, (k + 2) * std::ldexp(magnitude, -24)) << i << ", " << j;
    }
}

TEST_F(CPUMatMulTiles, AreTheDefault) {
  auto choose = [&](int64_t m, bool tiles, const std::string &type = "i8") {
    Problem p = product(m, 512, 512);
    p.lhsType = p.rhsType = type;
    p.accumulator = type == "i8" ? "i32" : "f32";
    p.tiles = tiles;
    OwningOpRef<ModuleOp> module = parse(p);
    auto function = module->lookupSymbol<func::FuncOp>("kernel");
    MachineModel machine = p.machine(512);
    Attribute schedule = family->defaultSchedule(function, machine);
    SearchSpace space = family->space(function, machine);
    std::optional<Configuration> point = family->configuration(space, schedule);
    EXPECT_TRUE(point && family->schedule(function, space, *point) == schedule);
    EXPECT_TRUE(succeeded(family->verify(function, schedule, machine, [&] { return function.emitError(); })));
    return cast<sched::CPUMatMulAttr>(schedule);
  };
  EXPECT_TRUE(choose(512, true).getTileRegisters());
  EXPECT_EQ(choose(512, true).getMicro(), (llvm::ArrayRef<int64_t>{32, 32}));
  EXPECT_TRUE(choose(512, true, "bf16").getTileRegisters());
  // No tiles for their elements, no tile registers, no rows for them.
  EXPECT_FALSE(choose(512, true, "f32").getTileRegisters());
  EXPECT_FALSE(choose(512, false).getTileRegisters());
  EXPECT_FALSE(choose(1, true).getTileRegisters());
}

TEST_F(CPUMatMulTiles, IllegalSchedules) {
  Problem p = product(64, 64, 64);
  p.lhsType = p.rhsType = "i8";
  p.accumulator = "i32";
  OwningOpRef<ModuleOp> module = parse(p);
  auto function = module->lookupSymbol<func::FuncOp>("kernel");
  MachineModel machine = p.machine(512);
  // No tile registers; then: too many tiles, no whole ones, a left operand that is not packed.
  expectIllegal(function, tiled(64, 64, 64, 2, 2, 1, true), machine);
  machine.byteTiles = true;
  expectIllegal(function, tiled(96, 64, 64, 3, 2, 1, true), machine);
  for (const char *schedule : {"tile = [24, 32, 64], micro = [24, 32], unroll = 1, pack_lhs = true, pack_rhs = true, "
                               "tile_registers = true",
                               "tile = [32, 32, 64], micro = [32, 32], unroll = 1, pack_lhs = false, pack_rhs = true, "
                               "tile_registers = true"})
    expectIllegal(function, schedule, machine);
}

} // namespace
