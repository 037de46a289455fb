// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space and features of `cpu_matmul` schedules.
//
// A point of the space has the knobs micro_m (MR), micro_n (NR), tile_m, tile_n, tile_k, unroll, pack_lhs, pack_rhs,
// and where there are tile registers for it, tile_registers; MC and NC are the tile knobs rounded up to whole panels.
//
#include "Schedule.h"

#include "DepthPacking.h"
#include "tegula/Codegen/Common/LoopNest.h"
#include "tegula/Codegen/Common/RegisterBlock.h"
#include "tegula/Codegen/Common/Work.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace tegula;

/// Extent that stands for a dynamic one in estimates.
static constexpr int64_t assumedExtent = 256;

static int64_t estimate(int64_t extent) {
  return ShapedType::isDynamic(extent) ? assumedExtent : std::max<int64_t>(extent, 1);
}

int64_t matmul::countRegisters(int64_t rows, int64_t vectors) {
  // With a single row each vector of the right operand is used once, as a memory operand.
  return rows * vectors + (rows == 1 ? 1 : vectors) + 1;
}

int64_t matmul::countTileRegisters(int64_t rows, int64_t columns) {
  int64_t high = llvm::divideCeil(rows, tileRows), wide = llvm::divideCeil(columns, tileRows);
  return high * wide + high + wide;
}

/// Whether a register block consists of whole tiles, and fits.
static bool fitsTileRegisters(int64_t rows, int64_t columns) {
  return rows % matmul::tileRows == 0 && columns % matmul::tileRows == 0 &&
         matmul::countTileRegisters(rows, columns) <= matmul::tileRegisters;
}

/// Bytes of a packed block of either operand and of one of sums, and how many they may be.
static double countBlockBytes(int64_t rows, int64_t columns, int64_t depth, Type accumulator) {
  double elements = double(columns) * double(depth) + double(rows) * double(depth) + double(rows) * double(columns);
  return elements * accumulator.getIntOrFloatBitWidth() / 8;
}
static constexpr int64_t maxBlockBytes = int64_t(256) << 20;

LogicalResult matmul::verifySchedule(sched::CPUMatMulAttr schedule, const ContractionInfo &info,
                                     const MachineModel &machine, KernelFamily::EmitError emitError) {
  auto tile = schedule.getTile(), micro = schedule.getMicro();
  if (tile.size() != 3 || micro.size() != 2)
    return emitError() << "expected tile = [MC, NC, KC] and micro = [MR, NR], but got " << schedule;
  for (int64_t value : {tile[0], tile[1], tile[2], micro[0], micro[1], schedule.getUnroll()})
    if (value < 1)
      return emitError() << "expected positive sizes, but got " << schedule;
  int64_t lanes = machine.vectorBits / int64_t(info.accumulator.getIntOrFloatBitWidth());
  if (micro[1] % lanes != 0)
    return emitError() << "expected NR to be a multiple of the " << lanes << " lanes of a vector, but got " << micro[1];
  bool tiles = schedule.getTileRegisters();
  int64_t registers = countRegisters(micro[0], micro[1] / lanes);
  if (tiles) {
    if (!planTilePacking(info, machine))
      return emitError() << "expected a target with tile registers that multiply elements of type " << info.lhsType
                         << " and " << info.rhsType << " for a schedule that uses them";
    if (!fitsTileRegisters(micro[0], micro[1]))
      return emitError() << "expected MR and NR to be multiples of " << tileRows << " that take at most "
                         << tileRegisters << " tile registers, but got " << micro[0] << " and " << micro[1];
    if (!schedule.getPackLhs())
      return emitError() << "expected pack_lhs with tile registers, but got " << schedule;
  } else if (registers > machine.vectorRegisters)
    return emitError() << "expected at most " << machine.vectorRegisters
                       << " vector registers, but a register block of " << micro[0] << " x " << micro[1] << " takes "
                       << registers;
  if (tile[0] % micro[0] != 0 || tile[1] % micro[1] != 0)
    return emitError() << "expected MC and NC to be multiples of MR and NR, but got " << schedule;
  int64_t body =
      (tiles ? micro[0] / tileRows * (micro[1] / tileRows) : micro[0] * (micro[1] / lanes)) * schedule.getUnroll();
  if (schedule.getUnroll() > 1 && body > maxUnrolledOps)
    return emitError() << "expected at most " << maxUnrolledOps << " unrolled multiply-adds, but got " << body;
  if (countBlockBytes(tile[0], tile[1], tile[2], info.accumulator) > maxBlockBytes)
    return emitError() << "expected blocks of at most " << maxBlockBytes << " bytes, but got " << schedule;
  return success();
}

