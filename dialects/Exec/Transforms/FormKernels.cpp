// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a host function with tensor operations (linalg, tensor, kernel-level scf) between scalar shape arithmetic.
// Out: the same function with `exec.dispatch` in their place, and one `exec.kernel` per group.
// Algorithm: blocks in program order (scf ops are host control flow, their blocks likewise, except scf.for loops tagged
// `exec.kernel`: those are tensor operations whose carried tensors keep their shape). Each tensor operation roots a
// group; a contraction takes the elementwise chain that alone uses its result, an insert_slice the chain of inserts it
// continues. Inits (tensor.empty, linalg.fill) and views (extract_slice, broadcast_view) are cloned into every group
// that reads them. A view that the host itself needs becomes a copy kernel.
//
// On a CPU, padding by known widths belongs to the kernel that makes what is padded: it writes into the middle of the
// padded result, and exec.fill_border writes around it. Contractions do so where the innermost dimension is not padded,
// as their families write vectors along it.
//
// What one kernel makes and another one reads is a missed remark of the category "fusion", with the reason.
//
//   %1 = linalg.generic {mul-add} %a, %b              %2 = exec.dispatch @matmul_fc1_0 ins(%a, %b, %c) outs(%empty)
//   %2 = linalg.generic {relu(x + c)} %1, %c    =>
#include "tegula/Dialect/Exec/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECFORMKERNELSPASS
#include "tegula/Dialect/Exec/Transforms/Passes.h.inc"
} // namespace tegula

/// Canonicalization keeps the attributes of scf.for, but not those of scf.if and scf.while.
static bool isHostControl(Operation *op) {
  return isa<scf::IfOp, scf::WhileOp>(op) || (isa<scf::ForOp>(op) && !op->hasAttr("exec.kernel"));
}

/// Operations that read a tensor without computing: cloned into each kernel that needs them.
static bool isView(Operation *op) { return isa<tensor::ExtractSliceOp, exec::BroadcastViewOp>(op); }

/// Operations that the host function keeps.
static bool isHost(Operation *op) {
  if (isHostControl(op))
    return true;
  if (isa<tensor::EmptyOp, tensor::DimOp, tensor::ExtractOp, tensor::FromElementsOp, tensor::CastOp,
          tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ReshapeOp, exec::ConstantOp, exec::CheckOp,
          exec::DispatchOp, exec::BoxOp, exec::UnboxOp>(op))
    return true;
  if (op->hasTrait<OpTrait::IsTerminator>() || op->hasTrait<OpTrait::ConstantLike>())
    return true;
  bool hasTensor = llvm::any_of(op->getResultTypes(), llvm::IsaPred<TensorType>) ||
                   llvm::any_of(op->getOperandTypes(), llvm::IsaPred<TensorType>);
  return !hasTensor;
}

/// Cloned into every group that uses it instead of being passed.
static bool isCloned(Operation *op) {
  // The inner steps of an algorithm belong to the kernel of its last one.
  if (isa<tensor::EmptyOp, linalg::FillOp>(op) || isView(op) || op->hasAttr("exec.inner_step"))
    return true;
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    // Scalars, and splats or tiny tensors, become part of the kernel (and of its key).
    return !isa<TensorType>(constant.getType()) || (elements && elements.isSplat() && elements.getNumElements() <= 1);
  }
  return false;
}

namespace {
struct Group {
  SmallVector<Operation *> operations; // in program order; the last one is the place of the dispatch
  llvm::SmallPtrSet<Operation *, 8> set;
  bool isContraction = false;
  tensor::PadOp padding; // the last operation, or null
  void add(Operation *op) {
    operations.push_back(op);
    set.insert(op);
  }
};

class Former {
public:
  Former(ModuleOp module)
      : module(module), context(module.getContext()),
        writesPadded(isa_and_nonnull<exec::CPUTargetAttr>(module->getAttr("exec.target"))) {}

