// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space and features of `cpu_attention` schedules.
//
#include "Schedule.h"

#include "tegula/Codegen/Common/LoopNest.h"
#include "tegula/Codegen/Common/RegisterBlock.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace tegula;
using namespace tegula::attention;

/// Bytes of a worker's keys, scores and sums.
static constexpr int64_t maxWorkspace = int64_t(16) << 20;

/// Register block: the sums, a row of the right operand, one broadcast element.
static int64_t countRegisters(int64_t rows, int64_t vectors) { return (rows + 1) * vectors + 1; }

/// At most what a worker needs: packed queries, keys and values, scores, sums, and what each row has so far.
static int64_t countBytes(const Kernel &kernel, int64_t lanes, int64_t queries, int64_t keys) {
  int64_t width = int64_t(llvm::alignTo(uint64_t(kernel.width()), uint64_t(lanes)));
  constexpr int64_t perRow = 3; // the maximum, the shift and the factor; the total has a vector
  return 4 * (keys * (kernel.depth() + width) + queries * (kernel.depth() + keys + width + lanes + perRow));
}

bool attention::fitsWorkspace(const Kernel &kernel) {
  constexpr int64_t lanes = 16, rows = 12; // of the widest vectors, and the most of a register block
  constexpr int64_t longest = maxWorkspace / 4;
  return kernel.depth() < longest && kernel.width() < longest && countBytes(kernel, lanes, rows, lanes) <= maxWorkspace;
}

/// An extent for estimates.
static int64_t estimate(int64_t extent) { return ShapedType::isDynamic(extent) ? 256 : extent; }

LogicalResult attention::verifySchedule(sched::CPUAttentionAttr schedule, const Kernel &kernel,
                                        const MachineModel &machine, KernelFamily::EmitError emitError) {
  int64_t queries = schedule.getQueries(), keys = schedule.getKeys(), rows = schedule.getRows(),
          vectors = schedule.getVectors(), unroll = schedule.getUnroll();
  for (int64_t value : {queries, keys, rows, vectors, unroll})
    if (value < 1 || value > 4096)
      return emitError() << "expected sizes from 1 to 4096, but got " << schedule;
  if (countRegisters(rows, vectors) > machine.vectorRegisters)
    return emitError() << "expected at most " << machine.vectorRegisters << " vector registers, but " << schedule
                       << " takes " << countRegisters(rows, vectors);
  if (rows * vectors * unroll > maxUnrolledOps && unroll > 1)
    return emitError() << "expected at most " << maxUnrolledOps << " multiply-adds in a round, but got " << schedule;
  if (queries % rows || keys % lanesOf(machine))
    return emitError() << "expected queries in whole register blocks and keys in whole vectors, but got " << schedule;
  if (kernel.isInteger && keys > mostExactProducts)
    return emitError() << "expected at most " << mostExactProducts << " keys, whose sums are exact, but got "
                       << schedule;
  if (countBytes(kernel, lanesOf(machine), queries, keys) > maxWorkspace)
    return emitError() << "expected blocks of at most " << maxWorkspace << " bytes, but got " << schedule;
  return success();
}

SearchSpace attention::makeSpace(const Kernel &kernel, const MachineModel &machine) {
  SearchSpace space("cpu_attention");
  int64_t lanes = lanesOf(machine), queries = kernel.queries(), keys = kernel.keys();
  space.addKnob("queries", valuesCovering({1, 2, 4, 6, 8, 12, 24, 48, 96, 192}, queries));
  SmallVector<int64_t> blocks;
  for (int64_t vectors : {1, 2, 3, 4, 6, 8, 12, 16, 32, 64})
    if (!kernel.isInteger || vectors * lanes <= mostExactProducts)
      blocks.push_back(vectors * lanes);
  space.addKnob("keys", valuesCovering(blocks, keys));
  space.addKnob("rows", valuesCovering({1, 2, 4, 6, 8, 12}, queries));
  SmallVector<int64_t> widest =
      valuesCovering({1, 2, 3, 4}, llvm::divideCeil(std::max(estimate(keys), kernel.width()), lanes));
  space.addKnob("vectors", widest);
  space.addKnob("unroll", {1, 2, 4});
  int64_t registers = machine.vectorRegisters;
  space.addConstraint("registers <= " + std::to_string(registers), {"rows", "vectors"},
                      [=](ArrayRef<int64_t> v) { return countRegisters(v[0], v[1]) <= registers; });
  space.addConstraint("rows * vectors * unroll <= " + std::to_string(maxUnrolledOps), {"rows", "vectors", "unroll"},
                      [](ArrayRef<int64_t> v) { return v[2] == 1 || v[0] * v[1] * v[2] <= maxUnrolledOps; });
  space.addConstraint("queries % rows = 0", {"queries", "rows"}, [](ArrayRef<int64_t> v) { return v[0] % v[1] == 0; });
  space.addConstraint("bytes <= " + std::to_string(maxWorkspace), {"queries", "keys"},
                      [=](ArrayRef<int64_t> v) { return countBytes(kernel, lanes, v[0], v[1]) <= maxWorkspace; });
  return space;
}