/// Depths in a row that are read of each column where the right operand lies in memory row by row and is read once: as
/// many streams, each in the order of memory. The sums stay in the first cache.
static constexpr int64_t streamedDepth = 12;

int64_t matmul::countStreams(const ContractionInfo &info) {
  int64_t depth = info.extent(info.depth);
  return !ShapedType::isDynamic(depth) && depth <= 64 ? 8 : 4;
}

/// Whether both operands are contiguous along the depth.
static bool areDeep(const ContractionInfo &info) {
  return !info.depth.empty() && llvm::all_of(ArrayRef{0, 1}, [&](int operand) {
    const auto &forms = info.coefficients[operand];
    return !forms.empty() && forms.back()[info.depth.back()] == 1 &&
           llvm::count(forms.back(), 0) + 1 == int64_t(forms.back().size());
  });
}

/// Both, in order.
static SmallVector<int64_t> merge(ArrayRef<int64_t> values, ArrayRef<int64_t> others) {
  SmallVector<int64_t> all(values);
  llvm::append_range(all, others);
  llvm::sort(all);
  all.erase(llvm::unique(all), all.end());
  return all;
}

/// A knob of spaces for machines with tile registers.
static constexpr StringLiteral tileKnob = "tile_registers";

SearchSpace matmul::makeSpace(const ContractionInfo &info, const MachineModel &machine) {
  int64_t lanes = machine.vectorBits / int64_t(info.accumulator.getIntOrFloatBitWidth());
  int64_t rows = info.extent(info.rows), columns = info.extent(info.columns), depth = info.extent(info.depth);
  SearchSpace space("cpu_matmul", /*version=*/1);
  SmallVector<int64_t> widths;
  for (int64_t vectors : {1, 2, 3, 4, 6, 8, 12, 16, 24})
    if (vectors < machine.vectorRegisters)
      widths.push_back(vectors * lanes);
  SmallVector<int64_t> microRows = valuesCovering({1, 2, 3, 4, 5, 6, 8, 10, 12, 14}, rows);
  SmallVector<int64_t> microColumns = valuesCovering(widths, columns);
  bool tiles = bool(planTilePacking(info, machine));
  if (tiles) {
    constexpr int64_t extents[] = {tileRows, 2 * tileRows, 3 * tileRows};
    microRows = merge(microRows, valuesCovering(extents, rows));
    microColumns = merge(microColumns, valuesCovering(extents, columns));
  }
  space.addKnob("micro_m", microRows);
  space.addKnob("micro_n", microColumns);
  space.addKnob("tile_m", valuesCovering({24, 48, 96, 192, 384, 768}, rows));
  space.addKnob("tile_n", valuesCovering({64, 128, 256, 512, 1024, 2048, 4096}, columns));
  space.addKnob("tile_k", valuesCovering(
                              {streamedDepth, 64, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096, 8192, 16384}, depth));
  space.addKnob("unroll", {1, 2, 4, 8, streamedDepth});
  // Groups of depths come from packing alone.
  bool groups = planPacking(info, machine).group > 1;
  space.addKnob("pack_lhs", groups ? SmallVector<int64_t>{1} : SmallVector<int64_t>{0, 1});
  // Blocks of columns are what packing would make of them.
  bool isBlocked = info.columnBlock != 0;
  space.addKnob("pack_rhs", isBlocked ? SmallVector<int64_t>{0} : SmallVector<int64_t>{0, 1});
  int64_t registers = machine.vectorRegisters;
  std::string fits = "registers(micro_m, micro_n / " + std::to_string(lanes) + ") <= " + std::to_string(registers);
  auto inVectors = [=](ArrayRef<int64_t> v) { return countRegisters(v[0], v[1] / lanes) <= registers; };
  std::string fitsUnrolled =
      "micro_m * micro_n * unroll <= " + std::to_string(maxUnrolledOps * lanes) + " or unroll = 1";
  auto unrolled = [=](ArrayRef<int64_t> v) { return v[2] == 1 || v[0] * v[1] * v[2] <= maxUnrolledOps * lanes; };
  if (tiles) {
    space.addKnob(tileKnob, {0, 1});
    space.addConstraint("tile_registers ? tiles(micro_m, micro_n) <= " + std::to_string(tileRegisters) + " : " + fits,
                        {"micro_m", "micro_n", tileKnob}, [=](ArrayRef<int64_t> v) {
                          return v[2] ? fitsTileRegisters(v[0], v[1]) : inVectors(v.drop_back());
                        });
    space.addConstraint("tile_registers or " + fitsUnrolled, {"micro_m", "micro_n", "unroll", tileKnob},
                        [=](ArrayRef<int64_t> v) { return v[3] || unrolled(v.drop_back()); });
    space.addConstraint("tile_registers <= pack_lhs", {"pack_lhs", tileKnob},
                        [](ArrayRef<int64_t> v) { return v[1] <= v[0]; });
  } else {
    space.addConstraint(fits, {"micro_m", "micro_n"}, inVectors);
    space.addConstraint(fitsUnrolled, {"micro_m", "micro_n", "unroll"}, unrolled);
  }
  space.addConstraint("bytes(tile_m, tile_n, tile_k) <= " + std::to_string(maxBlockBytes),
                      {"micro_m", "micro_n", "tile_m", "tile_n", "tile_k"},
                      [accumulator = info.accumulator](ArrayRef<int64_t> v) {
                        return countBlockBytes(int64_t(llvm::alignTo(v[2], v[0])), int64_t(llvm::alignTo(v[3], v[1])),
                                               v[4], accumulator) <= maxBlockBytes;
                      });
  // Reading the right operand where it is pays only when few panels of rows use it again.
  space.addConstraint("pack_rhs or rows <= 4 * micro_m", {"micro_m", "pack_rhs"}, [=](ArrayRef<int64_t> v) {
    return v[1] || isBlocked || (!ShapedType::isDynamic(rows) && rows <= 4 * v[0]);
  });
  return space;
}