  LogicalResult runOnBlock(Block &block) {
    materializeHostViews(block);
    llvm::SmallPtrSet<Operation *, 16> taken;
    SmallVector<Operation *> operations;
    for (Operation &op : block)
      operations.push_back(&op);
    SmallVector<Group> groups;
    for (Operation *op : operations) {
      if (isHostControl(op)) {
        for (Region &region : op->getRegions())
          for (Block &nested : region)
            if (failed(runOnBlock(nested)))
              return failure();
        continue;
      }
      if (isHost(op) || isCloned(op) || taken.contains(op))
        continue;
      groups.push_back(grow(op, taken));
      takePadding(groups.back(), taken);
      taken.insert(groups.back().operations.begin(), groups.back().operations.end());
    }
    // A fill that the host or another kernel needs as a value is a kernel of its own.
    for (Operation *op : operations)
      if (auto fill = dyn_cast<linalg::FillOp>(op))
        if (llvm::any_of(fill->getUsers(), [&](Operation *user) {
              return !taken.contains(ancestorIn(user, block)) && !isCloned(user);
            })) {
          Group group;
          group.add(fill);
          groups.push_back(group);
          taken.insert(fill);
        }
    remarkOnEdges(groups);
    for (Group &group : groups)
      if (failed(outline(group)))
        return failure();
    // What was cloned everywhere is dead now.
    for (Operation *op : llvm::reverse(operations))
      if (!taken.contains(op) && isCloned(op) && op->use_empty())
        op->erase();
    return success();
  }

private:
  static Operation *ancestorIn(Operation *op, Block &block) { return block.findAncestorOpInBlock(*op); }

  /// Views that the host reads (return, reshape, yield, a condition) get a copy of their own.
  void materializeHostViews(Block &block) {
    SmallVector<Operation *> views;
    for (Operation &op : block)
      if (isView(&op))
        views.push_back(&op);
    for (Operation *view : views) {
      Value value = view->getResult(0);
      auto needsCopy = [&](OpOperand &use) {
        Operation *user = ancestorIn(use.getOwner(), block);
        return user && user != view && isHost(user) && !isa<tensor::DimOp>(use.getOwner());
      };
      if (llvm::none_of(value.getUses(), needsCopy))
        continue;
      OpBuilder builder(context);
      builder.setInsertionPointAfter(view);
      auto type = cast<RankedTensorType>(value.getType());
      SmallVector<OpFoldResult> sizes;
      for (int64_t i = 0; i < type.getRank(); ++i)
        sizes.push_back(type.isDynamicDim(i) ? OpFoldResult(extentOutside(builder, view->getLoc(), value, i, nullptr))
                                             : OpFoldResult(builder.getIndexAttr(type.getDimSize(i))));
      Value empty = tensor::EmptyOp::create(builder, view->getLoc(), sizes, type.getElementType());
      AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
      SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
      auto copy = linalg::GenericOp::create(
          builder, view->getLoc(), type, value, empty, ArrayRef{identity, identity}, iterators,
          [](OpBuilder &b, Location loc, ValueRange v) { linalg::YieldOp::create(b, loc, v[0]); });
      value.replaceUsesWithIf(copy.getResult(0),
                              [&](OpOperand &use) { return use.getOwner() != copy && needsCopy(use); });
    }
  }

  /// The group that `root` starts; operations in `taken` belong to other groups already.
  Group grow(Operation *root, const llvm::SmallPtrSetImpl<Operation *> &taken) {
    Group group;
    group.add(root);
    auto generic = dyn_cast<linalg::GenericOp>(root);
    group.isContraction = generic && (exec::isContraction(generic) || generic->hasAttr("exec.last_step"));
    int64_t epilogueOps = 0;
    while (true) {
      Operation *last = group.operations.back();
      if (last->getNumResults() != 1 || !last->hasOneUse())
        return group;
      OpOperand &use = *last->getUses().begin();
      Operation *user = use.getOwner();
      if (user->getBlock() != root->getBlock() || taken.contains(user))
        return group;
      bool takes = false;
      if (group.isContraction) {
        takes = findEpilogueObstacle(use, epilogueOps).empty();
        if (takes)
          epilogueOps += exec::countBodyOps(cast<linalg::GenericOp>(user));
      } else if (isa<tensor::InsertSliceOp>(root)) {
        auto insert = dyn_cast<tensor::InsertSliceOp>(user);
        takes = insert && insert.getDest() == last->getResult(0);
      }
      if (!takes)
        return group;
      group.add(user);
    }
  }

