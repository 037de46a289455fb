// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Common/Work.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;

static double extentOr(int64_t extent) { return ShapedType::isDynamic(extent) ? 256 : double(extent); }

KernelFeatures tegula::countWork(func::FuncOp kernel) {
  KernelFeatures features;
  kernel.walk([&](linalg::LinalgOp op) {
    double points = 1;
    for (int64_t extent : op.getStaticLoopRanges())
      points *= extentOr(extent);
    auto body = op->getRegion(0).front().without_terminator();
    features.flops += points * double(std::distance(body.begin(), body.end()));
  });
  features.executedFlops = features.flops;
  for (Type type : kernel.getArgumentTypes())
    if (auto shaped = dyn_cast<ShapedType>(type)) {
      double elements = 1;
      for (int64_t extent : shaped.getShape())
        elements *= extentOr(extent);
      features.bytes += elements * double(llvm::divideCeil(shaped.getElementTypeBitWidth(), 8));
    }
  return features;
}