/// Estimated cycles per depth of all register blocks, and with it the quality of a register block for this kernel.
static double estimateCycles(int64_t microRows, int64_t vectors, int64_t lanes, int64_t rows, int64_t columns) {
  double blocks = double(llvm::divideCeil(rows, microRows)) * llvm::divideCeil(columns, vectors * lanes);
  // One multiply-add a cycle at full width, two loads a cycle (a wide one and a broadcast), and a latency of 4 cycles
  // for a chain. Each block also costs its share of the loads from the second cache.
  double compute = microRows * vectors, loads = 0.6 * (microRows + vectors), latency = 4;
  return blocks * (std::max({compute, loads, latency}) + 0.25 * vectors + 0.1 * microRows);
}

/// Estimated cycles for one round of all register blocks in tile registers, of as many depths as a tile holds. A
/// product of two tiles takes 16 cycles, a tile from the second cache 16, a vector of sums 4 on its way through the
/// scratch buffer, shared by the `rounds` of a block of depths.
static double estimateTileCycles(int64_t microRows, int64_t microColumns, int64_t rows, int64_t columns,
                                 int64_t rounds) {
  constexpr int64_t side = matmul::tileRows;
  double blocks = double(llvm::divideCeil(rows, microRows)) * llvm::divideCeil(columns, microColumns);
  double high = double(microRows) / side, wide = double(microColumns) / side;
  return blocks * (std::max(side * high * wide, side * (high + wide)) + 4 * microRows * wide / double(rounds));
}