  /// Why the kernel of a contraction, with `epilogueOps` behind it, does not take the owner of `use`, which reads its
  /// result; empty if it does.
  static StringRef findEpilogueObstacle(OpOperand &use, int64_t epilogueOps) {
    auto reader = dyn_cast<linalg::GenericOp>(use.getOwner());
    if (!reader || reader.getNumDpsInits() != 1 || !reader.isDpsInput(&use))
      return "one of them is no elementwise operation";
    if (reader.getNumReductionLoops() != 0)
      return exec::isContraction(reader) ? "a contraction packs its operands, from memory" : "the reader reduces";
    if (!reader.getMatchingIndexingMap(&use).isIdentity() ||
        !reader.getMatchingIndexingMap(reader.getDpsInitOperand(0)).isIdentity())
      return "the reader reads it in another order";
    if (usesOtherTensors(reader))
      return "the reader reads by computed indices";
    return epilogueOps + exec::countBodyOps(reader) <= exec::maxFusedOps ? "" : "the kernel would grow too large";
  }

  /// Why `use`, by an operation of another group, is not inside of the group that makes the value.
  static StringRef findObstacle(const Group &group, OpOperand &use) {
    Operation *producer = use.get().getDefiningOp();
    if (!producer->hasOneUse())
      return "others read the result too";
    if (group.isContraction) {
      int64_t ops = 0;
      for (Operation *op : llvm::drop_begin(group.operations))
        if (auto generic = dyn_cast<linalg::GenericOp>(op))
          ops += exec::countBodyOps(generic);
      StringRef obstacle = findEpilogueObstacle(use, ops);
      return obstacle.empty() ? "the padded result is written" : obstacle;
    }
    auto generic = dyn_cast<linalg::GenericOp>(producer);
    if (generic && generic.getNumReductionLoops() != 0)
      return "the producer reduces";
    StringRef obstacle = exec::findFusionObstacle(&use);
    if (obstacle.empty())
      return linalg::areElementwiseOpsFusable(&use) ? "it came up after fusion" : "their loops do not match";
    return obstacle;
  }

  /// A remark for each operation that reads what another group makes, if anyone listens.
  void remarkOnEdges(ArrayRef<Group> groups) {
    if (!context->getRemarkEngine())
      return;
    llvm::DenseMap<Operation *, const Group *> groupOf;
    for (const Group &group : groups)
      for (Operation *op : group.operations)
        groupOf[op] = &group;
    for (const Group &group : groups) {
      llvm::SmallPtrSet<Operation *, 8> told;
      for (Operation *op : group.operations)
        for (Value result : op->getResults())
          remarkOnReaders(result, group, groupOf, /*obstacle=*/"", told);
    }
  }

  /// `obstacle` lies between the group's result and `value`, if not empty.
  void remarkOnReaders(Value value, const Group &group, const llvm::DenseMap<Operation *, const Group *> &groupOf,
                       StringRef obstacle, llvm::SmallPtrSetImpl<Operation *> &told) {
    for (OpOperand &use : value.getUses()) {
      Operation *reader = use.getOwner();
      if (auto readerGroup = groupOf.find(reader); readerGroup != groupOf.end()) {
        if (readerGroup->second != &group && told.insert(reader).second)
          remark::missed(reader->getLoc(), remark::RemarkOpts::name("not fused").category("fusion"))
              << remark::metric("Producer", nameOf(group))
              << remark::reason("{0}", obstacle.empty() ? findObstacle(group, use) : obstacle);
      } else if (isView(reader)) {
        remarkOnReaders(reader->getResult(0), group, groupOf, "a part or a broadcast of it is read", told);
      } else if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp>(reader)) {
        remarkOnReaders(reader->getResult(0), group, groupOf, "a reshape lies between them", told);
      } else if (reader->hasAttr("exec.inner_step")) {
        remarkOnReaders(reader->getResult(0), group, groupOf, "an algorithm of several steps reads it", told);
      }
    }
  }

  /// Adds the padding of the group's result where the kernel can write into the middle of it.
  void takePadding(Group &group, const llvm::SmallPtrSetImpl<Operation *> &taken) {
    auto last = dyn_cast<linalg::GenericOp>(group.operations.back());
    if (!writesPadded || !last || last->getNumResults() != 1 || !last->hasOneUse())
      return;
    auto pad = dyn_cast<tensor::PadOp>(*last->user_begin());
    if (!pad || pad->getBlock() != last->getBlock() || taken.contains(pad) || !isKnownPadding(pad) ||
        (group.isContraction && pad.getStaticHigh().back() + pad.getStaticLow().back() != 0))
      return;
    group.add(pad);
    group.padding = pad;
  }

