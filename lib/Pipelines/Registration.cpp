// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Exec/Transforms/Passes.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Pipelines/Pipelines.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

using namespace mlir;

void tegula::registerDialects(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<graph::GraphDialect, exec::ExecDialect, sched::SchedDialect>();
}

void tegula::registerPasses() {
  registerAllPasses();
  registerGraphPasses();
  registerConversionPasses();
  registerExecPasses();
}