/// Cycles that packing an element of an operand takes.
static constexpr double packingCycles = 0.1;

/// The register block in tile registers that takes less time by estimate than the vectors of `vectorRows` rows, which
/// take `vectorCycles` cycles for each depth; zeros when none does.
static std::pair<int64_t, int64_t> chooseTiles(const SearchSpace &space, const matmul::DepthPacking &packing,
                                               int64_t rows, int64_t columns, int64_t depth, int64_t vectorRows,
                                               double vectorCycles) {
  double packingBoth = packingCycles * double(rows + columns);
  double best = vectorCycles + (rows > vectorRows ? packingBoth : 0);
  std::pair<int64_t, int64_t> chosen{0, 0};
  int64_t rounds = llvm::divideCeil(depth, packing.depthUnit());
  for (int64_t m : space.values("micro_m"))
    for (int64_t n : space.values("micro_n")) {
      if (!fitsTileRegisters(m, n))
        continue;
      double cycles = estimateTileCycles(m, n, rows, columns, std::min<int64_t>(rounds, 16));
      cycles = cycles * double(rounds) / double(depth) + packingBoth;
      if (cycles < best)
        best = cycles, chosen = {m, n};
    }
  return chosen;
}

Configuration matmul::chooseDefault(const SearchSpace &space, const ContractionInfo &info,
                                    const MachineModel &machine) {
  int64_t width = info.accumulator.getIntOrFloatBitWidth(), lanes = machine.vectorBits / width;
  int64_t rows = info.extent(info.rows), columns = info.extent(info.columns), depth = info.extent(info.depth);
  auto values = [&](StringRef knob) { return space.values(knob); };
  auto largestUpTo = [&](StringRef knob, int64_t bound) {
    int64_t best = values(knob).front();
    for (int64_t value : values(knob))
      if (value <= bound)
        best = value;
    return best;
  };

  int64_t microRows = 1, microColumns = lanes;
  double best = std::numeric_limits<double>::infinity();
  for (int64_t m : values("micro_m"))
    for (int64_t n : values("micro_n")) {
      if (countRegisters(m, n / lanes) > machine.vectorRegisters)
        continue;
      if (info.columnBlock != 0 && rows <= m && !ShapedType::isDynamic(rows) && n / lanes > countStreams(info))
        continue;
      double cycles = estimateCycles(m, n / lanes, lanes, estimate(rows), estimate(columns));
      if (cycles < best)
        best = cycles, microRows = m, microColumns = n;
    }

  bool tiles = false;
  int64_t bytes = width / 8, longest = 640;
  if (std::optional<DepthPacking> packing = planTilePacking(info, machine)) {
    auto [m, n] = chooseTiles(space, *packing, estimate(rows), estimate(columns), estimate(depth), microRows,
                              best / double(planPacking(info, machine).group));
    if (m > 0) {
      tiles = true;
      microRows = m;
      microColumns = n;
      bytes = 4 / packing->group;
      longest = 1024 / bytes;
    }
  }

  // Deep blocks, because the result is loaded and stored once for each; of nearly equal size.
  int64_t depthLimit = std::max<int64_t>(machine.l2Bytes / 4 / (microColumns * bytes), 64);
  int64_t wanted = std::clamp<int64_t>(depthLimit, 256, longest);
  if (!ShapedType::isDynamic(depth))
    wanted = llvm::divideCeil(depth, std::max<int64_t>(llvm::divideCeil(depth, wanted), 1));
  int64_t blockDepth = ShapedType::isDynamic(depth) ? largestUpTo("tile_k", wanted) : values("tile_k").back();
  if (!ShapedType::isDynamic(depth))
    for (int64_t value : llvm::reverse(values("tile_k")))
      if (value >= wanted)
        blockDepth = value;
  // With nothing packed, blocks are only the rounds in which the result is loaded and stored.
  bool isReused = ShapedType::isDynamic(rows) || rows > microRows, isBlocked = info.columnBlock != 0;
  bool packRhs = isReused && !isBlocked, isStreamed = false;
  if (!isReused) {
    bool groups = tiles || planPacking(info, machine).group > 1, isInPlace = isBlocked || (!groups && areDeep(info));
    // Blocks that may have to be packed stay in the cache.
    blockDepth = isInPlace ? values("tile_k").back() : largestUpTo("tile_k", 1024);
    double elements = double(estimate(info.extent(info.batch))) * double(estimate(depth)) * double(estimate(columns));
    double size = elements * info.rhsType.getIntOrFloatBitWidth() / 8;
    isStreamed = !isInPlace && !groups && size > double(machine.l2Bytes) && estimate(depth) > streamedDepth &&
                 microRows * streamedDepth <= maxUnrolledOps;
    if (isStreamed) {
      blockDepth = streamedDepth;
      int64_t vectors = std::clamp<int64_t>(maxUnrolledOps / streamedDepth / microRows, 1, countStreams(info));
      microColumns = std::min(largestUpTo("micro_n", vectors * lanes), microColumns);
    }
  }
  int64_t blockRows = largestUpTo("tile_m", std::max<int64_t>(machine.l2Bytes / 2 / (blockDepth * bytes), 24));
  int64_t blockColumns = largestUpTo("tile_n", std::max<int64_t>(machine.l3Bytes / 4 / (blockDepth * bytes), 64));
  if (isStreamed)
    blockColumns = values("tile_n").back();
  int64_t unroll = 1;
  for (int64_t candidate : {2, 4})
    if (!tiles && microRows * microColumns / lanes * candidate <= maxUnrolledOps)
      unroll = candidate;
  if (isStreamed)
    unroll = streamedDepth;
  // Rows far apart in memory share few cache sets: packed even when contiguous.
  bool convertsRows = isBlocked && microRows > 1 && info.lhsType != info.accumulator;
  bool packLhs = isReused || tiles || convertsRows || (isStreamed && microRows > 1) || values("pack_lhs").front() == 1;
  SmallVector<std::pair<StringRef, int64_t>> knobs{
      {"micro_m", microRows}, {"micro_n", microColumns}, {"tile_m", blockRows}, {"tile_n", blockColumns},
      {"tile_k", blockDepth}, {"unroll", unroll},        {"pack_lhs", packLhs}, {"pack_rhs", packRhs}};
  if (space.findKnob(tileKnob))
    knobs.emplace_back(tileKnob, tiles);
  Configuration point = space.point(knobs);
  assert(space.contains(point) && "the default is a point of the space");
  return point;
}