  /// Whether the widths and the value are constants.
  static bool isKnownPadding(tensor::PadOp pad) {
    auto isKnown = [](int64_t width) { return !ShapedType::isDynamic(width) && width >= 0; };
    return pad.getSourceType().getRank() > 0 && llvm::all_of(pad.getStaticLow(), isKnown) &&
           llvm::all_of(pad.getStaticHigh(), isKnown) && pad.getConstantPaddingValue() &&
           matchPattern(pad.getConstantPaddingValue(), m_Constant());
  }

  /// The middle of `buffer`, a padded result of type `type` without its padding; fills what is around it.
  static Value writeAround(OpBuilder &b, Location loc, Value buffer, tensor::PadOp pad, RankedTensorType type) {
    TypedAttr value;
    (void)matchPattern(pad.getConstantPaddingValue(), m_Constant(&value));
    exec::FillBorderOp::create(b, loc, buffer, pad.getStaticLow(), pad.getStaticHigh(), value);
    SmallVector<OpFoldResult> offsets, sizes, ones(type.getRank(), b.getIndexAttr(1));
    for (int64_t i = 0; i < type.getRank(); ++i) {
      int64_t low = pad.getStaticLow()[i], both = low + pad.getStaticHigh()[i];
      offsets.push_back(b.getIndexAttr(low));
      if (!type.isDynamicDim(i)) {
        sizes.push_back(b.getIndexAttr(type.getDimSize(i)));
        continue;
      }
      Value extent = memref::DimOp::create(b, loc, buffer, i);
      Value widths = arith::ConstantIndexOp::create(b, loc, both);
      sizes.push_back(b.createOrFold<arith::SubIOp>(loc, extent, widths));
    }
    return memref::SubViewOp::create(b, loc, buffer, offsets, sizes, ones);
  }

  /// Bodies that index tensors themselves (gathers) stay alone.
  static bool usesOtherTensors(linalg::GenericOp op) {
    bool found = false;
    op.getBody()->walk(
        [&](Operation *inner) { found |= isa<tensor::ExtractOp, linalg::IndexOp, exec::CheckOp>(inner); });
    return found;
  }

