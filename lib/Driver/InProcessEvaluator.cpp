// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a module at the end of stage `graph`, its inputs as attributes.
// Out: its results as attributes.
// The remaining stages and the code generator are those of every compilation, the target is the baseline of this
// machine's architecture. The program runs on one thread against services of its own, which count what it costs.
#include "tegula/Driver/InProcessEvaluator.h"

#include "EvaluatedTensors.h"
#include "MachineCode.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Export/LoadedArtifact.h"
#include "tegula/Kernel/ConstantEvaluator.h"
#include "tegula/Pipelines/Stages.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/TargetParser/Host.h"

#include <cfenv>
#include <cstdlib>

using namespace mlir;
using namespace tegula;

namespace {
struct Release {
  void operator()(void *memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<void, Release>;

Memory allocateAligned(int64_t bytes) {
  return Memory(std::aligned_alloc(TEGULA_ALIGNMENT, llvm::alignTo(std::max<int64_t>(bytes, 1), TEGULA_ALIGNMENT)));
}

/// One run of a program, which knows it as its context.
class Run {
public:
  Run(const tegula_artifact &artifact, const EvaluationLimits &limits, ArrayRef<Type> results)
      : artifact(artifact), limits(limits), resultTypes(results), memories(results.size()), shapes(results.size()) {}

  llvm::Error start(ArrayRef<const void *> inputs, ArrayRef<int64_t> dims) {
    if (!charge(artifact.arena_bytes))
      return describe(TEGULA_OUT_OF_MEMORY);
    Memory arena = allocateAligned(artifact.arena_bytes);
    if (!arena)
      return describe(TEGULA_OUT_OF_MEMORY);
    static const tegula_services services = makeServices();
    // Whatever rounding mode or flush-to-zero the host application has set.
    std::fenv_t environment;
    std::feholdexcept(&environment);
    std::fesetenv(FE_DFL_ENV);
    int32_t status =
        artifact.program(this, &services, arena.get(), artifact.constants,
                         const_cast<void *const *>(reinterpret_cast<const void *const *>(inputs.data())), dims.data());
    std::fesetenv(&environment);
    return status == TEGULA_OK ? llvm::Error::success() : describe(status);
  }

  llvm::Expected<ElementsAttr> takeResult(size_t index) {
    if (!memories[index])
      return llvm::createStringError("the program did not produce result %zu", index);
    auto type = RankedTensorType::get(shapes[index], cast<TensorType>(resultTypes[index]).getElementType());
    return makeConstant(type, std::move(memories[index]));
  }

private:
  static Run &get(void *context) { return *static_cast<Run *>(context); }

  static tegula_services makeServices() {
    tegula_services services{};
    services.abi_version = TEGULA_ABI_VERSION;
    services.struct_size = sizeof(tegula_services);
    services.dispatch = [](void *context, int32_t kernel, int64_t work, void *const *buffers, const int64_t *dims) {
      return get(context).dispatch(kernel, work, buffers, dims);
    };
    services.allocate = [](void *context, int64_t bytes) { return get(context).allocate(bytes); };
    services.release = [](void *context, void *pointer) { get(context).release(pointer); };
    services.output = [](void *context, int32_t index, int32_t rank, const int64_t *shape) {
      return get(context).output(index, ArrayRef(shape, rank));
    };
    services.fail = [](void *context, int32_t status, int32_t node) {
      if (get(context).failedNode < 0)
        get(context).failedNode = node;
      return status;
    };
    services.host = [](void *, const char *, void *const *, int32_t, void **, int32_t) -> int32_t {
      return TEGULA_HOST_OPERATION_FAILED;
    };
    // Values of the runtime are for runs: what needs them is not evaluated.
    services.box = [](void *, int32_t, int32_t, const int64_t *, const void *) -> void * { return nullptr; };
    services.extents = [](void *, const void *, int32_t, int32_t, int64_t *) -> int32_t {
      return TEGULA_HOST_OPERATION_FAILED;
    };
    services.read = [](void *, const void *, int32_t, int32_t, const int64_t *, void *) -> int32_t {
      return TEGULA_HOST_OPERATION_FAILED;
    };
    services.retain = [](void *, void *) -> int32_t { return TEGULA_HOST_OPERATION_FAILED; };
    services.drop = [](void *, void *) {};
    services.output_value = [](void *, int32_t, void *) {};
    services.poll = [](void *context) { return get(context).poll(); };
    return services;
  }

  bool charge(int64_t bytes) {
    if (bytes < 0 || bytes > limits.bytes - liveBytes)
      return false;
    liveBytes += bytes;
    return true;
  }

  int32_t dispatch(int32_t index, int64_t kernelWork, void *const *buffers, const int64_t *dims) {
    if (int32_t status = poll())
      return status;
    // A negative estimate is one that overflowed.
    if (kernelWork < 0 || kernelWork > limits.work - work)
      return TEGULA_LOOP_LIMIT;
    work += kernelWork;
    const tegula_kernel &kernel = artifact.kernels[index];
    if (!reserveWorkspace(tegula_kernel_workspace(&kernel, dims)))
      return TEGULA_OUT_OF_MEMORY;
    for (uint32_t phase = 0; phase < kernel.phase_count; ++phase)
      if (int32_t status = kernel.phases[phase](/*grid_id=*/0, /*grid_size=*/1, buffers, dims, workspace.get()))
        return status;
    return TEGULA_OK;
  }

  bool reserveWorkspace(int64_t bytes) {
    if (bytes > workspaceBytes) {
      if (!charge(bytes - workspaceBytes))
        return false;
      workspace = allocateAligned(bytes);
      workspaceBytes = bytes;
    }
    return bytes >= 0 && (bytes == 0 || workspace);
  }

  /// A round of a loop counts like a dispatch.
  int32_t poll() { return ++dispatches > limits.dispatches ? TEGULA_LOOP_LIMIT : TEGULA_OK; }

  void *allocate(int64_t bytes) {
    if (!charge(bytes))
      return nullptr;
    Memory block = allocateAligned(bytes);
    void *pointer = block.get();
    if (pointer)
      blocks[pointer] = {std::move(block), bytes};
    return pointer;
  }

  void release(void *pointer) {
    auto found = blocks.find(pointer);
    if (found == blocks.end())
      return;
    liveBytes -= found->second.second;
    blocks.erase(found);
  }

  void *output(int32_t index, ArrayRef<int64_t> shape) {
    int64_t bytes = getStorageBytes(cast<TensorType>(resultTypes[index]).getElementType());
    for (int64_t extent : shape)
      if (extent < 0 || llvm::MulOverflow(bytes, extent, bytes))
        return nullptr;
    if (!charge(bytes))
      return nullptr;
    memories[index] = TensorMemory::allocate(bytes);
    shapes[index].assign(shape.begin(), shape.end());
    return memories[index] ? memories[index]->data() : nullptr;
  }

  llvm::Error describe(int32_t status) const {
    static const char *const texts[] = {"success",
                                        "index out of range",
                                        "integer division by zero",
                                        "integer overflow",
                                        "shift out of range",
                                        "shapes do not match",
                                        "it needs too much memory",
                                        "it takes too many steps",
                                        "invalid value",
                                        "it needs a host operation"};
    const char *text = status > 0 && status < int32_t(std::size(texts)) ? texts[status] : "unknown failure";
    const char *node = failedNode >= 0 && failedNode < artifact.node_count ? artifact.nodes[failedNode] : nullptr;
    return llvm::createStringError("%s%s%s", node ? node : "", node ? ": " : "", text);
  }

  const tegula_artifact &artifact;
  EvaluationLimits limits;
  ArrayRef<Type> resultTypes;
  Memory workspace;
  int64_t workspaceBytes = 0;
  llvm::DenseMap<void *, std::pair<Memory, int64_t>> blocks;
  SmallVector<std::shared_ptr<TensorMemory>> memories;
  SmallVector<SmallVector<int64_t>> shapes;
  int64_t liveBytes = 0, work = 0, dispatches = 0;
  int32_t failedNode = -1;
};

class InProcessEvaluator : public ConstantEvaluator {
public:
  using ConstantEvaluator::ConstantEvaluator;

  /// The stages from `linalg` on, for a CPU: those before fold constants themselves.
  static void addStages(OpPassManager &manager) {
    for (const Stage &stage : getStages().drop_until([](const Stage &stage) { return stage.name == "linalg"; }))
      stage.build(manager, getCPUBackend());
  }

  llvm::Expected<SmallVector<ElementsAttr>> evaluate(OwningOpRef<ModuleOp> program, ArrayRef<ElementsAttr> inputs,
                                                     const EvaluationLimits &limits) const override {
    MLIRContext &context = *program->getContext();
    bool isX86 = llvm::Triple(llvm::sys::getProcessTriple()).isX86();
    auto target = parseCPUTarget(context, isX86 ? "x86-64-v2" : "aarch64");
    if (!target)
      return target.takeError();
    (*program)->setAttr("exec.target", *target);
    auto main = program->lookupSymbol<func::FuncOp>("main");
    SmallVector<Type> results(main.getResultTypes());

    std::string reason;
    {
      ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error && reason.empty())
          reason = diagnostic.str();
        return success();
      });
      PassManager manager(&context, ModuleOp::getOperationName());
      addStages(manager);
      if (failed(manager.run(*program)))
        return llvm::createStringError("%s", reason.empty() ? "it cannot be compiled" : reason.c_str());
    }
    ExportOptions options;
    options.symbol = "constants";
    auto object = emitMachineCode({LevelCode{*program, *target, options}}, CodeKind::Object);
    if (!object)
      return object.takeError();
    auto artifact = LoadedArtifact::load(*object, options.symbol, *program);
    if (!artifact)
      return artifact.takeError();

