// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Maps: host operations.
#include "tegula/Conversion/GraphToLinalg/HostCall.h"
#include "tegula/Dialect/Graph/IR/Types.h"

using namespace mlir;
using namespace tegula;

static SmallVector<Value> valuesParameters(graph::MapValuesOp op, OpBuilder &b) {
  return {boxInteger(b, op.getLoc(), op.getExtent())};
}

void tegula::populateMapLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<HostCallLowering<graph::ZipMapOp>>(converter, context, "zip_map", nullptr);
  patterns.add<HostCallLowering<graph::DictVectorizeOp>>(converter, context, "dict_vectorize", nullptr);
  patterns.add<HostCallLowering<graph::MapValuesOp>>(converter, context, "map_values", valuesParameters);
}
