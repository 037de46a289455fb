// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/Composer.h"

using namespace mlir;
using namespace tegula;

/// Elimination with partial pivoting, of all matrices at once: a loop over columns that carries the matrices [B, n, n]
/// and the product [B] of the pivots so far.
static LogicalResult buildDet(NodeContext &node) {
  Composer c(node);
  Value x = node.operand(0);
  auto type = dyn_cast<RankedTensorType>(x.getType());
  if (!type)
    return node.unsupported("matrices of unknown rank");
  int64_t rank = type.getRank();
  if (rank < 2)
    return node.error("expected matrices, of rank 2 or more, but got rank " + Twine(rank));
  Type element = type.getElementType(), i64 = node.builder.getI64Type(), i1 = node.builder.getI1Type();
  Type compute = element.getIntOrFloatBitWidth() < 32 ? node.builder.getF32Type() : element;
  Value lead = c("Shape", {x}, {{"start", int64_t(0)}, {"end", rank - 2}}, i64), n = c.extent(x, rank - 1);
  Value count = c("ReduceProd", {lead}, {{"keepdims", int64_t(1)}});
  Value matrices = c.reshape(c.cast(x, compute), c.join({count, n, n}));
  Value one = node.scalar(1.0, compute), zero = node.scalar(0.0, compute), minusOne = node.scalar(-1.0, compute);
  Value products = c("Expand", {one, count});
  if (c.failed)
    return failure();

  SmallVector<Type> carried{RankedTensorType::get(SmallVector<int64_t>(3, ShapedType::kDynamic), compute),
                            RankedTensorType::get({ShapedType::kDynamic}, compute)};
  Region region;
  {
    OpBuilder::InsertionGuard guard(node.builder);
    Block *block = node.builder.createBlock(&region);
    Value k = block->addArgument(RankedTensorType::get({}, i64), node.location);
    block->addArgument(RankedTensorType::get({}, i1), node.location);
    Value rest = block->addArgument(carried[0], node.location), product = block->addArgument(carried[1], node.location);
    auto gather = [&](Value data, int64_t axis) { return c("Gather", {data, k}, {{"axis", axis}}); };
    // The row with the biggest element of column k changes places with row k.
    Value rows = c.iota(n);
    Value sizes = c.select(c.compare("GreaterOrEqual", rows, k), c("Abs", {gather(rest, 2)}), minusOne);
    Value pivot = c("ArgMax", {sizes}, {{"axis", int64_t(1)}, {"keepdims", int64_t(1)}}, i64);
    Value order = c.select(c.compare("Equal", rows, pivot), k, rows);
    order = c.select(c.compare("Equal", rows, k), pivot, order);
    order = c("Expand", {c.reshape(order, {0, 0, 1}), c.shape(rest)});
    rest = c("GatherElements", {rest, order}, {{"axis", int64_t(1)}});
    Value top = gather(rest, 1), value = gather(top, 1);
    Value stays = c.compare("Equal", c.reshape(pivot, {-1}), k);
    product = c.mul(c.mul(product, value), c.select(stays, one, minusOne));
    // Rows below lose what they have in column k; where all of it is 0 there is nothing to lose.
    value = c.reshape(value, {-1, 1});
    Value isBelow = c.compare("Greater", rows, k), isSingular = c.compare("Equal", value, zero);
    Value factor = c.select(isSingular, zero, c.select(isBelow, c.div(gather(rest, 2), value), zero));
    rest = c.sub(rest, c.mul(c.reshape(factor, {0, 0, 1}), c.reshape(top, {0, 1, -1})));
    if (c.failed)
      return failure();
    Value goesOn = node.create<graph::ConstantOp>(DenseElementsAttr::get(RankedTensorType::get({}, i1), true));
    node.create<graph::YieldOp>(ValueRange{goesOn, rest, product});
  }
  auto loop = graph::LoopOp::create(node.builder, node.location, carried, n, Value(), ValueRange{matrices, products});
  loop.getBody().takeBody(region);
  node.refine(loop);
  Value result = c.cast(c.reshape(loop.getResult(1), lead), element);
  return c.finish(result);
}

void tegula::addLinearAlgebraNodes(NodeTable &table) { table.add("Det", 11, buildDet); }