  /// Whether value `index` that a kernel's loop carries keeps its shape: what a round yields is the round's value with
  /// elements or slices written into it, or has the type's static shape.
  static bool keepsShape(scf::ForOp loop, unsigned index) {
    Value argument = loop.getRegionIterArgs()[index];
    if (cast<RankedTensorType>(argument.getType()).hasStaticShape())
      return true;
    Value value = loop.getYieldedValues()[index];
    while (value != argument) {
      Operation *op = value.getDefiningOp();
      if (!op)
        return false;
      unsigned number = cast<OpResult>(value).getResultNumber();
      if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
        value = insert.getDest();
      } else if (auto insert = dyn_cast<tensor::InsertOp>(op)) {
        value = insert.getDest();
      } else if (auto written = dyn_cast<bufferization::MaterializeInDestinationOp>(op)) {
        value = written.getDest();
      } else if (auto cast = dyn_cast<tensor::CastOp>(op)) {
        value = cast.getSource();
      } else if (auto dps = dyn_cast<DestinationStyleOpInterface>(op)) {
        value = dps.getDpsInits()[number];
      } else if (auto inner = dyn_cast<scf::ForOp>(op); inner && keepsShape(inner, number)) {
        value = inner.getInitArgs()[number];
      } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
        // One side keeps the round's value; the other is asked for the rest of the way.
        Value first = branch.thenYield()->getOperand(number), second = branch.elseYield()->getOperand(number);
        if (first != argument && second != argument)
          return false;
        value = first == argument ? second : first;
      } else if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
        return hasShapeOf(empty, argument);
      } else {
        return false;
      }
    }
    return true;
  }

  /// Whether all extents of `empty` are asked of `value`.
  static bool hasShapeOf(tensor::EmptyOp empty, Value value) {
    return empty.getType() == value.getType() && llvm::all_of(llvm::enumerate(empty.getMixedSizes()), [&](auto size) {
             auto extent = dyn_cast<Value>(size.value());
             auto dim = extent ? extent.template getDefiningOp<tensor::DimOp>() : nullptr;
             return !extent ||
                    (dim && dim.getSource() == value && dim.getConstantIndex() == std::optional<int64_t>(size.index()));
           });
  }

  /// Extent `i` of `value` as host values available before the group; `group` null: of any host value.
  Value extentOutside(OpBuilder &b, Location loc, Value value, int64_t i, const Group *group) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!type.isDynamicDim(i))
      return arith::ConstantIndexOp::create(b, loc, type.getDimSize(i));
    Operation *op = value.getDefiningOp();
    if (!op)
      return tensor::DimOp::create(b, loc, value, i);
    bool inside = group && group->set.contains(op);
    auto toValue = [&](OpFoldResult size) { return getValueOrCreateConstantIndexOp(b, loc, size); };
    if (auto empty = dyn_cast<tensor::EmptyOp>(op))
      return toValue(empty.getMixedSizes()[i]);
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
      auto dropped = slice.getDroppedDims();
      int64_t kept = -1;
      for (auto [k, size] : llvm::enumerate(slice.getMixedSizes()))
        if (!dropped.test(k) && ++kept == i)
          return toValue(size);
    }
    if (auto view = dyn_cast<exec::BroadcastViewOp>(op)) {
      unsigned index = 0;
      for (int64_t k = 0; k < i; ++k)
        index += type.isDynamicDim(k);
      return view.getSizes()[index];
    }
    if (auto cast = dyn_cast<tensor::CastOp>(op); cast && isa<RankedTensorType>(cast.getSource().getType()))
      return extentOutside(b, loc, cast.getSource(), i, group);
    if (auto dps = dyn_cast<DestinationStyleOpInterface>(op))
      return extentOutside(b, loc, dps.getTiedOpOperand(cast<OpResult>(value))->get(), i, group);
    if (!inside)
      return tensor::DimOp::create(b, loc, value, i);
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      return extentOutside(b, loc, insert.getDest(), i, group);
    if (auto insert = dyn_cast<tensor::InsertOp>(op))
      return extentOutside(b, loc, insert.getDest(), i, group);
    if (auto loop = dyn_cast<scf::ForOp>(op); loop && keepsShape(loop, cast<OpResult>(value).getResultNumber()))
      return extentOutside(b, loc, loop.getInitArgs()[cast<OpResult>(value).getResultNumber()], i, group);
    if (auto pad = dyn_cast<tensor::PadOp>(op)) {
      Value extent = extentOutside(b, loc, pad.getSource(), i, group);
      extent = arith::AddIOp::create(b, loc, extent, toValue(pad.getMixedLowPad()[i]));
      return arith::AddIOp::create(b, loc, extent, toValue(pad.getMixedHighPad()[i]));
    }
    if (auto generate = dyn_cast<tensor::GenerateOp>(op)) {
      unsigned index = 0;
      for (int64_t k = 0; k < i; ++k)
        index += type.isDynamicDim(k);
      return generate.getDynamicExtents()[index];
    }
    op->emitOpError("the extent of result ") << cast<OpResult>(value).getResultNumber() << ", dimension " << i
                                             << ", cannot be computed before the kernel runs";
    extentFailed = true;
    return arith::ConstantIndexOp::create(b, loc, 0);
  }

  /// Clones `value`'s defining operation if it is of the cloned kind; collects everything else as a capture.
  void collect(Operation *op, const Group &group, llvm::SetVector<Operation *> &clones,
               llvm::SetVector<Value> &captures) {
    // A contraction packs its operands from memory, a choice between tensors is one between their memory, and a slice
    // is copied: no scalar can stand for one.
    auto packs = [](Operation *user, Value value) {
      auto generic = dyn_cast<linalg::GenericOp>(user);
      auto insert = dyn_cast<tensor::InsertSliceOp>(user);
      bool readsMemory = (generic && exec::isContraction(generic)) || isa<arith::SelectOp>(user) ||
                         (insert && insert.getSource() == value && insert.getDest() != value);
      return readsMemory && isa<TensorType>(value.getType()) && matchPattern(value, m_Constant());
    };
    auto visit = [&](Operation *user, Value value) {
      Operation *definition = value.getDefiningOp();
      if (op->isAncestor(definition ? definition : value.getParentBlock()->getParentOp()))
        return; // a value of the operation's own regions
      if (definition && (group.set.contains(definition) || isInside(definition, group)))
        return;
      if (!definition && isa<BlockArgument>(value) && isInside(value.getParentBlock()->getParentOp(), group))
        return;
      if (definition && isCloned(definition) && !packs(user, value)) {
        if (!clones.contains(definition)) {
          collect(definition, group, clones, captures);
          clones.insert(definition);
        }
        return;
      }
      captures.insert(value);
    };
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        visit(inner, operand);
    });
  }
  static bool isInside(Operation *op, const Group &group) {
    for (; op; op = op->getParentOp())
      if (group.set.contains(op))
        return true;
    return false;
  }

  /// The node that the group's result comes from.
  std::string nameOf(const Group &group) {
    ArrayAttr nodes = collectNodes(group);
    return nodes.empty() ? "an operation of no node" : cast<StringAttr>(nodes[nodes.size() - 1]).getValue().str();
  }

  std::string makeName(const Group &group, ArrayAttr nodes) {
    std::string name = group.isContraction ? "matmul_" : "map_";
    StringRef node = nodes.empty() ? "kernel" : cast<StringAttr>(nodes[nodes.size() - 1]).getValue();
    if (size_t quote = node.find('\''); quote != StringRef::npos)
      node = node.drop_front(quote + 1).take_until([](char c) { return c == '\''; });
    for (char c : node.take_back(40))
      name += isalnum((unsigned char)c) ? c : '_';
    return name + "_" + std::to_string(counter++);
  }

  ArrayAttr collectNodes(const Group &group) {
    llvm::SetVector<Attribute> names;
    for (Operation *op : group.operations)
      op->getLoc()->walk([&](Location loc) {
        if (auto name = dyn_cast<NameLoc>(loc))
          names.insert(name.getName());
        return WalkResult::advance();
      });
    return ArrayAttr::get(context, names.getArrayRef());
  }

  LogicalResult outline(Group &group) {
    Operation *last = group.operations.back();
    SmallVector<Location> locations;
    for (Operation *op : group.operations)
      locations.push_back(op->getLoc());
    Location loc = FusedLoc::get(context, locations);

    llvm::SetVector<Operation *> clones;
    llvm::SetVector<Value> captures;
    for (Operation *op : group.operations)
      if (op != group.padding)
        collect(op, group, clones, captures);
    SmallVector<Value> results;
    for (Operation *op : group.operations)
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !isInside(user, group); }))
          results.push_back(result);
    if (results.empty()) {
      for (Operation *op : llvm::reverse(group.operations))
        op->erase();
      return success();
    }

    OpBuilder builder(context);
    builder.setInsertionPoint(last);
    // Captured scalars that are not indices travel as rank-0 tensors.
    SmallVector<Value> tensors, tensorSources, indices;
    for (Value capture : captures) {
      if (isa<IndexType>(capture.getType())) {
        indices.push_back(capture);
      } else if (isa<RankedTensorType>(capture.getType())) {
        tensors.push_back(capture);
        tensorSources.push_back(capture);
      } else if (capture.getType().isIntOrFloat()) {
        tensorSources.push_back(capture);
        tensors.push_back(
            tensor::FromElementsOp::create(builder, loc, RankedTensorType::get({}, capture.getType()), capture));
      } else {
        return last->emitOpError("expected operands that are ranked tensors or scalars, but got ") << capture.getType();
      }
    }
    SmallVector<Value> outs;
    for (Value result : results) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type)
        return result.getDefiningOp()->emitOpError("expected ranked tensor results of a kernel, but got ")
               << result.getType();
      SmallVector<OpFoldResult> sizes;
      for (int64_t i = 0; i < type.getRank(); ++i)
        sizes.push_back(type.isDynamicDim(i) ? OpFoldResult(extentOutside(builder, loc, result, i, &group))
                                             : OpFoldResult(builder.getIndexAttr(type.getDimSize(i))));
      if (extentFailed)
        return failure();
      outs.push_back(tensor::EmptyOp::create(builder, loc, sizes, type.getElementType()));
    }

    auto toMemRef = [](Value value) -> Type {
      auto type = cast<RankedTensorType>(value.getType());
      return MemRefType::get(type.getShape(), type.getElementType());
    };
    SmallVector<Type> arguments;
    llvm::append_range(arguments, llvm::map_range(tensors, toMemRef));
    llvm::append_range(arguments, llvm::map_range(outs, toMemRef));
    arguments.append(indices.size(), builder.getIndexType());

    ArrayAttr nodes = collectNodes(group);
    std::string name = makeName(group, nodes);
    OpBuilder atModule = OpBuilder::atBlockEnd(module.getBody());
    auto kernel =
        exec::KernelOp::create(atModule, loc, name, int64_t(outs.size()), nodes, nullptr, nullptr, nullptr, 0);
    Block *body = &kernel.getBody().emplaceBlock();
    OpBuilder inKernel = OpBuilder::atBlockEnd(body);
    auto function = func::FuncOp::create(inKernel, loc, name, inKernel.getFunctionType(arguments, {}));
    Block *entry = function.addEntryBlock();
    inKernel.setInsertionPointToEnd(entry);

    IRMapping mapping;
    for (auto [i, tensor] : llvm::enumerate(tensors)) {
      Value value = bufferization::ToTensorOp::create(inKernel, loc, tensor.getType(), entry->getArgument(i),
                                                      /*restrict=*/true, /*writable=*/false);
      if (tensorSources[i] != tensor)
        value = tensor::ExtractOp::create(inKernel, loc, value, ValueRange());
      mapping.map(tensorSources[i], value);
    }
    for (auto [i, index] : llvm::enumerate(indices))
      mapping.map(index, entry->getArgument(tensors.size() + outs.size() + i));
    SmallVector<Value> buffers(entry->getArguments().slice(tensors.size(), outs.size()));
    if (tensor::PadOp pad = group.padding) {
      buffers[0] = writeAround(inKernel, loc, buffers[0], pad, pad.getSourceType());
      results[0] = pad.getSource();
    }
    for (Operation *op : clones)
      inKernel.clone(*op, mapping);
    for (Operation *op : group.operations)
      if (op != group.padding)
        inKernel.clone(*op, mapping);
    for (auto [buffer, result] : llvm::zip(buffers, results))
      bufferization::MaterializeInDestinationOp::create(inKernel, loc, Type(), mapping.lookup(result), buffer,
                                                        /*restrict=*/true, /*writable=*/true);
    if (group.padding)
      results[0] = group.padding.getResult();
    func::ReturnOp::create(inKernel, loc);

    SmallVector<Type> resultTypes(ValueRange(outs).getTypes());
    auto dispatch = exec::DispatchOp::create(builder, loc, resultTypes, name, tensors, outs, indices);
    for (auto [result, output] : llvm::zip(results, dispatch.getOutputs())) {
      Value value = output;
      if (value.getType() != result.getType())
        value = tensor::CastOp::create(builder, loc, result.getType(), value);
      result.replaceUsesWithIf(value, [&](OpOperand &use) { return !isInside(use.getOwner(), group); });
    }
    for (Operation *op : llvm::reverse(group.operations))
      op->erase();
    return success();
  }

  ModuleOp module;
  MLIRContext *context;
  bool writesPadded;
  int64_t counter = 0;
  bool extentFailed = false;
};

