// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  graph ops on constants that the folders left, because they are too big or have no folder: transposed weights,
//      dequantized weights, tables made by a chain of ops.
// Out: the same function with constants in the place of everything that follows from constants alone.
// Algorithm: in program order, an op is constant when all that it reads is; ops with regions (graph.if, graph.loop)
// count as one op. Constant ops that use each other form a part. All parts become one program, whose results are what
// others read and whose inputs are the big constants, and the constant evaluator runs it once. When that fails, each
// half is tried alone, so that a part that cannot be evaluated (it divides by zero, it is too big) stays as it is.
// Where a result has a more precise type than its op had, shapes are inferred again, which can make more ops constant:
// another round.
//
//   %w = graph.constant dense_resource<w> : tensor<64x32xf32>        %t = graph.constant dense_resource<folded>
//   %t = graph.transpose %w perm [1, 0] : ... -> tensor<32x64xf32>  =>                     : tensor<32x64xf32>
//   %y = graph.matmul %x, %t                                         %y = graph.matmul %x, %t
//
// A splat stays a splat: an op whose result would be far bigger than what its operands hold is not constant here.
#include "tegula/Dialect/Graph/IR/Blocked.h"
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Types.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"
#include "tegula/Kernel/ConstantEvaluator.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SetVector.h"

#include <cmath>

using namespace mlir;
using namespace tegula::graph;
using tegula::ConstantEvaluator;

namespace tegula {
#define GEN_PASS_DEF_GRAPHFOLDCONSTANTSPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

/// A result may hold this many times the bytes of what it is computed from, and always `freeBytes`: the most that
/// unpacking 2-bit weights to f32 asks for.
constexpr int64_t largestGrowth = 16, freeBytes = 1 << 16;
/// Multiplications and comparisons of one op, about two seconds; and the rounds of a loop.
constexpr double mostOperations = double(uint64_t(1) << 34);
constexpr int64_t mostRounds = 1 << 16;
/// How often a round may evaluate while it looks for the parts that cannot be.
constexpr int mostTries = 64;

static double getElementBytes(Type element) {
  if (auto complex = dyn_cast<ComplexType>(element))
    return 2 * getElementBytes(complex.getElementType());
  return element.getIntOrFloatBitWidth() / 8.0;
}

static bool isNumericTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<IntegerType, FloatType, ComplexType>(tensor.getElementType());
}

static double countElements(Type type) {
  double count = 1;
  for (int64_t extent : cast<RankedTensorType>(type).getShape())
    count *= ShapedType::isDynamic(extent) ? 1.0 : double(extent);
  return count;
}

/// Operands, and what the regions read from outside.
static SmallVector<Value> getReadValues(Operation *op) {
  llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
  for (Region &region : op->getRegions())
    getUsedValuesDefinedAbove(region, values);
  return values.takeVector();
}

namespace {
/// Ops that use each other's results, in program order, and those results that others use.
struct Part {
  SmallVector<Operation *> ops;
  SmallVector<Value> results;
};

/// Finds the constant ops of a function, but for `rejected` ones and, with `keepDequantized`, dequantizations.
class Finder {
public:
  Finder(const DenseSet<Operation *> &rejected, bool keepDequantized)
      : rejected(rejected), keepDequantized(keepDequantized) {}

  void visit(Block &block) {
    for (Operation &op : block) {
      if (op.hasTrait<OpTrait::ConstantLike>())
        continue;
      if (isConstantOp(&op)) {
        constantOps.insert(&op);
        for (Value value : getReadValues(&op))
          if (Operation *producer = value.getDefiningOp(); constantOps.contains(producer))
            classes.unionSets(producer, &op);
        classes.insert(&op);
        continue;
      }
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          visit(inner);
    }
  }

  SmallVector<Part> takeParts() {
    SmallVector<Part> parts;
    DenseMap<Operation *, size_t> partOf;
    for (Operation *op : constantOps) {
      auto [found, isNew] = partOf.try_emplace(classes.getLeaderValue(op), parts.size());
      if (isNew)
        parts.emplace_back();
      Part &part = parts[found->second];
      part.ops.push_back(op);
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !isInConstantOp(user); }))
          part.results.push_back(result);
    }
    llvm::erase_if(parts, [](const Part &part) { return part.results.empty(); });
    return parts;
  }

