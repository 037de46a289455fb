// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a module that may still hold `graph.onnx` carriers.
// Out: the same module, or one error per carrier, all at once, at the ONNX node's location.
#include "tegula/Dialect/Graph/Transforms/Passes.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_GRAPHLISTUNSUPPORTEDPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

namespace {
struct GraphListUnsupportedPass : tegula::impl::GraphListUnsupportedPassBase<GraphListUnsupportedPass> {
  void runOnOperation() override {
    bool found = false;
    getOperation().walk([&](tegula::graph::OnnxOp op) {
      found = true;
      StringRef domain = op.getDomain().empty() ? "ai.onnx" : op.getDomain();
      InFlightDiagnostic diagnostic = emitError(op.getLoc()) << "unsupported operator " << domain << "."
                                                             << op.getOpType() << " at opset " << op.getVersion();
      if (auto reason = op->getAttrOfType<StringAttr>("reason"))
        diagnostic << ": " << reason.getValue();
    });
    if (found)
      signalPassFailure();
  }
};
} // namespace