    SmallVector<std::shared_ptr<TensorMemory>> copies(inputs.size());
    SmallVector<const void *> pointers;
    SmallVector<int64_t> dims;
    for (auto [input, copy] : llvm::zip(inputs, copies)) {
      auto data = getTensorData(input, copy);
      if (!data)
        return data.takeError();
      pointers.push_back(*data);
      llvm::append_range(dims, input.getShapedType().getShape());
    }
    Run run((*artifact)->get(), limits, results);
    if (llvm::Error error = run.start(pointers, dims))
      return std::move(error);
    SmallVector<ElementsAttr> values;
    for (size_t i = 0; i < results.size(); ++i) {
      auto value = run.takeResult(i);
      if (!value)
        return value.takeError();
      values.push_back(*value);
    }
    return values;
  }
};
} // namespace

void tegula::registerConstantEvaluator(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, graph::GraphDialect *dialect) {
    dialect->addInterfaces<InProcessEvaluator>();
    // It runs inside a pass, where no dialect may be loaded any more.
    PassManager manager(context, ModuleOp::getOperationName());
    InProcessEvaluator::addStages(manager);
    DialectRegistry needed;
    manager.getDependentDialects(needed);
    context->appendDialectRegistry(needed);
    for (StringRef name : needed.getDialectNames())
      context->getOrLoadDialect(name);
  });
}