sched::CPUMatMulAttr matmul::makeSchedule(const SearchSpace &space, const Configuration &point,
                                          const ContractionInfo &info) {
  auto get = [&](StringRef knob) { return space.value(point, knob); };
  int64_t mr = get("micro_m"), nr = get("micro_n");
  int64_t tile[] = {int64_t(llvm::alignTo(get("tile_m"), mr)), int64_t(llvm::alignTo(get("tile_n"), nr)),
                    get("tile_k")};
  return sched::CPUMatMulAttr::get(info.op->getContext(), tile, {mr, nr}, get("unroll"), get("pack_lhs") != 0,
                                   get("pack_rhs") != 0, space.findKnob(tileKnob) && get(tileKnob) != 0);
}

std::optional<Configuration> matmul::findPoint(const SearchSpace &space, sched::CPUMatMulAttr schedule) {
  int64_t mr = schedule.getMicro()[0], nr = schedule.getMicro()[1];
  // The tile knobs are what was rounded up to the blocks.
  auto tileOf = [&](StringRef knob, int64_t block, int64_t multiple) {
    for (int64_t value : space.values(knob))
      if (int64_t(llvm::alignTo(value, multiple)) == block)
        return value;
    return int64_t(0); // no value of the knob
  };
  SmallVector<std::pair<StringRef, int64_t>> knobs{{"micro_m", mr},
                                                   {"micro_n", nr},
                                                   {"tile_m", tileOf("tile_m", schedule.getTile()[0], mr)},
                                                   {"tile_n", tileOf("tile_n", schedule.getTile()[1], nr)},
                                                   {"tile_k", schedule.getTile()[2]},
                                                   {"unroll", schedule.getUnroll()},
                                                   {"pack_lhs", schedule.getPackLhs()},
                                                   {"pack_rhs", schedule.getPackRhs()}};
  if (space.findKnob(tileKnob))
    knobs.emplace_back(tileKnob, schedule.getTileRegisters());
  else if (schedule.getTileRegisters())
    return std::nullopt;
  Configuration point = space.point(knobs);
  return space.contains(point) ? std::optional(point) : std::nullopt;
}

