// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a kernel on tensors: operands through bufferization.to_tensor, results through
//      bufferization.materialize_in_destination.
// Out: the same kernel on memrefs; an op that produces a result writes straight into the result's memory (empty-tensor
//      elimination), copies are linalg.generic ops. What a loop carries stays in one place: a round writes its value
//      there, at best directly, else by a copy at its end.
#include "tegula/Codegen/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_CODEGENBUFFERIZEKERNELPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

/// Small constant tensors are built element by element: kernels own no globals.
static void expandConstants(Operation *root) {
  root->walk([](arith::ConstantOp constant) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!elements)
      return;
    OpBuilder builder(constant);
    SmallVector<Value> scalars;
    for (Attribute value : elements.getValues<Attribute>())
      scalars.push_back(arith::ConstantOp::create(builder, constant.getLoc(), cast<TypedAttr>(value)));
    Value tensor =
        tensor::FromElementsOp::create(builder, constant.getLoc(), cast<RankedTensorType>(constant.getType()), scalars);
    constant.replaceAllUsesWith(tensor);
    constant.erase();
  });
}

/// `value` copied into a tensor of its own.
static Value copyTensor(OpBuilder &builder, Location loc, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Value empty =
      tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, value), type.getElementType());
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), value, empty, ArrayRef{identity, identity}, iterators,
             [](OpBuilder &b, Location at, ValueRange v) { linalg::YieldOp::create(b, at, v[0]); })
      .getResult(0);
}

/// The tensor that `value` is a view of.
static Value stripViews(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CastOp, tensor::ExtractSliceOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// Whether `value` is `argument`, which a loop carries, after writes into it.
static bool isWrittenInPlace(Value value, BlockArgument argument) {
  while (value != argument) {
    Operation *op = value.getDefiningOp();
    if (auto insert = dyn_cast_or_null<tensor::InsertOp>(op)) {
      value = insert.getDest();
    } else if (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(op)) {
      value = insert.getDest();
    } else if (auto loop = dyn_cast_or_null<scf::ForOp>(op)) {
      unsigned number = cast<OpResult>(value).getResultNumber();
      if (!isWrittenInPlace(loop.getYieldedValues()[number], loop.getRegionIterArg(number)))
        return false;
      value = loop.getInitArgs()[number];
    } else if (auto branch = dyn_cast_or_null<scf::IfOp>(op)) {
      unsigned number = cast<OpResult>(value).getResultNumber();
      return isWrittenInPlace(branch.thenYield()->getOperand(number), argument) &&
             isWrittenInPlace(branch.elseYield()->getOperand(number), argument);
    } else {
      return false;
    }
  }
  return true;
}

/// What a loop starts from is copied if it belongs to somebody else: an operand of the kernel.
static void copyInitialOperands(Operation *kernel) {
  kernel->walk([](scf::ForOp loop) {
    OpBuilder builder(loop);
    for (OpOperand &init : loop.getInitArgsMutable())
      if (isa<TensorType>(init.get().getType()) && stripViews(init.get()).getDefiningOp<bufferization::ToTensorOp>())
        init.set(copyTensor(builder, loop.getLoc(), init.get()));
  });
}

/// Makes each round of a loop write the tensors that it carries into the places where it found them. A round that
/// passes one carried value on as another (a delay line) copies it before anything is written.
static void carryInPlace(Operation *kernel) {
  kernel->walk([](scf::ForOp loop) {
    Operation *yield = loop.getBody()->getTerminator();
    OpBuilder builder(yield);
    for (auto [argument, operand] : llvm::zip(loop.getRegionIterArgs(), yield->getOpOperands())) {
      if (!isa<TensorType>(argument.getType()) || isWrittenInPlace(operand.get(), argument))
        continue;
      auto source = dyn_cast<BlockArgument>(stripViews(operand.get()));
      if (source && source.getOwner() == loop.getBody()) {
        OpBuilder::InsertionGuard guard(builder);
        if (Operation *view = operand.get().getDefiningOp())
          builder.setInsertionPointAfter(view);
        else
          builder.setInsertionPointToStart(loop.getBody());
        operand.set(copyTensor(builder, loop.getLoc(), operand.get()));
      }
      operand.set(bufferization::MaterializeInDestinationOp::create(builder, loop.getLoc(), argument.getType(),
                                                                    operand.get(), argument)
                      .getResult());
    }
  });
}

/// Steps of an algorithm that start from one fill get one each: what is filled anew needs no copy, which no family
/// knows.
static void separateFills(Operation *kernel) {
  SmallVector<linalg::FillOp> fills;
  kernel->walk([&](linalg::FillOp fill) {
    if (llvm::any_of(fill->getUsers(), [](Operation *user) { return user->hasAttr("exec.inner_step"); }))
      fills.push_back(fill);
  });
  for (linalg::FillOp fill : fills)
    for (OpOperand &use : llvm::make_early_inc_range(llvm::drop_begin(fill->getUses()))) {
      OpBuilder builder(use.getOwner());
      use.set(builder.clone(*fill)->getResult(0));
    }
}

/// The memory that a loop was given, for what it carried there: see carryInPlace.
static Value placeOf(Value buffer) {
  while (auto loop = buffer.getDefiningOp<scf::ForOp>())
    buffer = loop.getInitArgs()[cast<OpResult>(buffer).getResultNumber()];
  return buffer;
}

namespace {
struct CodegenBufferizeKernelPass : tegula::impl::CodegenBufferizeKernelPassBase<CodegenBufferizeKernelPass> {
  void runOnOperation() override {
    Operation *kernel = getOperation();
    RewritePatternSet patterns(&getContext());
    patterns.add<linalg::DecomposePadOpPattern>(&getContext());
    if (failed(applyPatternsGreedily(kernel, std::move(patterns))))
      return signalPassFailure();
    expandConstants(kernel); // patterns fold tensors of constants to constants

    separateFills(kernel);
    copyInitialOperands(kernel);
    carryInPlace(kernel);
    bufferization::OneShotBufferizationOptions options;
    options.allowUnknownOps = true; // checks and grid ops have no tensors
    IRRewriter rewriter(&getContext());
    if (failed(bufferization::eliminateEmptyTensors(rewriter, kernel)))
      return signalPassFailure();
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotBufferize(kernel, options, state)))
      return signalPassFailure();

    SmallVector<memref::CopyOp> copies;
    kernel->walk([&](memref::CopyOp copy) { copies.push_back(copy); });
    for (memref::CopyOp copy : copies) {
      OpBuilder builder(copy);
      if (placeOf(copy.getSource()) != placeOf(copy.getTarget()))
        linalg::makeMemRefCopyOp(builder, copy.getLoc(), copy.getSource(), copy.getTarget());
      copy.erase();
    }
  }
};
} // namespace
