// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  elementwise ops between the dequantization of an 8-bit tensor and a quantization to 8 bits.
// Out: where they compute functions that take long, an element of a table of 256 bytes instead.
// Algorithm: from each quantization up to the 8-bit tensors that its value is made of, the last of them first, until
// what made one of them is no function of another. Where there was one alone, and an op of those below it takes long,
// these are computed of all bytes, which graph-fold-constants evaluates. Nobody else may read what they make.
//
//   %x = graph.dequantize %xq, %s, %z                  %i = graph.cast %xq                    -> i32
//   %e = graph.erf %x                             =>   %y = graph.gather %table, %i {axis = 0}
//   %y = graph.quantize %e, %t, %w
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::graph;

namespace tegula {
#define GEN_PASS_DEF_GRAPHTABULATEBYTESPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

/// Fewer elements take less time than a kernel of their own.
static constexpr int64_t leastElements = 256;

static bool isByte(Value value) { return getElementTypeOrSelf(value.getType()).isInteger(8); }

/// Whether `value` is one number, which is constant, or dequantized as such.
static bool isScalarConstant(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() > 1 || !type.hasStaticShape() || type.getNumElements() != 1)
    return false;
  if (auto dequantize = value.getDefiningOp<DequantizeOp>())
    return llvm::all_of(dequantize->getOperands(), isScalarConstant);
  return matchPattern(value, m_Constant());
}

/// Whether the op takes longer than reading a byte of a table.
static bool takesLong(Operation *op) { return isa<ErfOp, ExpOp, LogOp, SigmoidOp, TanhOp>(op); }

/// Whether `op` computes each element of its result of those of the operands of its shape, at the same place, and of
/// constant numbers.
static bool isElementwise(Operation *op) {
  if (auto quantize = dyn_cast<QuantizeOp>(op)) {
    if (quantize.getBlockSize() != 0 || !isByte(quantize.getY()))
      return false;
  } else if (auto dequantize = dyn_cast<DequantizeOp>(op)) {
    if (dequantize.getBlockSize() != 0 || !isByte(dequantize.getX()))
      return false;
  } else if (!takesLong(op) && !isa<AbsOp, AddOp, DivOp, MaxOp, MinOp, MulOp, NegOp, ReluOp, SqrtOp, SubOp>(op)) {
    return false;
  }
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  return type && type.getRank() > 0 && llvm::all_of(op->getOperands(), [&](Value operand) {
           auto own = dyn_cast<RankedTensorType>(operand.getType());
           return isScalarConstant(operand) || (own && own.getShape() == type.getShape());
         });
}

namespace {
/// The ops that make a quantized value of 8-bit tensors.
class Function {
public:
  explicit Function(QuantizeOp result) : result(result) {}

  /// Goes up to the highest tensor that alone decides the value; whether a table for it pays.
  bool find() {
    llvm::SetVector<Operation *> seen;
    llvm::SetVector<Value> sources;
    if (!expand(result, seen, sources))
      return false;
    while (!sources.empty()) {
      if (sources.size() == 1 && llvm::any_of(seen, takesLong) && isReadInside(seen)) {
        ops = seen;
        source = sources.front();
      }
      // The last one in the program may be made of the others, not the other way round.
      auto position = [](Value value) { return value.getDefiningOp<QuantizeOp>(); };
      Value last;
      for (Value value : sources)
        if (QuantizeOp op = position(value);
            op && op->getBlock() == result->getBlock() && (!last || position(last)->isBeforeInBlock(op)))
          last = value;
      if (!last)
        break;
      sources.remove(last);
      if (!expand(position(last), seen, sources))
        break;
    }
    if (!source)
      return false;
    auto type = cast<RankedTensorType>(source.getType());
    return !type.hasStaticShape() || type.getNumElements() >= leastElements;
  }

  ArrayRef<Operation *> steps() const { return ops.getArrayRef(); }

  void replace() {
    OpBuilder b(result);
    Location loc = result.getLoc();
    auto bytes = RankedTensorType::get({256}, getElementTypeOrSelf(source.getType()));
    SmallVector<int64_t> values;
    for (int64_t byte = 0; byte < 256; ++byte)
      values.push_back(bytes.getElementType().isUnsignedInteger() ? byte : int64_t(int8_t(byte)));
    IRMapping mapping;
    mapping.map(source, ConstantOp::create(b, loc, makeIntegers(bytes, values)).getResult());
    SmallVector<Operation *> ordered(ops.begin(), ops.end());
    llvm::sort(ordered, [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
    for (Operation *op : ordered) {
      Operation *copy = b.clone(*op, mapping);
      Value own = copy->getResult(0);
      own.setType(bytes.clone(getElementTypeOrSelf(own.getType())));
    }
    auto type = cast<RankedTensorType>(source.getType());
    Value index = CastOp::create(b, loc, type.clone(b.getI32Type()), source, /*saturate=*/true);
    Value table = mapping.lookup(result.getY());
    Value y = GatherOp::create(b, loc, result.getType(), table, index, /*axis=*/0);
    result.replaceAllUsesWith(y);
    for (Operation *op : llvm::reverse(ordered))
      op->erase();
  }

private:
  /// Adds the ops that make the operand of `quantize`, and the 8-bit tensors that they read; false where one is no
  /// elementwise op.
  static bool expand(QuantizeOp quantize, llvm::SetVector<Operation *> &seen, llvm::SetVector<Value> &sources) {
    SmallVector<Operation *> work{quantize};
    while (!work.empty()) {
      Operation *op = work.pop_back_val();
      if (op->getBlock() != quantize->getBlock() || !isElementwise(op))
        return false;
      if (!seen.insert(op))
        continue;
      for (Value operand : op->getOperands()) {
        if (isScalarConstant(operand))
          continue;
        if (isa<DequantizeOp>(op)) {
          // What is known to be computed below already is no source.
          if (!operand.getDefiningOp() || !seen.contains(operand.getDefiningOp()))
            sources.insert(operand);
        } else if (Operation *maker = operand.getDefiningOp()) {
          work.push_back(maker);
        } else {
          return false;
        }
      }
    }
    return true;
  }

  bool isReadInside(const llvm::SetVector<Operation *> &seen) {
    return llvm::all_of(seen, [&](Operation *op) {
      return op == result || llvm::all_of(op->getUsers(), [&](Operation *user) { return seen.contains(user); });
    });
  }

  QuantizeOp result;
  llvm::SetVector<Operation *> ops;
  Value source;
};

struct GraphTabulateBytesPass : tegula::impl::GraphTabulateBytesPassBase<GraphTabulateBytesPass> {
  void runOnOperation() override {
    auto module = getOperation()->getParentOfType<ModuleOp>();
    if (!module || !module->getAttrOfType<exec::CPUTargetAttr>("exec.target"))
      return;
    SmallVector<QuantizeOp> results;
    getOperation().walk([&](QuantizeOp op) { results.push_back(op); });
    // From the last ones up, so that each table is of as many ops as it can be.
    llvm::SmallPtrSet<Operation *, 16> gone;
    for (QuantizeOp op : llvm::reverse(results)) {
      if (gone.contains(op))
        continue;
      Function function(op);
      if (!function.find())
        continue;
      for (Operation *step : function.steps())
        gone.insert(step);
      function.replace();
    }
  }
};
} // namespace