private:
  bool isInConstantOp(Operation *op) const {
    for (; op; op = op->getParentOp())
      if (constantOps.contains(op))
        return true;
    return false;
  }

  bool isConstantOp(Operation *op) {
    if (!isa_and_nonnull<GraphDialect>(op->getDialect()) || rejected.contains(op) || op->getNumResults() == 0 ||
        isa<OnnxOp>(op) || !isMemoryEffectFree(op) || (keepDequantized && isa<DequantizeOp>(op)))
      return false;
    double heldBytes = 0;
    for (Value value : getReadValues(op)) {
      Operation *producer = value.getDefiningOp();
      if (!producer || !isNumericTensor(value.getType()))
        return false;
      DenseElementsAttr dense;
      bool isSplat = matchPattern(value, m_Constant(&dense)) && dense.isSplat();
      double bytes = getElementBytes(getElementTypeOrSelf(value.getType()));
      if (!producer->hasTrait<OpTrait::ConstantLike>() && !constantOps.contains(producer))
        return false;
      heldBytes += isSplat ? bytes : bytes * countElements(value.getType());
    }
    for (Type type : op->getResultTypes())
      if (!isNumericTensor(type) || countElements(type) * getElementBytes(getElementTypeOrSelf(type)) >
                                        double(freeBytes) + double(largestGrowth) * heldBytes)
        return false;
    return countOperations(op) <= mostOperations;
  }

  /// An estimate of the work of ops that do more than touch each element a few times; infinite for a loop whose rounds
  /// are not known.
  static double countOperations(Operation *op) {
    double product = 1, largest = 0;
    int big = 0;
    auto count = [&](Type type) {
      if (!isNumericTensor(type))
        return;
      double elements = countElements(type);
      largest = std::max(largest, elements);
      if (++big <= 2)
        product *= elements;
    };
    llvm::for_each(op->getOperandTypes(), count);
    if (isa<MatMulOp, ConvOp, ConvTransposeOp, EinsumOp, LstmOp, GruOp, RnnOp>(op))
      return std::sqrt(product * countElements(op->getResult(0).getType())); // M * K * N of a matrix product
    if (isa<TopKOp, UniqueOp>(op))
      return largest * largest;
    if (op->getNumRegions() == 0)
      return largest;
    double rounds = 1;
    if (auto loop = dyn_cast<LoopOp>(op)) {
      auto trips = loop.getTripCount() ? getConstantIntegers(loop.getTripCount()) : std::nullopt;
      if (!trips || trips->size() != 1 || trips->front() > mostRounds)
        return std::numeric_limits<double>::infinity();
      rounds = double(std::max<int64_t>(trips->front(), 0));
    }
    double inner = 1000; // host code around kernels
    for (Region &region : op->getRegions())
      for (Operation &nested : region.getOps())
        inner += countOperations(&nested);
    return rounds * inner;
  }

  const DenseSet<Operation *> &rejected;
  bool keepDequantized;
  llvm::SetVector<Operation *> constantOps;
  llvm::EquivalenceClasses<Operation *> classes;
};

struct GraphFoldConstantsPass : tegula::impl::GraphFoldConstantsPassBase<GraphFoldConstantsPass> {
  using GraphFoldConstantsPassBase::GraphFoldConstantsPassBase;
  /// One module whose @main computes the results of all parts; null when no such module has known ranks. With
  /// `general`, what can be is computed for any extents: the weights of a model differ in shape but not in what is done
  /// to them, and equal kernels are compiled once.
  OwningOpRef<ModuleOp> makeProgram(ArrayRef<Part *> parts, bool general, SmallVectorImpl<ElementsAttr> &inputs) {
    Location loc = getOperation().getLoc();
    OwningOpRef<ModuleOp> program = ModuleOp::create(loc, "constants");
    OpBuilder builder(program->getBodyRegion());
    auto main = func::FuncOp::create(builder, loc, "main", builder.getFunctionType({}, {}));
    Block *entry = main.addEntryBlock();
    builder.setInsertionPointToEnd(entry);
    SmallVector<Value> results;
    for (Part *part : parts) {
      bool isGeneral = general && llvm::all_of(part->ops, readsOnlyData);
      IRMapping mapping;
      auto provide = [&](Value value) {
        if (mapping.contains(value))
          return;
        Operation *constant = value.getDefiningOp();
        if (ElementsAttr input = getInput(constant, isGeneral)) {
          inputs.push_back(input);
          Type type = isGeneral ? generalize(value.getType()) : value.getType();
          mapping.map(value, entry->addArgument(type, constant->getLoc()));
        } else {
          builder.clone(*constant, mapping);
        }
      };
      for (Operation *op : part->ops) {
        llvm::for_each(getReadValues(op), provide);
        Operation *copy = builder.clone(*op, mapping);
        for (Value result : copy->getResults())
          if (isGeneral)
            result.setType(UnrankedTensorType::get(getElementTypeOrSelf(result.getType())));
      }
      for (Value result : part->results)
        results.push_back(mapping.lookup(result));
    }
    func::ReturnOp::create(builder, loc, results);
    main.setFunctionType(builder.getFunctionType(entry->getArgumentTypes(), ValueRange(results).getTypes()));
    if (general) {
      // What goes wrong here goes right, or is reported, with the extents.
      ScopedDiagnosticHandler silence(&getContext(), [](Diagnostic &) { return success(); });
      PassManager inference(&getContext(), ModuleOp::getOperationName());
      inference.addNestedPass<func::FuncOp>(tegula::createGraphInferShapesPass());
      if (failed(inference.run(*program)) || !llvm::all_of(main.getResultTypes(), llvm::IsaPred<RankedTensorType>))
        return nullptr;
    }
    return program;
  }

