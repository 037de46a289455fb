// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions for the tests of the matmul family: as MLIR text, compiled with a schedule, and run against upstream's
// linalg-to-loops.
//
#ifndef TEGULA_TEST_LIB_CODEGEN_CPU_FAMILIES_MATMULPROBLEM_H
#define TEGULA_TEST_LIB_CODEGEN_CPU_FAMILIES_MATMULPROBLEM_H

#include "KernelJit.h"

#include "tegula/Codegen/CPU/Families/MatMul.h"
#include "tegula/Codegen/Passes.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/TargetParser/Host.h"
#include "gtest/gtest.h"

#include <cstring>

namespace tegula::test {

using namespace mlir;

/// An elementwise op after the contraction: inputs other than the running value, and the body.
struct Step {
  struct Input {
    std::string map;
    std::vector<int64_t> shape;
  };
  std::vector<Input> inputs;
  /// Uses %x for the running value, %y0, %y1 for the inputs; yields %r.
  std::string body;
  std::string type;
};

struct Problem {
  /// Maps of lhs, rhs and result over d0..; `iterators` has p for parallel and r for reduction.
  std::string lhsMap, rhsMap, resultMap, iterators;
  std::vector<int64_t> lhs, rhs, result;
  std::vector<Step> steps;
  std::string lhsType = "f32", rhsType = "f32", type = "f32", accumulator = "f32";
  bool dynamic = false;
  /// Of integer operands: whether they are unsigned, what is subtracted from them, how their products are summed.
  bool lhsUnsigned = false, rhsUnsigned = false;
  int lhsZero = 0, rhsZero = 0;
  MachineModel::IntegerDot integerDot = MachineModel::IntegerDot::Single;
  /// Whether the machine has tile registers, which vector code stands in for; products of floats are marked then.
  bool tiles = false;

  MachineModel machine(int64_t bits) const {
    MachineModel model = MachineModel::forVectorBits(bits);
    model.integerDot = integerDot;
    model.bfloatTiles = model.byteTiles = tiles;
    return model;
  }
};

inline std::string shapeText(const std::vector<int64_t> &shape, const std::string &type, bool dynamic) {
  std::string text = "memref<";
  for (int64_t extent : shape)
    text += (dynamic ? std::string("?") : std::to_string(extent)) + "x";
  return text + type + ">";
}

inline std::string dimsText(unsigned count) {
  std::string text;
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", d" : "d") + std::to_string(i);
  return text;
}

inline std::string iteratorsText(const std::string &letters) {
  std::string text;
  for (char letter : letters)
    text += std::string(text.empty() ? "" : ", ") + (letter == 'p' ? "\"parallel\"" : "\"reduction\"");
  return text;
}

