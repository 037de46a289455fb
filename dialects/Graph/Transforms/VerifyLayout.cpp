// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a graph after stage layout.
// Out: the same graph, or an error at each transpose that reads another one: such a pair is one relayout, or none.
//
//   %t = graph.transpose %x;  %u = graph.transpose %t      =>      error
#include "tegula/Dialect/Graph/Transforms/Passes.h"

using namespace mlir;
using namespace tegula::graph;

namespace tegula {
#define GEN_PASS_DEF_GRAPHVERIFYLAYOUTPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

namespace {
struct GraphVerifyLayoutPass : tegula::impl::GraphVerifyLayoutPassBase<GraphVerifyLayoutPass> {
  void runOnOperation() override {
    getOperation().walk([&](TransposeOp op) {
      auto inner = op.getX().getDefiningOp<TransposeOp>();
      if (!inner)
        return;
      InFlightDiagnostic error = op.emitOpError("expected at most one relayout on an edge, but got two");
      error.attachNote(inner.getLoc()) << "the other one";
      signalPassFailure();
    });
  }
};
} // namespace
