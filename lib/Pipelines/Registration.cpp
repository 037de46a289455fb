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
#include "tegula/Target/CPU/CPUTarget.h"
#include "tegula/Target/NVPTX/NVPTXTarget.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

/// Every target; the CPU, which takes all names, comes last.
static void registerTargets() {
  static bool done = [] {
    tegula::registerTargetBackend(tegula::getNVPTXBackend());
    tegula::registerTargetBackend(tegula::getCPUBackend());
    return true;
  }();
  (void)done;
}

void tegula::registerDialects(DialectRegistry &registry) {
  registerTargets();
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<graph::GraphDialect, exec::ExecDialect, sched::SchedDialect>();
}

namespace {
struct StageOptions : PassPipelineOptions<StageOptions> {
  Option<std::string> target{*this, "target", llvm::cl::desc("the kind of target: cpu or nvptx"),
                             llvm::cl::init("cpu")};
};
} // namespace

void tegula::registerPasses() {
  registerTargets();
  registerAllPasses();
  registerGraphPasses();
  registerConversionPasses();
  registerExecPasses();
  registerCodegenPasses();
  for (const Stage &stage : getStages())
    registerPassPipeline(
        ("tegula-" + stage.name).str(), stage.summary,
        [&stage](OpPassManager &manager, StringRef text, function_ref<LogicalResult(const Twine &)> error) {
          StageOptions options;
          if (failed(options.parseFromString(text)))
            return failure();
          const TargetBackend *target = findTargetBackendByName(options.target);
          if (!target)
            return error("expected target to be cpu or nvptx, but got '" + options.target + "'");
          stage.build(manager, *target);
          return success();
        },
        [](function_ref<void(const mlir::detail::PassOptions &)> handle) { handle(StageOptions()); });
}