/// The kernel as MLIR text; arguments: lhs, rhs, inputs of the steps, result.
inline std::string kernelText(const Problem &p) {
  std::string arguments =
      "%lhs: " + shapeText(p.lhs, p.lhsType, p.dynamic) + ", %rhs: " + shapeText(p.rhs, p.rhsType, p.dynamic);
  std::string body;
  std::string current = p.steps.empty() ? "%out" : "%t";
  std::string currentType = shapeText(p.result, p.accumulator, p.dynamic);
  std::string resultType = p.steps.empty() ? p.accumulator : p.steps.back().type;
  auto allocate = [&](const std::string &name, const std::string &type) {
    std::string sizes;
    if (p.dynamic)
      for (size_t i = 0; i < p.result.size(); ++i) {
        std::string dim = llvm::formatv("%d{0}{1}", name.substr(1), i);
        body += llvm::formatv("    %i{2}{3} = arith.constant {0} : index\n    {1} = memref.dim %out, %i{2}{3} : {4}\n",
                              i, dim, name.substr(1), i, shapeText(p.result, resultType, true));
        sizes += (i ? ", " : "") + dim;
      }
    body += llvm::formatv("    {0} = memref.alloc({1}) : {2}\n", name, sizes, type);
  };
  if (!p.steps.empty())
    allocate(current, currentType);
  bool isFloat = p.accumulator[0] == 'f' || p.accumulator[0] == 'b';
  body += llvm::formatv("    %zero = arith.constant {0} : {1}\n", isFloat ? "0.0" : "0", p.accumulator);
  body += llvm::formatv("    linalg.fill ins(%zero : {0}) outs({1} : {2})\n", p.accumulator, current, currentType);
  std::string dims = dimsText(p.iterators.size());
  body += llvm::formatv("    linalg.generic {{indexing_maps = [affine_map<({0}) -> ({1})>, affine_map<({0}) -> ({2})>, "
                        "affine_map<({0}) -> ({3})>], iterator_types = [{4}]} ins(%lhs, %rhs : {5}, {6}) "
                        "outs({7} : {8}) {{\n    ^bb0(%a: {9}, %b: {10}, %c: {11}):\n",
                        dims, p.lhsMap, p.rhsMap, p.resultMap, iteratorsText(p.iterators),
                        shapeText(p.lhs, p.lhsType, p.dynamic), shapeText(p.rhs, p.rhsType, p.dynamic), current,
                        currentType, p.lhsType, p.rhsType, p.accumulator);
  auto extend = [&](const std::string &name, const std::string &type, bool isUnsigned, int zero) {
    if (type == p.accumulator)
      return "%" + name;
    const char *extension = isFloat ? "extf" : isUnsigned ? "extui" : "extsi";
    body += llvm::formatv("      %{0}x = arith.{1} %{0} : {2} to {3}\n", name, extension, type, p.accumulator);
    if (zero == 0)
      return "%" + name + "x";
    body += llvm::formatv("      %{0}c = arith.constant {1} : {2}\n      %{0}z = arith.subi %{0}x, %{0}c : {2}\n", name,
                          zero, p.accumulator);
    return "%" + name + "z";
  };
  std::string a = extend("a", p.lhsType, p.lhsUnsigned, p.lhsZero);
  std::string b = extend("b", p.rhsType, p.rhsUnsigned, p.rhsZero);
  body += llvm::formatv("      %m = arith.{0} {1}, {2}{5} : {3}\n      %s = arith.{4} %c, %m : {3}\n"
                        "      linalg.yield %s : {3}\n    }\n",
                        isFloat ? "mulf" : "muli", a, b, p.accumulator, isFloat ? "addf" : "addi",
                        isFloat && p.tiles ? " fastmath<afn>" : "");
  unsigned number = 0;
  std::string elementType = p.accumulator;
  std::string resultDims = dimsText(p.result.size());
  for (const Step &step : p.steps) {
    bool last = &step == &p.steps.back();
    std::string next = last ? "%out" : "%t" + std::to_string(number);
    std::string nextType = shapeText(p.result, step.type, p.dynamic);
    if (!last)
      allocate(next, nextType);
    std::string maps = "affine_map<(" + resultDims + ") -> (" + resultDims + ")>", ins = current, types = currentType;
    std::string blockArguments = "%x: " + elementType;
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      std::string name = llvm::formatv("%in{0}_{1}", number, i),
                  type = shapeText(step.inputs[i].shape, "f32", p.dynamic);
      arguments += ", " + name + ": " + type;
      maps += ", affine_map<(" + resultDims + ") -> (" + step.inputs[i].map + ")>";
      ins += ", " + name;
      types += ", " + type;
      blockArguments += llvm::formatv(", %y{0}: f32", i);
    }
    maps += ", affine_map<(" + resultDims + ") -> (" + resultDims + ")>";
    body += llvm::formatv("    linalg.generic {{indexing_maps = [{0}], iterator_types = [{1}]} ins({2} : {3}) "
                          "outs({4} : {5}) {{\n    ^bb0({6}, %o: {7}):\n{8}      linalg.yield %r : {7}\n    }\n",
                          maps, iteratorsText(std::string(p.result.size(), 'p')), ins, types, next, nextType,
                          blockArguments, step.type, step.body);
    current = next;
    currentType = nextType;
    elementType = step.type;
    ++number;
  }
  arguments += ", %out: " + shapeText(p.result, resultType, p.dynamic);
  return "func.func @kernel(" + arguments + ") {\n" + body + "    return\n}\n";
}