namespace {
/// A product of matrices as the schedule cuts it; extents are those of the loops, estimated.
class ProductFeatures {
public:
  ProductFeatures(sched::CPUMatMulAttr schedule, const ContractionInfo &info, const MachineModel &machine)
      : schedule(schedule), info(info), machine(machine), batch(double(estimate(info.extent(info.batch)))),
        rows(double(estimate(info.extent(info.rows)))), columns(double(estimate(info.extent(info.columns)))),
        depth(double(estimate(info.extent(info.depth)))), mr(double(schedule.getMicro()[0])),
        nr(double(schedule.getMicro()[1])) {
    packing =
        schedule.getTileRegisters() ? *matmul::planTilePacking(info, machine) : matmul::planPacking(info, machine);
    width = double(info.accumulator.getIntOrFloatBitWidth());
    lanes = double(machine.vectorBits) / width;
    rowBlock = std::min<double>(schedule.getTile()[0], llvm::alignTo(uint64_t(rows), uint64_t(mr)));
    columnBlock = std::min<double>(schedule.getTile()[1], llvm::alignTo(uint64_t(columns), uint64_t(nr)));
    depthBlock = std::min<double>(schedule.getTile()[2], depth);
    depthBlocks = std::ceil(depth / depthBlock);
    roundDepth = depth / depthBlocks;
    // Whole panels of the right operand are read where they are, if they can be.
    packsPanels = !schedule.getPackRhs() && info.columnBlock == 0 && packing.group > 1;
    usesDots = !schedule.getPackRhs() && !schedule.getPackLhs() && packing.group == 1 && areDeep(info);
  }

