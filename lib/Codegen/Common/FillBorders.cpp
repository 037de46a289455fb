// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a kernel as loops on memrefs, with exec.fill_border ops.
// Out: loops at the kernel's begin in their place. Workers share the places of the dimensions in front of the first
//      padded one evenly; a static dimension behind the last padded one is a vector.
//
//   exec.fill_border %y low [0, 1, 1, 0] ...   =>   scf.for %n = share { scf.for %row { vector.store %c, %y } }
#include "tegula/Codegen/Common/Emission.h"
#include "tegula/Codegen/Passes.h"
#include "tegula/Dialect/Exec/IR/Exec.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

namespace tegula {
#define GEN_PASS_DEF_CODEGENFILLBORDERSPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

/// Elements of a vector that is stored at once.
static constexpr int64_t maxLanes = 64;

namespace {
class Filler {
public:
  Filler(OpBuilder &b, exec::FillBorderOp op)
      : b(b), loc(op.getLoc()), math(b, loc), op(op), type(cast<MemRefType>(op.getBuffer().getType())) {
    for (int64_t i = 0; i < type.getRank(); ++i) {
      extents.push_back(Index(b.createOrFold<memref::DimOp>(loc, op.getBuffer(), i)));
      if (isPadded(i)) {
        first = std::min(first, i);
        last = i;
      }
    }
  }

  void emit() {
    if (last < 0)
      return;
    int64_t lanes = last + 2 == type.getRank() ? type.getDimSize(last + 1) : 1;
    isVector = lanes > 1 && lanes <= maxLanes && !ShapedType::isDynamic(lanes);
    value = arith::ConstantOp::create(b, loc, op.getValue());
    if (isVector)
      value = vector::BroadcastOp::create(b, loc, VectorType::get({lanes}, type.getElementType()), value);
    Index items = math.of(1);
    for (int64_t i = 0; i < first; ++i)
      items = math.mul(items, extents[i]);
    auto [begin, end] = shareOf(b, loc, math, items);
    emitLoop(b, loc, math, begin, end, 1, [&](Value item) {
      SmallVector<Index> place(first, math.of(0));
      Index rest = item;
      for (int64_t i = first - 1; i >= 0; --i) {
        place[i] = i == 0 ? rest : math.rem(rest, extents[i]);
        rest = math.floorDiv(rest, extents[i]);
      }
      // What is beside the middle in one dimension: inside in the padded ones before, anywhere in those behind.
      for (int64_t dimension = first; dimension <= last; ++dimension) {
        Index low = math.of(op.getLow()[dimension]), middle = math.sub(extents[dimension], highOf(dimension));
        if (op.getLow()[dimension] > 0)
          fill(place, dimension, {math.of(0), low});
        if (op.getHigh()[dimension] > 0)
          fill(place, dimension, {middle, extents[dimension]});
      }
    });
  }

private:
  using Range = std::pair<Index, Index>;

  bool isPadded(int64_t i) { return op.getLow()[i] > 0 || op.getHigh()[i] > 0; }
  Index highOf(int64_t i) { return math.of(op.getHigh()[i]); }

  /// All places behind `place` that lie within `range` in `dimension`.
  void fill(const SmallVector<Index> &place, int64_t dimension, Range range) {
    int64_t next = place.size();
    if (next == type.getRank() || (isVector && next == last + 1)) {
      SmallVector<Value> indices;
      for (Index index : place)
        indices.push_back(math.value(index));
      if (isVector) {
        indices.push_back(math.constant(0));
        vector::StoreOp::create(b, loc, value, op.getBuffer(), indices);
      } else {
        memref::StoreOp::create(b, loc, value, op.getBuffer(), indices);
      }
      return;
    }
    Range own{math.of(0), extents[next]};
    if (next == dimension)
      own = range;
    else if (next < dimension)
      own = {math.of(op.getLow()[next]), math.sub(extents[next], highOf(next))};
    emitLoop(b, loc, math, own.first, own.second, 1, [&](Value index) {
      SmallVector<Index> inner(place);
      inner.push_back(index);
      fill(inner, dimension, range);
    });
  }

  OpBuilder &b;
  Location loc;
  IndexMath math;
  exec::FillBorderOp op;
  MemRefType type;
  SmallVector<Index> extents;
  /// The first and the last padded dimension.
  int64_t first = std::numeric_limits<int64_t>::max(), last = -1;
  bool isVector = false;
  Value value;
};

struct CodegenFillBordersPass : tegula::impl::CodegenFillBordersPassBase<CodegenFillBordersPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation().getFunction();
    if (!function)
      return;
    function.walk([&](exec::FillBorderOp op) {
      // The family may have put all ops under a condition for one worker; the buffer is the kernel's argument.
      OpBuilder b = OpBuilder::atBlockBegin(&function.getBody().front());
      Filler(b, op).emit();
      op.erase();
    });
  }
};
} // namespace
