// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Pipelines/Stages.h"

#include "tegula/Codegen/Passes.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Exec/Transforms/Passes.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace tegula;

static void clean(OpPassManager &manager) {
  // This pattern gives what a loop carries the static type of its initial value, though rounds may change the shape.
  manager.addPass(createCanonicalizerPass(GreedyRewriteConfig(), {"(anonymous namespace)::ForOpTensorCastFolder"}));
  manager.addPass(createCSEPass());
}

static void buildGraph(OpPassManager &manager, const TargetBackend &) {
  manager.addNestedPass<func::FuncOp>(createGraphInferShapesPass());
  clean(manager);
  manager.addNestedPass<func::FuncOp>(createGraphInferShapesPass());
  manager.addPass(createGraphListUnsupportedPass());
  GraphFoldConstantsPassOptions keep;
  keep.keepDequantized = true;
  manager.addPass(createGraphFoldConstantsPass(keep));
  manager.addNestedPass<func::FuncOp>(createGraphFuseBatchNormPass());
}

static void buildQuant(OpPassManager &manager, const TargetBackend &) {
  manager.addNestedPass<func::FuncOp>(createGraphFoldQDQPass());
  clean(manager);
  manager.addNestedPass<func::FuncOp>(createGraphLowerPrecisionPass());
}

static void buildLayout(OpPassManager &manager, const TargetBackend &) {
  manager.addNestedPass<func::FuncOp>(createGraphPropagateLayoutPass());
  clean(manager);
  manager.addNestedPass<func::FuncOp>(createGraphBlockChannelsPass());
  manager.addNestedPass<func::FuncOp>(createGraphBlockColumnsPass());
  manager.addNestedPass<func::FuncOp>(createGraphFuseAttentionPass());
  manager.addNestedPass<func::FuncOp>(createGraphTabulateBytesPass());
  clean(manager);
  manager.addPass(createGraphFoldConstantsPass());
  manager.addNestedPass<func::FuncOp>(createGraphVerifyLayoutPass());
}

static void buildLinalg(OpPassManager &manager, const TargetBackend &) {
  manager.addPass(createGraphToLinalgPass());
  clean(manager);
}

static void buildKernels(OpPassManager &manager, const TargetBackend &) {
  manager.addNestedPass<func::FuncOp>(createExecMarkAttentionPass());
  manager.addNestedPass<func::FuncOp>(createExecFuseElementwisePass());
  clean(manager);
  manager.addPass(createExecFormKernelsPass());
  clean(manager);
  manager.addPass(createExecDedupKernelsPass());
}

static void buildScheduled(OpPassManager &manager, const TargetBackend &) {
  manager.addPass(createCodegenAssignSchedulesPass());
}

static void buildBuffers(OpPassManager &manager, const TargetBackend &target) {
  OpPassManager &kernel = manager.nest<exec::KernelOp>();
  kernel.addPass(createCodegenBufferizeKernelPass());
  clean(kernel);
  manager.addPass(createCodegenBufferizeHostPass());
  clean(manager);
  manager.addPass(createExecPlanMemoryPass());
  manager.addPass(createExecReleaseHandlesPass());
  target.addBufferPasses(manager);
}

static void buildTiled(OpPassManager &manager, const TargetBackend &target) {
  OpPassManager &kernel = manager.nest<exec::KernelOp>();
  kernel.addPass(createCodegenLowerFamilyPass());
  target.addTiledPasses(kernel);
  kernel.addPass(createCodegenApproximateMathPass());
  clean(kernel);
}

static void buildLLVM(OpPassManager &manager, const TargetBackend &target) {
  OpPassManager &kernel = manager.nest<exec::KernelOp>();
  kernel.addPass(createConvertVectorToSCFPass());
  kernel.addPass(createSCFToControlFlowPass());
  target.addSignaturePass(kernel);
  kernel.addPass(memref::createExpandStridedMetadataPass());
  kernel.addPass(createLowerAffinePass());
  kernel.addPass(createCanonicalizerPass());
  kernel.addPass(createConvertVectorToLLVMPass());
  kernel.addPass(createConvertToLLVMPass());
  kernel.addPass(createReconcileUnrealizedCastsPass());
  kernel.addPass(createExecSeparateBuffersPass());
  manager.addNestedPass<func::FuncOp>(createSCFToControlFlowPass());
  manager.addPass(createExecLowerHostPass());
  manager.addNestedPass<func::FuncOp>(memref::createExpandStridedMetadataPass());
  manager.addNestedPass<func::FuncOp>(createLowerAffinePass());
  manager.addPass(createCSEPass());
  manager.addPass(createConvertToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

static const Stage stages[] = {
    {"graph", "shapes inferred, constants folded, graph rewritten", "no ONNX carrier is left", buildGraph},
    {"quant", "contractions of dequantized values on integers, and on bf16 where asked for",
     "accumulator types are explicit", buildQuant},
    {"layout", "transposes moved together and cancelled, channels of images and columns of weights in blocks",
     "no transpose follows a transpose", buildLayout},
    {"linalg", "graph ops lowered to linalg, tensor, arith, math and scf", "no graph op is left", buildLinalg},
    {"kernels", "operations fused and cut into kernels, equal kernels merged", "the host function only dispatches",
     buildKernels},
    {"scheduled", "a schedule on each kernel", "its family verifies it", buildScheduled},
    {"buffers", "kernels and host function on memrefs, memory planned", "no tensor is left", buildBuffers},
    {"tiled", "kernels lowered by their families", "no linalg op is left", buildTiled},
    {"llvm", "LLVM dialect with the runtime's signatures", "only the LLVM dialect is left", buildLLVM},
};

ArrayRef<Stage> tegula::getStages() { return stages; }

const Stage *tegula::findStage(StringRef name) {
  for (const Stage &stage : stages)
    if (stage.name == name)
      return &stage;
  return nullptr;
}