inline size_t byteWidth(const std::string &type) {
  return type == "f64" || type == "i64" ? 8 : type == "f32" || type == "i32" ? 4 : type == "i8" ? 1 : 2;
}

inline int64_t countOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

inline void fillWith(const GuardedBuffer &buffer, const std::string &type, uint32_t seed) {
  size_t count = buffer.size() / byteWidth(type);
  for (size_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    int value = int(seed >> 24) % 7 - 3;
    if (type == "f32")
      buffer.as<float>()[i] = value;
    else if (type == "f64")
      buffer.as<double>()[i] = value;
    else if (type == "i32")
      buffer.as<int32_t>()[i] = value;
    else if (type == "i8")
      buffer.as<uint8_t>()[i] = seed >> 24;
    else if (type == "bf16") {
      float exact = value;
      uint32_t bits;
      std::memcpy(&bits, &exact, 4);
      buffer.as<uint16_t>()[i] = bits >> 16;
    } else if (type == "f16") {
      static const uint16_t halves[] = {0xc200, 0xc000, 0xbc00, 0, 0x3c00, 0x4000, 0x4200};
      buffer.as<uint16_t>()[i] = halves[value + 3];
    }
  }
}

class CPUMatMul : public ::testing::Test {
protected:
  CPUMatMul() {
    DialectRegistry registry;
    registerKernelDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  OwningOpRef<ModuleOp> parse(const Problem &p) {
    std::string text = kernelText(p);
    auto module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    return module;
  }

  std::unique_ptr<KernelJit> compile(const Problem &p, const std::string &schedule, int64_t bits) {
    OwningOpRef<ModuleOp> module = parse(p);
    auto function = module->lookupSymbol<func::FuncOp>("kernel");
    EXPECT_TRUE(family->match(function));
    MachineModel machine = p.machine(bits);
    Attribute attribute = schedule.empty() ? family->defaultSchedule(function, machine)
                                           : parseAttribute("#sched.cpu_matmul<" + schedule + ">", &context);
    EXPECT_TRUE(attribute) << schedule;
    if (!attribute || failed(family->lower(function, attribute, machine)) || failed(verify(*module)))
      return nullptr;
    if (p.tiles && failed(emulateTiles(*module)))
      return nullptr;
    return KernelJit::compile(*module, "kernel");
  }

  /// Vector code for the operations on tile registers, of which there are some if the schedule says so.
  LogicalResult emulateTiles(ModuleOp module) {
    auto count = [&] {
      int64_t operations = 0;
      module.walk([&](Operation *op) { operations += isa<amx::TileMulFOp, amx::TileMulIOp>(op); });
      return operations;
    };
    tileProducts += count();
    auto target = exec::CPUTargetAttr::get(&context, "", "", "", hostVectorBits(), /*byte_dot=*/false,
                                           /*bfloat_tiles=*/true, /*byte_tiles=*/true, /*emulated_tiles=*/true);
    module->setAttr("exec.target", target);
    PassManager passes(&context);
    passes.addPass(createCodegenEmulateTilesPass());
    LogicalResult result = passes.run(module);
    module->removeAttr("exec.target");
    EXPECT_EQ(count(), 0);
    return result;
  }

  /// Runs `p` with the family and with plain loops, and compares.
  void check(const Problem &p, const std::string &schedule = "", int64_t workers = 1, int64_t bits = hostVectorBits()) {
    SCOPED_TRACE(kernelText(p) + schedule);
    auto kernel = compile(p, schedule, bits);
    ASSERT_TRUE(kernel);
    OwningOpRef<ModuleOp> plain = parse(p);
    auto reference = KernelJit::compile(*plain, "kernel");
    ASSERT_TRUE(reference);
    checkRun(p, *kernel, *reference, workers);
  }

  void checkRun(const Problem &p, const KernelJit &kernel, const KernelJit &reference, int64_t workers) {
    std::vector<std::unique_ptr<GuardedBuffer>> buffers;
    std::vector<Operand> operands;
    auto add = [&](const std::vector<int64_t> &shape, const std::string &type) {
      buffers.push_back(std::make_unique<GuardedBuffer>(countOf(shape) * byteWidth(type)));
      fillWith(*buffers.back(), type, buffers.size() * 77);
      operands.push_back({buffers.back()->as<void>(), llvm::to_vector(shape)});
    };
    add(p.lhs, p.lhsType);
    add(p.rhs, p.rhsType);
    for (const Step &step : p.steps)
      for (const Step::Input &input : step.inputs)
        add(input.shape, "f32");
    std::string type = p.steps.empty() ? p.accumulator : p.steps.back().type;
    size_t bytes = countOf(p.result) * byteWidth(type);
    GuardedBuffer got(bytes), expected(bytes);
    std::memset(got.as<void>(), 0xff, bytes);
    operands.push_back({got.as<void>(), llvm::to_vector(p.result)});
    for (int64_t worker = 0; worker < workers; ++worker)
      kernel.run(operands, worker, workers);
    operands.back().data = expected.as<void>();
    reference.run(operands);
    for (size_t i = 0; i < bytes; ++i)
      ASSERT_EQ(got.as<uint8_t>()[i], expected.as<uint8_t>()[i])
          << "at element " << i / byteWidth(type) << " of " << bytes / byteWidth(type);
  }

  /// Verification of the schedule fails with one of our messages.
  void expectIllegal(func::FuncOp function, const std::string &schedule, const MachineModel &machine) {
    Attribute attribute = parseAttribute("#sched.cpu_matmul<" + schedule + ">", &context);
    ASSERT_TRUE(attribute);
    std::string message;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      message = diagnostic.str();
      return success();
    });
    EXPECT_TRUE(failed(family->verify(function, attribute, machine, [&] { return function.emitError(); })));
    EXPECT_TRUE(llvm::StringRef(message).starts_with("expected ")) << message;
  }

  MLIRContext context;
  std::unique_ptr<KernelFamily> family = createCPUMatMulFamily();
  /// Products of tiles in the code of all kernels so far.
  int64_t tileProducts = 0;
};