Configuration attention::chooseDefault(const SearchSpace &space, const Kernel &kernel, const MachineModel &machine) {
  int64_t lanes = lanesOf(machine);
  auto largest = [&](StringRef knob, auto fits) {
    int64_t best = space.values(knob).front();
    for (int64_t value : space.values(knob))
      if (fits(value))
        best = value;
    return best;
  };
  // Few keys and a narrow value fill no wide register block.
  int64_t useful = llvm::divideCeil(std::max(estimate(kernel.keys()), kernel.width()), lanes);
  int64_t wide = machine.vectorRegisters >= 32 ? 4 : 2;
  int64_t vectors = largest("vectors", [&](int64_t value) { return value <= std::min(wide, useful) && value != 3; });
  int64_t rows = largest("rows", [&](int64_t value) {
    return value <= 6 && countRegisters(value, vectors) <= machine.vectorRegisters &&
           (ShapedType::isDynamic(kernel.queries()) || value <= kernel.queries());
  });
  // A block of values stays in the first cache while all rows read it, if they are many.
  int64_t cached = machine.l1Bytes / (4 * kernel.width()) * (rows == 1 ? 4 : 1);
  int64_t keys = largest(
      "keys", [&](int64_t value) { return value <= cached && countBytes(kernel, lanes, rows, value) <= maxWorkspace; });
  int64_t queries = rows;
  for (int64_t value : space.values("queries"))
    if (value % rows == 0 && 4 * value * (keys + kernel.width()) <= machine.l2Bytes / 2 &&
        countBytes(kernel, lanes, value, keys) <= maxWorkspace)
      queries = value;
  int64_t unroll = largest("unroll", [&](int64_t value) {
    return value == 1 || (rows * vectors * value <= maxUnrolledOps && kernel.depth() % value == 0);
  });
  Configuration point =
      space.point({{"queries", queries}, {"keys", keys}, {"rows", rows}, {"vectors", vectors}, {"unroll", unroll}});
  assert(space.contains(point) && "the default is a point of the space");
  return point;
}

sched::CPUAttentionAttr attention::makeSchedule(MLIRContext *context, const SearchSpace &space,
                                                const Configuration &point) {
  auto get = [&](StringRef knob) { return space.value(point, knob); };
  return sched::CPUAttentionAttr::get(context, get("queries"), get("keys"), get("rows"), get("vectors"), get("unroll"));
}

std::optional<Configuration> attention::findPoint(const SearchSpace &space, sched::CPUAttentionAttr schedule) {
  Configuration point = space.point({{"queries", schedule.getQueries()},
                                     {"keys", schedule.getKeys()},
                                     {"rows", schedule.getRows()},
                                     {"vectors", schedule.getVectors()},
                                     {"unroll", schedule.getUnroll()}});
  return space.contains(point) ? std::optional(point) : std::nullopt;
}

namespace {
/// What a block of queries and keys does, as often as there are blocks.
class BlockFeatures {
public:
  BlockFeatures(sched::CPUAttentionAttr schedule, const Kernel &kernel, const MachineModel &machine)
      : schedule(schedule), machine(machine), heads(double(estimate(kernel.heads()))),
        queries(estimate(kernel.queries())), keys(estimate(kernel.keys())), depth(double(kernel.depth())),
        width(double(kernel.width())), lanes(lanesOf(machine)) {
    queryBlocks = double(llvm::divideCeil(queries, schedule.getQueries()));
    keyBlocks = double(llvm::divideCeil(keys, schedule.getKeys()));
  }

  KernelPart packing() const {
    KernelPart part = makePart("packing", Instruction::Simple);
    part.isPacking = true;
    // Squares of keys are transposed in registers.
    double vectors = heads * queryBlocks * depth * double(llvm::divideCeil(keys, lanes));
    part.loops.push_back({vectors / double(lanes), 1, 1, double(lanes) * std::log2(double(lanes)), double(lanes),
                          double(lanes), 0, 0, double(lanes)});
    return part;
  }

  /// Queries times keys.
  KernelPart products() const {
    KernelPart part = makePart("products", Instruction::MultiplyAdd32);
    addLoops(part, keys, schedule.getKeys(), depth);
    nest(depth, schedule.getKeys(), /*reduced=*/true).addTraffic(part, machine);
    return part;
  }

  /// An exponential takes about 20 operations.
  KernelPart softmax() const {
    KernelPart part = makePart("softmax", Instruction::Simple);
    double rows = heads * double(queries) * keyBlocks;
    double vectors = std::ceil(double(keys) / keyBlocks / double(lanes));
    part.loops.push_back({rows, vectors, 1, 24, 8, 2, 0, 4, 4});
    return part;
  }

  /// Weights times values.
  KernelPart values() const {
    KernelPart part = makePart("values", Instruction::MultiplyAdd32);
    addLoops(part, int64_t(width), int64_t(width), double(keys) / keyBlocks, keyBlocks);
    // Sums go on where the block of keys before has left them.
    for (RegisterLoop &loop : part.loops)
      loop.before = keyBlocks > 1 ? loop.chains : 0;
    nest(width, schedule.getKeys(), /*reduced=*/false).addTraffic(part, machine);
    return part;
  }