  KernelPart products() const {
    KernelPart part = makePart("products");
    double blocks = batch * std::ceil(rows / mr) * std::ceil(columns / nr), vectors = nr / lanes;
    RegisterLoop loop;
    loop.unroll = double(schedule.getUnroll());
    loop.runs = blocks * depthBlocks;
    bool isFloat = isa<FloatType>(info.accumulator);
    std::tie(part.instruction, loop.instructions) = productInstruction(packing.group, isFloat, int64_t(width), machine);
    if (packing.tiles) {
      double high = mr / matmul::tileRows, wide = nr / matmul::tileRows;
      part.instruction = Instruction::Tile;
      loop.rounds = std::ceil(roundDepth / double(packing.depthUnit()));
      loop.instructions = loop.chains = high * wide;
      loop.vectorLoads = matmul::tileRows * (high + wide);
      loop.after = 3 * mr * vectors; // through the scratch buffer, and to the result
    } else if (usesDots) {
      // Vectors run along the depth; the lanes of each sum are added at the end.
      double together = std::min(8.0, nr);
      loop.runs = batch * std::ceil(rows / mr) * std::ceil(columns / together) * depthBlocks;
      loop.rounds = std::ceil(roundDepth / lanes);
      loop.unroll = 1;
      loop.instructions = loop.chains = mr * together;
      loop.vectorLoads = mr + together;
      loop.after = mr * together * std::log2(lanes) * 2;
    } else {
      loop.rounds = std::ceil(roundDepth / double(packing.group));
      loop.chains = loop.after = mr * vectors;
      loop.instructions *= loop.chains;
      loop.vectorLoads = vectors;
      loop.elementLoads = mr;
    }
    // Sums of one block of depths go on with those of the block before.
    if (depthBlocks > 1)
      loop.before += loop.after;
    bool packsLhs = schedule.getPackLhs() || packing.group > 1, packsRhs = schedule.getPackRhs() || packsPanels;
    part.streams = (packsLhs ? 1 : mr) + (packsRhs || info.columnBlock == 0 ? 1 : vectors);
    nest().addTraffic(part, machine);
    // Rows that lie in few sets of the first cache put each other out of it: a line comes in for each element.
    if (!packsLhs && mr > countLines())
      part.traffic[0] += loop.runs * loop.rounds * mr * lineBytes;
    part.loops.push_back(loop);
    return part;
  }

  /// The left operand is packed for each block of columns, the right one once; one panel at a time, for each block of
  /// rows.
  KernelPart packingPart() const {
    KernelPart part = makePart("packing");
    part.isPacking = true;
    double panels = std::ceil(columns / nr), panelRows = std::ceil(rows / mr);
    if (schedule.getPackLhs() || packing.group > 1)
      addCopy(part, batch * panelRows * mr * depth * std::ceil(columns / columnBlock), info.lhs);
    if (schedule.getPackRhs() || packsPanels)
      addCopy(part, batch * panels * nr * depth * (packsPanels ? std::ceil(rows / rowBlock) : 1), info.rhs);
    return part;
  }

  /// Bytes of an element of a packed operand.
  double packedBytes() const { return packing.group > 1 ? 4 / double(packing.group) : width / 8; }

  double items() const { return batch * std::ceil(columns / nr); }

private:
  KernelPart makePart(StringRef name) const {
    KernelPart part;
    part.name = name;
    part.vectorBits = machine.vectorBits;
    return part;
  }

  /// Rows of the left operand of which the first cache holds a line each.
  double countLines() const {
    constexpr int64_t ways = 8, set = 64;
    auto type = cast<ShapedType>(linalg::GenericOp(info.op)->getOperand(info.lhs).getType());
    // Elements from a row to the next one, where operands are dense.
    int64_t step = 1;
    const auto &forms = info.coefficients[info.lhs];
    for (size_t axis = forms.size(); axis-- > 0;) {
      if (!info.rows.empty() && forms[axis][info.rows.back()] != 0)
        break;
      step *= estimate(type.getDimSize(int64_t(axis)));
    }
    double lines = double(step) * double(info.lhsType.getIntOrFloatBitWidth()) / 8 / lineBytes;
    if (lines != std::floor(lines))
      return ways * set;
    return double(set / std::gcd(set, int64_t(lines)) * ways);
  }

  Type elementOf(unsigned operand) const { return operand == info.lhs ? info.lhsType : info.rhsType; }

  /// Packing so many elements.
  void addCopy(KernelPart &part, double elements, unsigned operand) const {
    double vectors = elements * packedBytes() * 8 / double(machine.vectorBits);
    part.loops.push_back({1, vectors, 1, 2, 2, 2, 0, 0, 0});
  }