inline Problem product(int64_t m, int64_t n, int64_t k, bool dynamic = false) {
  Problem p{"d0, d2", "d2, d1", "d0, d1", "ppr", {m, k}, {k, n}, {m, n}, {}};
  p.dynamic = dynamic;
  return p;
}

inline std::string tile(int64_t mc, int64_t nc, int64_t kc, int64_t mr, int64_t vectors, int64_t unroll, bool packLhs,
                        bool packRhs, int64_t width = 32) {
  return llvm::formatv("tile = [{0}, {1}, {2}], micro = [{3}, {4}], unroll = {5}, pack_lhs = {6}, pack_rhs = {7}", mc,
                       nc, kc, mr, vectors * hostVectorBits() / width, unroll, packLhs ? "true" : "false",
                       packRhs ? "true" : "false");
}

inline Step bias(const std::string &map, std::vector<int64_t> shape) {
  return {{{map, shape}}, "      %r = arith.addf %x, %y0 : f32\n", "f32"};
}
inline Step relu() {
  return {{}, "      %z = arith.constant 0.0 : f32\n      %r = arith.maximumf %x, %z : f32\n", "f32"};
}

inline Problem convolution(int64_t batch, int64_t channels, int64_t filters, int64_t height, int64_t width,
                           int64_t kernel, int64_t stride, int64_t dilation) {
  int64_t window = dilation * (kernel - 1) + 1;
  int64_t outHeight = (height - window) / stride + 1, outWidth = (width - window) / stride + 1;
  return {llvm::formatv("d0, d4, d2 * {0} + d5 * {1}, d3 * {0} + d6 * {1}", stride, dilation).str(),
          "d1, d4, d5, d6",
          "d0, d1, d2, d3",
          "pppprrr",
          {batch, channels, height, width},
          {filters, channels, kernel, kernel},
          {batch, filters, outHeight, outWidth}};
}

} // namespace tegula::test

#endif
