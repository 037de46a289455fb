// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The functions of codegen-approximate-math against the C library's next precision: a number from each of 2^22
// intervals of the bits of a float, all 2^32 of TEGULA_LONG_SET=all; with and without fused multiply-add.
#include "KernelJit.h"
#include "tegula/Codegen/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/bit.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstdlib>
#include <random>

using namespace mlir;
using namespace tegula;
using namespace tegula::test;

namespace {
constexpr double largestError = 2; // in units of the last place

struct Function {
  const char *name;
  double (*reference)(double);
};
const Function functions[] = {
    {"exp", std::exp},     {"exp2", std::exp2},   {"expm1", std::expm1}, {"tanh", std::tanh},   {"sinh", std::sinh},
    {"cosh", std::cosh},   {"log", std::log},     {"log2", std::log2},   {"log10", std::log10}, {"log1p", std::log1p},
    {"asinh", std::asinh}, {"acosh", std::acosh}, {"atanh", std::atanh}, {"sin", std::sin},     {"cos", std::cos},
    {"tan", std::tan},     {"asin", std::asin},   {"acos", std::acos},   {"atan", std::atan},   {"erf", std::erf},
    {"erfc", std::erfc},
};
void PrintTo(const Function &function, std::ostream *stream) { *stream << function.name; }

uint64_t seed() {
  const char *text = std::getenv("TEGULA_TEST_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 0;
}
bool isLong() {
  const char *text = std::getenv("TEGULA_LONG_SET");
  return text && llvm::StringRef(text) == "all";
}

/// How many units of the last place `got` is off; infinity when a special value or the sign of a zero is wrong.
double errorOf(float got, double want) {
  if (std::isnan(want) || std::isnan(got))
    return std::isnan(want) && std::isnan(got) ? 0 : HUGE_VAL;
  if (std::signbit(got) != std::signbit(want))
    return HUGE_VAL;
  if (std::isinf(want))
    return std::isinf(got) ? 0 : HUGE_VAL;
  // Infinity is the number after the largest one; exact numbers beyond count as that.
  double value = std::isinf(got) ? std::copysign(0x1p128, got) : got;
  double exact = std::abs(want) > 0x1p128 ? std::copysign(0x1p128, want) : want;
  int exponent = exact == 0 ? -126 : std::max(-126, std::ilogb(std::min(std::abs(exact), 0x1.fp127)));
  return std::abs(value - exact) / std::ldexp(1.0, exponent - 23);
}

/// A loop over `name` of one or two buffers of `element`. `attributes` are the module's.
std::unique_ptr<KernelJit> compile(const std::string &name, bool binary, bool fused, const std::string &element = "f32",
                                   const std::string &attributes = "") {
  DialectRegistry registry;
  registerKernelDialects(registry);
  auto context = std::make_unique<MLIRContext>(registry);
  std::string operands = binary ? "%a, %b" : "%a";
  std::string buffer = "memref<?x" + element + ">";
  std::string text = "module attributes {" + attributes + "} { func.func @function(%x: " + buffer + ", %y: " + buffer +
                     ", %z: " + buffer + R"() {
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %size = memref.dim %x, %zero : )" +
                     buffer + R"(
      scf.for %i = %zero to %size step %one {
        %a = memref.load %x[%i] : )" +
                     buffer + R"(
        %b = memref.load %y[%i] : )" +
                     buffer + R"(
        %r = math.)" +
                     name + " " + operands + " : " + element + R"(
        memref.store %r, %z[%i] : )" +
                     buffer + R"(
      }
      return
    }})";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, context.get());
  PassManager passes(context.get());
  passes.addPass(createCodegenApproximateMathPass());
  if (!module || failed(passes.run(*module)))
    return nullptr;
  if (!fused)
    module->walk([](arith::ArithFastMathInterface op) {
      op->setAttr(op.getFastMathAttrName(), arith::FastMathFlagsAttr::get(op.getContext(), arith::FastMathFlags::none));
    });
  JitOptions options;
  options.optimization = 3;
  return KernelJit::compile(*module, "function", options);
}

class Unary : public testing::TestWithParam<std::tuple<Function, bool>> {};
class Power : public testing::TestWithParam<bool> {};
} // namespace

TEST_P(Unary, IsAccurate) {
  auto [function, fused] = GetParam();
  std::unique_ptr<KernelJit> jit = compile(function.name, /*binary=*/false, fused);
  ASSERT_TRUE(jit);
  constexpr uint64_t blocks = uint64_t(1) << 12, blockSize = uint64_t(1) << 20;
  std::mt19937_64 random(seed());
  uint64_t step = isLong() ? 1 : 1024, size = blockSize / step;
  std::vector<float> in(size), out(size);
  double worst = 0;
  float worstInput = 0;
  for (uint64_t block = 0; block < blocks; ++block) {
    for (uint64_t i = 0; i < size; ++i)
      in[i] = llvm::bit_cast<float>(uint32_t(block * blockSize + i * step + (step > 1 ? random() % step : 0)));
    // Zeros, the smallest numbers, the infinities and what follows a power of two are at the start of blocks.
    in[0] = llvm::bit_cast<float>(uint32_t(block * blockSize));
    jit->run({{in.data(), {int64_t(size)}}, {in.data(), {int64_t(size)}}, {out.data(), {int64_t(size)}}});
    for (uint64_t i = 0; i < size; ++i) {
      double error = errorOf(out[i], function.reference(double(in[i])));
      if (error > worst) {
        worst = error;
        worstInput = in[i];
      }
    }
  }
  RecordProperty("largest_error_ulp", std::to_string(worst));
  EXPECT_LE(worst, largestError) << "at " << worstInput << " (" << std::hexfloat << worstInput << ")";
  std::printf("%s: %.3f ULP at %a\n", function.name, worst, worstInput);
}