  /// Ops whose operands are all data: no axes, no shapes, which decide types.
  static bool readsOnlyData(Operation *op) {
    return isa<TransposeOp, CastOp, QuantizeOp, DequantizeOp, AddOp, SubOp, MulOp, DivOp, NegOp, AbsOp, SqrtOp,
               ReciprocalOp, BlockColumnsOp>(op);
  }

  /// The type without its extents, but for those of 1, which broadcast.
  static Type generalize(Type type) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(tensor.getShape());
    for (int64_t &extent : shape)
      extent = extent == 1 ? 1 : ShapedType::kDynamic;
    return RankedTensorType::get(shape, tensor.getElementType());
  }

  /// The value of a constant that is an input of the program, so that its bytes are not copied. Null for small ones,
  /// which are a part of the program, since shapes and axes decide types; but where all operands are data
  /// (`isGeneral`), they are inputs too.
  static ElementsAttr getInput(Operation *constant, bool isGeneral) {
    ElementsAttr value;
    matchPattern(constant, m_Constant(&value));
    if (isa<DenseResourceElementsAttr>(value))
      return value;
    auto dense = dyn_cast<DenseElementsAttr>(value);
    if (!dense || getElementBytes(dense.getElementType()) < 1)
      return nullptr;
    int64_t count = dense.getNumElements();
    if (dense.isSplat() && count != 1)
      return nullptr;
    return isGeneral || count > maxFoldedElements ? value : nullptr;
  }

  /// Puts constants in the place of a part's results, if their types agree with what is known. Returns whether it did.
  bool replace(Part &part, ArrayRef<ElementsAttr> values) {
    for (auto [result, value] : llvm::zip(part.results, values))
      if (joinTypes(result.getType(), value.getType()) != value.getType())
        return false;
    for (auto [result, value] : llvm::zip(part.results, values)) {
      bool mayBeShape = isa<IntegerType>(value.getElementType()) && value.getNumElements() <= maxFoldedElements;
      tellsShapes |= mayBeShape || result.getType() != value.getType();
      OpBuilder builder(result.getDefiningOp());
      result.replaceAllUsesWith(ConstantOp::create(builder, result.getLoc(), value));
    }
    for (Operation *op : llvm::reverse(part.ops))
      op->erase();
    return true;
  }

  std::optional<SmallVector<ElementsAttr>> evaluate(ArrayRef<Part *> parts, bool general, std::string &reason) {
    SmallVector<ElementsAttr> inputs;
    OwningOpRef<ModuleOp> program = makeProgram(parts, general, inputs);
    if (!program)
      return std::nullopt;
    auto values = evaluator->evaluate(std::move(program), inputs, {});
    if (values)
      return std::move(*values);
    reason = llvm::toString(values.takeError());
    return std::nullopt;
  }

  /// Folds the parts that can be evaluated; returns whether there were any.
  bool fold(MutableArrayRef<Part *> parts, int &tries) {
    if (parts.empty() || ++tries > mostTries)
      return false;
    std::string reason;
    auto values = evaluate(parts, /*general=*/true, reason);
    if (!values && parts.size() == 1)
      values = evaluate(parts, /*general=*/false, reason);
    if (values) {
      bool folded = false;
      ArrayRef<ElementsAttr> rest = *values;
      for (Part *part : parts) {
        folded |= replace(*part, rest.take_front(part->results.size()));
        rest = rest.drop_front(part->results.size());
      }
      return folded;
    }
    if (parts.size() == 1) {
      parts.front()->ops.front()->emitRemark("not folded, although all its operands are constants: ") << reason;
      rejected.insert(parts.front()->ops.begin(), parts.front()->ops.end());
      return false;
    }
    size_t half = parts.size() / 2;
    bool first = fold(parts.take_front(half), tries), second = fold(parts.drop_front(half), tries);
    return first || second;
  }

  void runOnOperation() override {
    rejected.clear();
    evaluator = getContext().getLoadedDialect<GraphDialect>()->getRegisteredInterface<ConstantEvaluator>();
    assert(evaluator && "a context without a constant evaluator");
    for (bool folded = true; folded;) {
      Finder finder(rejected, keepDequantized);
      getOperation().walk([&](func::FuncOp function) {
        for (Block &block : function.getBody())
          finder.visit(block);
      });
      SmallVector<Part> parts = finder.takeParts();
      SmallVector<Part *> pointers(llvm::make_pointer_range(parts));
      int tries = 0;
      tellsShapes = false;
      folded = fold(pointers, tries);
      if (!tellsShapes)
        return;
      OpPassManager inference(ModuleOp::getOperationName());
      inference.addNestedPass<func::FuncOp>(tegula::createGraphInferShapesPass());
      if (failed(runPipeline(inference, getOperation())))
        return signalPassFailure();
    }
  }

  const ConstantEvaluator *evaluator = nullptr;
  DenseSet<Operation *> rejected; // ops of parts that cannot be evaluated; they stay in the function
  bool tellsShapes = false;
};
} // namespace