/// A big result that is one value throughout is written by each run, not kept in the artifact, which it could blow up.
static void fillReturnedSplats(func::FuncOp main) {
  constexpr int64_t smallest = 1 << 20; // elements
  main.walk([](arith::ConstantOp constant) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!elements || !elements.isSplat() || elements.getNumElements() < smallest ||
        !llvm::all_of(constant->getUsers(), llvm::IsaPred<func::ReturnOp>))
      return;
    OpBuilder builder(constant);
    Location loc = constant.getLoc();
    auto type = cast<RankedTensorType>(constant.getType());
    Value scalar = arith::ConstantOp::create(builder, loc, cast<TypedAttr>(elements.getSplatValue<Attribute>()));
    Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
    constant.replaceAllUsesWith(linalg::FillOp::create(builder, loc, scalar, empty).getResult(0));
    constant.erase();
  });
}

struct ExecFormKernelsPass : tegula::impl::ExecFormKernelsPassBase<ExecFormKernelsPass> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main) {
      getOperation().emitError("expected a host function @main");
      return signalPassFailure();
    }
    fillReturnedSplats(main);
    Former former(getOperation());
    for (Block &block : main.getBody())
      if (failed(former.runOnBlock(block)))
        return signalPassFailure();
    // The tensors that are left as constants are the artifact's.
    main.walk([](arith::ConstantOp constant) {
      auto elements = dyn_cast<ElementsAttr>(constant.getValue());
      if (!elements)
        return;
      OpBuilder builder(constant);
      auto replacement = exec::ConstantOp::create(builder, constant.getLoc(), constant.getType(), elements, nullptr);
      constant.replaceAllUsesWith(replacement.getResult());
      constant.erase();
    });
  }
};
} // namespace
