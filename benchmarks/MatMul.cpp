// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One thread of the cpu_matmul family against the peak of the same core, measured in the same process and interleaved
// with it: a loop of 24 independent vector multiply-adds. Prints every sample.
//
//   benchmark-matmul [--m=1024 --n=1024 --k=1024] [--dynamic] [--transpose-rhs] [--schedule='tile = ...'] [--optimize]
//                    [--seconds=2] [--assembly]
//   benchmark-matmul --conv=C,F,H,W,K,S      a convolution: channels, filters, padded height and width, window, stride
//
#include "KernelJit.h"

#include "tegula/Codegen/CPU/Families/MatMul.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <ctime>

using namespace mlir;
using namespace tegula;
using namespace tegula::test;

static llvm::cl::opt<int64_t> rowsOption("m", llvm::cl::init(1024)), columnsOption("n", llvm::cl::init(1024)),
    depthOption("k", llvm::cl::init(1024));
static llvm::cl::opt<bool> dynamicOption("dynamic"), transposeOption("transpose-rhs"), optimizeOption("optimize"),
    assemblyOption("assembly");
static llvm::cl::opt<std::string> scheduleOption("schedule"), convOption("conv");
static llvm::cl::opt<double> secondsOption("seconds", llvm::cl::init(2));
static llvm::cl::opt<int64_t> bitsOption("vector-bits", llvm::cl::init(0));

/// Seconds of this thread's own time, so that other programs on the machine cost little more than the caches they take.
static double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

static std::string peakText(int64_t lanes, int64_t iterations) {
  std::string sums, initial, types, body, yielded;
  for (int i = 0; i < 24; ++i) {
    std::string comma = i ? ", " : "";
    initial += llvm::formatv("{0}%s{1} = %one", comma, i);
    types += llvm::formatv("{0}vector<{1}xf32>", comma, lanes);
    body += llvm::formatv("    %t{0} = vector.fma %x, %y, %s{0} : vector<{1}xf32>\n", i, lanes);
    yielded += llvm::formatv("{0}%t{1}", comma, i);
    sums +=
        llvm::formatv("  vector.store %r#{0}, %out[%c{0}] : memref<{1}xf32>, vector<{2}xf32>\n", i, 24 * lanes, lanes);
  }
  std::string constants;
  for (int i = 0; i < 24; ++i)
    constants += llvm::formatv("  %c{0} = arith.constant {1} : index\n", i, i * lanes);
  return llvm::formatv("func.func @peak(%in: memref<{0}xf32>, %out: memref<{1}xf32>) {{\n{2}"
                       "  %x = vector.load %in[%c0] : memref<{0}xf32>, vector<{3}xf32>\n"
                       "  %y = vector.load %in[%c1] : memref<{0}xf32>, vector<{3}xf32>\n"
                       "  %one = arith.constant dense<1.0> : vector<{3}xf32>\n"
                       "  %step = arith.constant 1 : index\n  %end = arith.constant {4} : index\n"
                       "  %r:24 = scf.for %i = %c0 to %end step %step iter_args({5}) -> ({6}) {{\n{7}"
                       "    scf.yield {8} : {6}\n  }\n{9}  return\n}\n",
                       2 * lanes, 24 * lanes, constants, lanes, iterations, initial, types, body, yielded, sums);
}