  /// Blocks of columns, of depths and of rows; in them panels of columns, register blocks of rows, and depths.
  LoopNest nest() const {
    enum { Batch, Rows, Columns, Depth };
    auto bytes = [&](bool packed, unsigned operand) {
      return packed ? packedBytes() : double(elementOf(operand).getIntOrFloatBitWidth()) / 8;
    };
    bool packsLhs = schedule.getPackLhs() || packing.group > 1, packsRhs = schedule.getPackRhs() || packsPanels;
    // The sums of a block are read and written for each block of depths; a byte that goes back takes twice as long.
    NestOperand left{bytes(packsLhs, info.lhs), {{{Batch, 1}}, {{Rows, 1}}, {{Depth, 1}}}},
        right{bytes(packsRhs, info.rhs), {{{Batch, 1}}, {{Depth, 1}}, {{Columns, 1}}}},
        sums{3 * width / 8, {{{Batch, 1}}, {{Rows, 1}}, {{Columns, 1}}}};
    return LoopNest({batch, rows, columns, depth},
                    {{Batch, 1},
                     {Columns, columnBlock},
                     {Depth, depthBlock},
                     {Rows, rowBlock},
                     {Columns, nr},
                     {Rows, mr},
                     {Depth, 1}},
                    {left, right, sums});
  }

  sched::CPUMatMulAttr schedule;
  const ContractionInfo &info;
  const MachineModel &machine;
  matmul::DepthPacking packing;
  double batch, rows, columns, depth, mr, nr, width, lanes, rowBlock, columnBlock, depthBlock, depthBlocks;
  /// Of a block, on average.
  double roundDepth;
  bool packsPanels, usesDots;
  static constexpr double lineBytes = 64;
};
} // namespace

KernelFeatures matmul::computeFeatures(sched::CPUMatMulAttr schedule, const ContractionInfo &info,
                                       const MachineModel &machine) {
  double rows = estimate(info.extent(info.rows)), columns = estimate(info.extent(info.columns));
  double depth = estimate(info.extent(info.depth)), batch = estimate(info.extent(info.batch));
  auto tile = schedule.getTile();
  int64_t mr = schedule.getMicro()[0], nr = schedule.getMicro()[1];
  double paddedRows = llvm::alignTo(int64_t(rows), mr), paddedColumns = llvm::alignTo(int64_t(columns), nr);
  auto width = [](Type type) { return type.getIntOrFloatBitWidth() / 8; };
  std::optional<DepthPacking> tiles;
  if (schedule.getTileRegisters())
    tiles = planTilePacking(info, machine);
  int64_t bytes = tiles ? 4 / tiles->group : width(info.accumulator);
  KernelFeatures features;
  features.flops = 2 * batch * rows * columns * depth;
  features.executedFlops = 2 * batch * paddedRows * paddedColumns * depth;
  auto size = [&](unsigned operand, Type element) {
    double count = width(element);
    for (int64_t extent : cast<ShapedType>(info.op->getOperand(operand).getType()).getShape())
      count *= estimate(extent);
    return count;
  };
  features.bytes = size(info.lhs, info.lhsType) + size(info.rhs, info.rhsType) + size(2, info.resultType);
  if (schedule.getPackRhs())
    features.packedBytes += batch * paddedColumns * depth * bytes;
  if (schedule.getPackLhs())
    features.packedBytes += batch * paddedRows * depth * bytes * std::ceil(columns / tile[1]);
  features.registers = tiles ? countTileRegisters(mr, nr) : countRegisters(mr, nr * bytes * 8 / machine.vectorBits);
  int64_t kc = std::min<int64_t>(tile[2], depth), mc = std::min<int64_t>(tile[0], paddedRows);
  int64_t nc = std::min<int64_t>(tile[1], paddedColumns);
  features.l1Bytes = bytes * kc * (mr + nr);
  features.l2Bytes = bytes * kc * (mc + nr);
  features.workspaceBytes = bytes * (kc * (schedule.getPackRhs() ? nc : nr) + (schedule.getPackLhs() ? kc * mc : 0));
  ProductFeatures product(schedule, info, machine);
  features.parts = {product.packingPart(), product.products()};
  features.items = product.items();
  return features;
}
