// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Passes.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Exec/Transforms/Passes.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Pipelines/Pipelines.h"
#include "tegula/Pipelines/Stages.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassRegistry.h"

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
  registerCodegenPasses();
  for (const Stage &stage : getStages())
    registerPassPipeline(
        ("tegula-" + stage.name).str(), stage.summary,
        [&stage](OpPassManager &manager, StringRef options, function_ref<LogicalResult(const Twine &)> error) {
          if (!options.empty())
            return error("a stage takes no options");
          stage.build(manager);
          return success();
        },
        [](function_ref<void(const detail::PassOptions &)>) {});
}