  double items() const { return heads * queryBlocks; }

private:
  KernelPart makePart(StringRef name, Instruction instruction) const {
    KernelPart part;
    part.name = name;
    part.instruction = instruction;
    part.vectorBits = machine.vectorBits;
    return part;
  }

  /// Register blocks of all rows and of `columns` columns in blocks of `block`, as the emitter cuts them: panels, then
  /// single vectors; rows, then halves and quarters of them.
  void addLoops(KernelPart &part, int64_t columns, int64_t block, double rounds, double repeats = 1) const {
    int64_t panel = schedule.getVectors() * lanes;
    convolution::forPieces(columns, block, [&](int64_t ownColumns, int64_t columnBlocks) {
      auto addColumns = [&](int64_t vectors, int64_t count) {
        convolution::forPieces(queries, schedule.getQueries(), [&](int64_t ownQueries, int64_t queryCount) {
          auto addRows = [&](int64_t rows, int64_t rowCount) {
            double runs = heads * repeats * double(columnBlocks * count * queryCount * rowCount);
            RegisterLoop loop{runs,
                              rounds,
                              double(schedule.getUnroll()),
                              double(rows * vectors),
                              double(rows * vectors),
                              double(vectors),
                              double(rows),
                              0,
                              double(rows * vectors)};
            if (runs > 0)
              part.loops.push_back(loop);
          };
          int64_t rows = schedule.getRows(), left = ownQueries % rows;
          addRows(rows, ownQueries / rows);
          for (int64_t size = int64_t(llvm::PowerOf2Ceil(uint64_t(rows))) / 2; size >= 1; left %= size, size /= 2)
            addRows(size, left / size);
        });
      };
      int64_t main = schedule.getVectors() > 1 ? ownColumns / panel : 0;
      addColumns(schedule.getVectors(), main);
      addColumns(1, int64_t(llvm::divideCeil(ownColumns - main * panel, lanes)));
    });
  }

  /// Both products walk heads, blocks of queries and of keys, then panels and register blocks of rows. The scores and
  /// the packed keys lie in buffers of their own.
  LoopNest nest(double elements, int64_t keyBlock, bool reduced) const {
    enum { Heads, Queries, Keys, Elements };
    double scores = 4 * double(schedule.getQueries() * keyBlock);
    NestOperand score{4, {{{Heads, 1}}, {{Queries, 1}}, {{Keys, 1}}}, scores};
    NestOperand right{4, {{{Heads, 1}}, {{Keys, 1}}, {{Elements, 1}}}};
    NestOperand left{reduced ? 4.0 : 8.0, {{{Heads, 1}}, {{Queries, 1}}, {{Elements, 1}}}};
    double panel = double(schedule.getVectors() * lanes), rows = double(schedule.getRows());
    return LoopNest({heads, double(queries), double(keys), elements},
                    {{Heads, 1},
                     {Queries, double(schedule.getQueries())},
                     {Keys, double(keyBlock)},
                     {unsigned(reduced ? Keys : Elements), panel},
                     {Queries, rows},
                     {unsigned(reduced ? Elements : Keys), 1}},
                    {score, right, left});
  }

  sched::CPUAttentionAttr schedule;
  const MachineModel &machine;
  double heads;
  int64_t queries, keys;
  double depth, width;
  int64_t lanes;
  double queryBlocks, keyBlocks;
};
} // namespace

KernelFeatures attention::computeFeatures(sched::CPUAttentionAttr schedule, const Kernel &kernel,
                                          const MachineModel &machine) {
  KernelFeatures features;
  double heads = double(estimate(kernel.heads())), queries = double(estimate(kernel.queries())),
         keys = double(estimate(kernel.keys()));
  double depth = double(kernel.depth()), width = double(kernel.width());
  // An exponential takes about 20 operations.
  double scores = heads * queries * keys;
  features.flops = scores * (2 * (depth + width) + 20);
  auto padded = [](double extent, int64_t unit) { return double(llvm::alignTo(uint64_t(extent), uint64_t(unit))); };
  int64_t lanes = lanesOf(machine);
  features.executedFlops = heads * queries * (padded(keys, lanes) * (2 * depth + 20) + 2 * keys * padded(width, lanes));
  features.bytes = 4 * heads * (queries * (depth + width) + keys * (depth + width));
  features.packedBytes =
      4 * heads * depth * keys * double(llvm::divideCeil(uint64_t(queries), uint64_t(schedule.getQueries())));
  features.registers = countRegisters(schedule.getRows(), schedule.getVectors());
  features.l1Bytes = 4 * schedule.getKeys() * kernel.width();
  features.workspaceBytes = countBytes(kernel, lanesOf(machine), schedule.getQueries(), schedule.getKeys());
  features.l2Bytes = features.workspaceBytes;
  BlockFeatures blocks(schedule, kernel, machine);
  features.parts = {blocks.packing(), blocks.products(), blocks.softmax(), blocks.values()};
  features.items = blocks.items();
  return features;
}