INSTANTIATE_TEST_SUITE_P(ApproximateMath, Unary, testing::Combine(testing::ValuesIn(functions), testing::Bool()),
                         [](const auto &info) {
                           return std::string(std::get<0>(info.param).name) +
                                  (std::get<1>(info.param) ? "" : "Unfused");
                         });

TEST(Scaling, OneInstructionGivesTheSameBits) {
  std::unique_ptr<KernelJit> two = compile("exp", /*binary=*/false, /*fused=*/true);
  std::unique_ptr<KernelJit> one =
      compile("exp", /*binary=*/false, /*fused=*/true, "f32",
              R"(exec.target = #exec.cpu_target<triple = "x86_64", cpu = "", features = "", vector_bits = 512>)");
  ASSERT_TRUE(one && two);
  // From zero over denormal numbers to infinity.
  constexpr int64_t size = 1 << 20;
  std::vector<float> in(size), first(size), second(size);
  for (int64_t i = 0; i < size; ++i)
    in[i] = float(double(i) / size * 200 - 110);
  one->run({{in.data(), {size}}, {in.data(), {size}}, {first.data(), {size}}});
  two->run({{in.data(), {size}}, {in.data(), {size}}, {second.data(), {size}}});
  EXPECT_EQ(first, second);
}

TEST_P(Power, IsAccurate) {
  std::unique_ptr<KernelJit> jit = compile("powf", /*binary=*/true, GetParam());
  ASSERT_TRUE(jit);
  const float special[] = {0,      1,       2,       3,        0.5f,      1.5f, 1e-45f,
                           1e-38f, 3.4e38f, 8388609, 16777216, HUGE_VALF, NAN,  1.0000001f};
  std::vector<float> x, y, z;
  for (float base : special)
    for (float exponent : special)
      for (int signs = 0; signs < 4; ++signs) {
        x.push_back(signs & 1 ? -base : base);
        y.push_back(signs & 2 ? -exponent : exponent);
      }
  // Any bits, and pairs whose power is a finite number.
  std::mt19937_64 random(seed());
  for (uint64_t count = isLong() ? 100'000'000 : 1 << 20; x.size() < count;) {
    uint64_t bits = random();
    x.push_back(llvm::bit_cast<float>(uint32_t(bits)));
    y.push_back(llvm::bit_cast<float>(uint32_t(bits >> 32)));
    float base = llvm::bit_cast<float>(uint32_t(random() & 0x7fffffff));
    x.push_back(base);
    y.push_back(float(std::uniform_real_distribution<double>(-105, 90)(random) / std::log(double(base))));
  }
  z.resize(x.size());
  int64_t size = x.size();
  jit->run({{x.data(), {size}}, {y.data(), {size}}, {z.data(), {size}}});
  double worst = 0;
  size_t place = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double error = errorOf(z[i], std::pow(double(x[i]), double(y[i])));
    if (error > worst) {
      worst = error;
      place = i;
    }
  }
  EXPECT_LE(worst, largestError) << x[place] << " to the power " << y[place] << " is not " << z[place];
  std::printf("powf: %.3f ULP at %a, %a\n", worst, x[place], y[place]);
}

INSTANTIATE_TEST_SUITE_P(ApproximateMath, Power, testing::Bool(),
                         [](const auto &info) { return info.param ? "Fused" : "Unfused"; });

TEST(ErrorFunctionOfDouble, IsAccurate) {
  std::unique_ptr<KernelJit> jit = compile("erf", /*binary=*/false, /*fused=*/true, "f64");
  ASSERT_TRUE(jit);
  std::vector<double> in{0.0, -0.0, 0x1p-1074, -0x1p-1022, 0.5, -0.5, 6, 1e300, HUGE_VAL, -HUGE_VAL};
  std::mt19937_64 random(seed());
  while (in.size() < (1 << 20)) {
    in.push_back(std::uniform_real_distribution<double>(-7, 7)(random));
    in.push_back(std::exp(std::uniform_real_distribution<double>(-700, 2)(random)));
  }
  std::vector<double> out(in.size());
  int64_t size = in.size();
  jit->run({{in.data(), {size}}, {in.data(), {size}}, {out.data(), {size}}});
  double worst = 0;
  size_t place = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    long double want = std::erf(static_cast<long double>(in[i]));
    int exponent = want == 0 ? -1022 : std::max(-1022, std::ilogb(want));
    double error = double(std::abs(out[i] - want) / std::ldexp(1.0L, exponent - 52));
    if (std::signbit(out[i]) != std::signbit(want))
      error = HUGE_VAL;
    if (error > worst)
      worst = error, place = i;
  }
  EXPECT_LE(worst, 3) << "at " << in[place];
  std::printf("erf of f64: %.3f ULP at %a\n", worst, in[place]);
  double nan = std::nan(""), result = 0;
  jit->run({{&nan, {1}}, {&nan, {1}}, {&result, {1}}});
  EXPECT_TRUE(std::isnan(result));
}