static std::string contractionText(ArrayRef<ArrayRef<int64_t>> shapes, ArrayRef<std::string> maps, StringRef dims,
                                   StringRef iterators) {
  std::string types[3];
  for (int i = 0; i < 3; ++i) {
    types[i] = "memref<";
    for (int64_t extent : shapes[i])
      types[i] += (dynamicOption ? std::string("?") : std::to_string(extent)) + "x";
    types[i] += "f32>";
  }
  return llvm::formatv("func.func @kernel(%a: {0}, %b: {1}, %c: {2}) {{\n  %zero = arith.constant 0.0 : f32\n"
                       "  linalg.fill ins(%zero : f32) outs(%c : {2})\n"
                       "  linalg.generic {{indexing_maps = [affine_map<({3}) -> ({4})>, affine_map<({3}) -> ({5})>, "
                       "affine_map<({3}) -> ({6})>], iterator_types = [{7}]} ins(%a, %b : {0}, {1}) outs(%c : {2}) {{\n"
                       "  ^bb0(%x: f32, %y: f32, %s: f32):\n    %m = arith.mulf %x, %y : f32\n"
                       "    %t = arith.addf %s, %m : f32\n    linalg.yield %t : f32\n  }\n  return\n}\n",
                       types[0], types[1], types[2], dims, maps[0], maps[1], maps[2], iterators);
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv, "single-threaded matmul against the core's peak\n");
  DialectRegistry registry;
  registerKernelDialects(registry);
  MLIRContext context(registry);
  context.loadAllAvailableDialects();

  int64_t m = rowsOption, n = columnsOption, k = depthOption;
  SmallVector<int64_t> shapes[3] = {{m, k}, {k, n}, {m, n}};
  std::string text;
  double flops = 2.0 * m * n * k;
  if (!convOption.empty()) {
    SmallVector<StringRef> parts;
    StringRef(convOption).split(parts, ',');
    int64_t v[6];
    for (int i = 0; i < 6; ++i)
      if (parts.size() != 6 || parts[i].getAsInteger(10, v[i])) {
        llvm::errs() << "expected --conv=C,F,H,W,K,S, but got " << convOption << "\n";
        return 2;
      }
    auto [c, f, h, w, window, stride] = std::tuple(v[0], v[1], v[2], v[3], v[4], v[5]);
    int64_t oh = (h - window) / stride + 1, ow = (w - window) / stride + 1;
    shapes[0] = {1, c, h, w};
    shapes[1] = {f, c, window, window};
    shapes[2] = {1, f, oh, ow};
    flops = 2.0 * f * oh * ow * c * window * window;
    text = contractionText(
        {shapes[0], shapes[1], shapes[2]},
        {llvm::formatv("d0, d4, d2 * {0} + d5, d3 * {0} + d6", stride).str(), "d1, d4, d5, d6", "d0, d1, d2, d3"},
        "d0, d1, d2, d3, d4, d5, d6",
        "\"parallel\", \"parallel\", \"parallel\", \"parallel\", \"reduction\", \"reduction\", "
        "\"reduction\"");
  } else {
    if (transposeOption)
      shapes[1] = {n, k};
    text =
        contractionText({shapes[0], shapes[1], shapes[2]}, {"d0, d2", transposeOption ? "d1, d2" : "d2, d1", "d0, d1"},
                        "d0, d1, d2", "\"parallel\", \"parallel\", \"reduction\"");
  }
  JitOptions options;
  options.optimization = optimizeOption ? 3 : 0;
  options.printAssembly = assemblyOption;
  auto module = parseSourceString<ModuleOp>(text, &context);
  auto function = module->lookupSymbol<func::FuncOp>("kernel");
  auto family = createCPUMatMulFamily();
  int64_t bits = bitsOption ? int64_t(bitsOption) : hostVectorBits();
  MachineModel machine = MachineModel::forVectorBits(bits);
  Attribute schedule = scheduleOption.empty() ? family->defaultSchedule(function, machine)
                                              : parseAttribute("#sched.cpu_matmul<" + scheduleOption + ">", &context);
  if (!schedule || failed(family->lower(function, schedule, machine)))
    return 1;
  llvm::outs() << "schedule " << schedule << "\n";
  double start = now();
  auto kernel = KernelJit::compile(*module, "kernel", options);
  llvm::outs() << llvm::formatv("compiled in {0:F0} ms\n", (now() - start) * 1e3);
  if (assemblyOption) {
    llvm::outs() << kernel->assembly();
    return 0;
  }

  int64_t lanes = hostVectorBits() / 32, iterations = 400000;
  auto peakModule = parseSourceString<ModuleOp>(peakText(lanes, iterations), &context);
  auto peak = KernelJit::compile(*peakModule, "peak");
  std::vector<float> ones(2 * lanes, 1e-3f), sums(24 * lanes);
  SmallVector<Operand> peakOperands{{ones.data(), {2 * lanes}}, {sums.data(), {24 * lanes}}};
  double peakFlops = 2.0 * 24 * lanes * iterations;

  std::vector<std::unique_ptr<float[]>> memory;
  SmallVector<Operand> operands;
  for (auto &shape : shapes) {
    size_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    // One page further for each operand, as separate allocations come.
    memory.emplace_back(new float[count + 1024]);
    for (size_t i = 0; i < count; ++i)
      memory.back()[i] = float(i * 37 % 101) / 101 - 0.5f;
    operands.push_back({memory.back().get(), shape});
  }
  kernel->run(operands);
  double probe = now();
  kernel->run(operands);
  int64_t repeats = std::max<int64_t>(1, 0.02 / (now() - probe));
  double bestPeak = 0, bestKernel = 0;
  std::vector<double> ratios;
  for (double end = now() + secondsOption; now() < end;) {
    double t0 = now();
    peak->run(peakOperands);
    double t1 = now();
    for (int64_t i = 0; i < repeats; ++i)
      kernel->run(operands);
    double t2 = now();
    double peakRate = peakFlops / (t1 - t0) / 1e9, kernelRate = flops * repeats / (t2 - t1) / 1e9;
    bestPeak = std::max(bestPeak, peakRate);
    bestKernel = std::max(bestKernel, kernelRate);
    ratios.push_back(kernelRate / peakRate);
    llvm::outs() << llvm::formatv("sample peak {0:F1} GFLOP/s kernel {1:F1} GFLOP/s\n", peakRate, kernelRate);
  }
  std::sort(ratios.begin(), ratios.end());
  llvm::outs() << llvm::formatv(
      "best peak {0:F1} best kernel {1:F1} GFLOP/s: {2:F1} %, median of ratios {3:F1} %, {4:F1} "
      "us a run\n",
      bestPeak, bestKernel, 100 * bestKernel / bestPeak, 100 * ratios[ratios.size() / 2], flops / bestKernel / 1e3);
  return 0;
}
