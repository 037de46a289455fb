// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  graph.matmul of floats with constant weights.
// Out: the same product with the weights in blocks of columns as long as the target's vectors (or the module's
//      `graph.channel_block`, as for channels), so that no run packs them, and a worker reads its part of them in the
//      order of memory: a product of few rows takes as long as that.
// Algorithm: each product by itself. The relayout is an op that graph-fold-constants evaluates, which takes the plain
// weights' place: where others read these too, they stay as they are, so that no weight is stored twice. Pairs of bf16
// that one instruction multiplies and sums are packed in another way.
//
//   %w = graph.constant dense_resource<w> : tensor<480x512xf32>     %v = graph.block_columns %w {length = 16}
//   %y = graph.matmul %x, %w                                   =>   %y = graph.blocked_matmul %x, %v {columns = 512}
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Blocked.h"
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::graph;

namespace tegula {
#define GEN_PASS_DEF_GRAPHBLOCKCOLUMNSPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

/// Smaller weights stay in the first cache, where their order does not matter.
static constexpr int64_t leastBytes = 32 << 10;

static bool canBlock(MatMulOp op, exec::CPUTargetAttr target, int64_t length) {
  auto x = dyn_cast<RankedTensorType>(op.getLhs().getType());
  auto weight = dyn_cast<RankedTensorType>(op.getRhs().getType());
  if (!x || !weight || x.getRank() == 0 || weight.getRank() != 2 || !weight.hasStaticShape() || op.getTransposeLhs())
    return false;
  Type element = weight.getElementType();
  if (!(element.isF32() || element.isF16() || element.isBF16()))
    return false;
  if (target.hasFastBFloatDot() && element.isBF16() && getElementTypeOrSelf(op.getType()).isF32())
    return false;
  if (weight.getNumElements() * int64_t(element.getIntOrFloatBitWidth() / 8) < leastBytes)
    return false;
  // What fills the last block is read, too.
  int64_t columns = weight.getDimSize(op.getTransposeRhs() ? 0 : 1);
  if (4 * int64_t(llvm::alignTo(columns, length)) > 5 * columns)
    return false;
  Value constant = op.getRhs();
  if (auto rounded = constant.getDefiningOp<CastOp>()) // by graph-lower-precision
    constant = rounded.getX();
  // The blocks of a splat would be stored.
  DenseElementsAttr elements;
  bool isSplat = matchPattern(constant, m_Constant(&elements)) && elements.isSplat();
  return matchPattern(constant, m_Constant()) && !isSplat && constant.hasOneUse() && op.getRhs().hasOneUse();
}

namespace {
struct GraphBlockColumnsPass : tegula::impl::GraphBlockColumnsPassBase<GraphBlockColumnsPass> {
  void block(MatMulOp op, int64_t length) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    Value weight = op.getRhs();
    auto type = cast<RankedTensorType>(weight.getType());
    int64_t depth = type.getDimSize(0), columns = type.getDimSize(1);
    if (op.getTransposeRhs()) {
      std::swap(depth, columns);
      weight = TransposeOp::create(b, loc, type.clone({depth, columns}), weight, b.getDenseI64ArrayAttr({1, 0}));
    }
    auto blocked = type.clone({int64_t(llvm::divideCeil(columns, length)), depth, length});
    weight = BlockColumnsOp::create(b, loc, blocked, weight, length);
    Value y = BlockedMatMulOp::create(b, loc, op.getType(), op.getLhs(), weight, columns);
    op.replaceAllUsesWith(y);
    op.erase();
  }

  void runOnOperation() override {
    auto module = getOperation()->getParentOfType<ModuleOp>();
    auto target = module ? module->getAttrOfType<exec::CPUTargetAttr>("exec.target") : exec::CPUTargetAttr();
    if (!target)
      return;
    int64_t length = getBlockLength(module, target.getVectorBits() / 32);
    SmallVector<MatMulOp> products;
    getOperation().walk([&](MatMulOp op) {
      if (canBlock(op, target, length))
        products.push_back(op);
    });
    for (MatMulOp op : products)
      block(op, length);
  }
};
} // namespace
