// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  the bufferized host function: memref.alloc for every value, memrefs returned, exec.constant without offsets.
// Out: no memref.alloc and no result: what is returned lives in exec.output, static buffers of the function's top level
//      in the arena (exec.arena_view) where two share bytes when their lifetimes are disjoint, everything else in
//      exec.allocate with exec.release after its last use (or, when it escapes its block, with the end of the run).
//      The module gets `exec.arena_bytes` and `exec.constant_bytes`; the defaults of inputs get their offsets too.
//      Constants of equal bytes are one. What the module has in `exec.constants` already, those of another level of the
//      same artifact, keeps its place.
// Algorithm: lifetimes by BufferViewFlowAnalysis, from the first use on; offsets greedily, at the lowest gap that fits,
// in several orders (biggest buffer first, longest life first, ...), of which the smallest arena is taken.
#include "tegula/Dialect/Exec/Transforms/Passes.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

#include <unordered_map>

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECPLANMEMORYPASS
#include "tegula/Dialect/Exec/Transforms/Passes.h.inc"
} // namespace tegula

static int64_t getBytes(ShapedType type) {
  return type.getNumElements() * exec::getElementBytes(type.getElementType());
}

static SmallVector<Value> dynamicSizes(OpBuilder &builder, Location loc, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(memref::DimOp::create(builder, loc, memref, i));
  return sizes;
}

/// Moves what is returned into exec.output.
static void placeOutputs(func::FuncOp function) {
  auto terminator = cast<func::ReturnOp>(function.getBody().back().getTerminator());
  OpBuilder builder(terminator);
  llvm::SmallPtrSet<Operation *, 8> placed;
  for (auto [index, value] : llvm::enumerate(terminator.getOperands())) {
    Location loc = terminator.getLoc();
    if (isa<exec::HandleType>(value.getType())) {
      exec::OutputValueOp::create(builder, loc, index, value);
      continue;
    }
    Value source = value;
    while (auto cast = source.getDefiningOp<memref::CastOp>())
      source = cast.getSource();
    auto alloc = source.getDefiningOp<memref::AllocOp>();
    if (alloc && alloc->getBlock() == terminator->getBlock() && placed.insert(alloc).second) {
      OpBuilder atAlloc(alloc);
      auto output = exec::OutputOp::create(atAlloc, alloc.getLoc(), alloc.getType(), index, alloc.getDynamicSizes());
      alloc.replaceAllUsesWith(output.getResult());
      placed.insert(output);
      alloc.erase();
      continue;
    }
    auto type = cast<MemRefType>(value.getType());
    auto output = exec::OutputOp::create(builder, loc, MemRefType::get(type.getShape(), type.getElementType()), index,
                                         dynamicSizes(builder, loc, value));
    memref::CopyOp::create(builder, loc, value, output);
  }
  func::ReturnOp::create(builder, terminator.getLoc());
  terminator.erase();
  function->removeAttr(function.getResAttrsAttrName());
  function.setFunctionType(FunctionType::get(function.getContext(), function.getArgumentTypes(), {}));
}

namespace {
struct Buffer {
  memref::AllocOp alloc;
  int64_t bytes = 0, first = 0, last = 0, offset = 0;
};

/// The artifact's constants: what lies where.
class ConstantTable {
public:
  explicit ConstantTable(ModuleOp module) : module(module), builder(module.getContext()) {
    auto given = module->getAttrOfType<ArrayAttr>("exec.constants");
    for (Attribute entry : given ? given.getValue() : ArrayRef<Attribute>()) {
      auto row = cast<DictionaryAttr>(entry);
      add(row.getAs<ElementsAttr>("value"), row.getAs<IntegerAttr>("offset").getInt());
    }
    if (auto bytes = module->getAttrOfType<IntegerAttr>("exec.constant_bytes"))
      total = bytes.getInt();
  }

  /// The offset of `value`, which may lie there under another type.
  int64_t place(ElementsAttr value) {
    if (auto found = offsets.find(value); found != offsets.end())
      return found->second;
    if (std::optional<exec::StoredElements> stored = exec::getStoredElements(value))
      for (auto [it, end] = byHash.equal_range(hash(value, *stored)); it != end; ++it)
        if (isSame(it->second, value, *stored))
          return offsets[value] = offsets[it->second];
    int64_t offset = total;
    total = llvm::alignTo(total + getBytes(value.getShapedType()), TEGULA_ALIGNMENT);
    add(value, offset);
    return offset;
  }

  /// Writes it to the module, where Export finds it: the ops are gone by then.
  void store() {
    module->setAttr("exec.constants", builder.getArrayAttr(rows));
    module->setAttr("exec.constant_bytes", builder.getI64IntegerAttr(total));
  }

private:
  static uint64_t hash(ElementsAttr value, const exec::StoredElements &stored) {
    return llvm::hash_combine(getBytes(value.getShapedType()),
                              llvm::xxh3_64bits(StringRef(stored.bytes.data(), stored.bytes.size())));
  }
  static bool isSame(ElementsAttr value, ElementsAttr other, const exec::StoredElements &stored) {
    return getBytes(value.getShapedType()) == getBytes(other.getShapedType()) &&
           exec::getStoredElements(value) == std::optional(stored);
  }
  void add(ElementsAttr value, int64_t offset) {
    offsets[value] = offset;
    if (std::optional<exec::StoredElements> stored = exec::getStoredElements(value))
      byHash.emplace(hash(value, *stored), value);
    rows.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("offset", builder.getI64IntegerAttr(offset)), builder.getNamedAttr("value", value)}));
  }

  ModuleOp module;
  Builder builder;
  DenseMap<Attribute, int64_t> offsets;
  std::unordered_multimap<uint64_t, ElementsAttr> byHash;
  SmallVector<Attribute> rows;
  int64_t total = 0;
};

struct ExecPlanMemoryPass : tegula::impl::ExecPlanMemoryPassBase<ExecPlanMemoryPass> {
  /// Last operation of `block` that uses `alloc` or an alias; null when it escapes the block.
  Operation *lastUse(memref::AllocOp alloc, Block *block, BufferViewFlowAnalysis &aliases) {
    Operation *last = alloc;
    for (Value alias : aliases.resolve(alloc.getResult())) {
      if (!block->findAncestorOpInBlock(*alias.getParentBlock()->getParentOp()) && alias.getParentBlock() != block)
        return nullptr;
      for (Operation *user : alias.getUsers()) {
        Operation *ancestor = block->findAncestorOpInBlock(*user);
        if (!ancestor || ancestor->hasTrait<OpTrait::IsTerminator>())
          return nullptr;
        if (last->isBeforeInBlock(ancestor))
          last = ancestor;
      }
    }
    return last;
  }

  /// First operation of the alloc's block that uses it or an alias; views alone do not.
  Operation *firstUse(memref::AllocOp alloc, BufferViewFlowAnalysis &aliases) {
    Operation *first = nullptr;
    for (Value alias : aliases.resolve(alloc.getResult()))
      for (Operation *user : alias.getUsers()) {
        Operation *ancestor = alloc->getBlock()->findAncestorOpInBlock(*user);
        if (ancestor && !isa<ViewLikeOpInterface>(ancestor) && (!first || ancestor->isBeforeInBlock(first)))
          first = ancestor;
      }
    return first ? first : alloc.getOperation();
  }

  /// Gives each buffer its offset, in this order; returns the end of all.
  static int64_t placeInOrder(ArrayRef<Buffer *> order) {
    int64_t total = 0;
    SmallVector<Buffer *> placed; // by offset
    for (Buffer *buffer : order) {
      int64_t offset = 0;
      for (Buffer *other : placed) {
        if (other->last < buffer->first || buffer->last < other->first)
          continue;
        if (offset + buffer->bytes <= other->offset)
          break;
        offset = std::max(offset, int64_t(llvm::alignTo(other->offset + other->bytes, TEGULA_ALIGNMENT)));
      }
      buffer->offset = offset;
      total = std::max(total, offset + buffer->bytes);
      placed.insert(
          llvm::upper_bound(placed, buffer, [](const Buffer *a, const Buffer *b) { return a->offset < b->offset; }),
          buffer);
    }
    return total;
  }

  int64_t assignOffsets(SmallVector<Buffer> &buffers) {
    // What each order compares, the greatest first.
    auto bySize = [](const Buffer &buffer) { return double(buffer.bytes); };
    auto byArea = [](const Buffer &buffer) { return double(buffer.bytes) * double(buffer.last - buffer.first + 1); };
    auto byLife = [](const Buffer &buffer) { return double(buffer.last - buffer.first); };
    auto byBegin = [](const Buffer &buffer) { return -double(buffer.first); };
    auto byEnd = [](const Buffer &buffer) { return double(buffer.last); };
    int64_t least = std::numeric_limits<int64_t>::max();
    SmallVector<int64_t> best(buffers.size(), 0);
    for (double (*key)(const Buffer &) : {+bySize, +byArea, +byLife, +byBegin, +byEnd}) {
      SmallVector<Buffer *> order;
      for (Buffer &buffer : buffers)
        order.push_back(&buffer);
      llvm::stable_sort(order, [&](const Buffer *a, const Buffer *b) {
        return std::pair(key(*a), a->bytes) > std::pair(key(*b), b->bytes);
      });
      int64_t total = placeInOrder(order);
      if (total >= least)
        continue;
      least = total;
      for (auto [offset, buffer] : llvm::zip(best, buffers))
        offset = buffer.offset;
    }
    for (auto [offset, buffer] : llvm::zip(best, buffers))
      buffer.offset = offset;
    return llvm::alignTo(least, TEGULA_ALIGNMENT);
  }

  void placeConstants(func::FuncOp function) {
    ConstantTable table(getOperation());
    Builder builder(&getContext());
    function.walk([&](exec::ConstantOp constant) { constant.setOffset(table.place(constant.getValue())); });
    SmallVector<Attribute> inputs;
    if (auto given = getOperation()->getAttrOfType<ArrayAttr>("exec.inputs"))
      for (Attribute entry : given) {
        NamedAttrList input(cast<DictionaryAttr>(entry));
        auto elements = dyn_cast_or_null<ElementsAttr>(input.get("default"));
        if (elements && !isa<DenseStringElementsAttr>(elements))
          input.set("default_offset", builder.getI64IntegerAttr(table.place(elements)));
        inputs.push_back(input.getDictionary(&getContext()));
      }
    if (!inputs.empty())
      getOperation()->setAttr("exec.inputs", builder.getArrayAttr(inputs));
    table.store();
  }

  void runOnOperation() override {
    auto function = getOperation().lookupSymbol<func::FuncOp>("main");
    placeOutputs(function);
    placeConstants(function);

    BufferViewFlowAnalysis aliases(function);
    Block *entry = &function.getBody().front();
    SmallVector<Buffer> buffers;
    SmallVector<std::pair<memref::AllocOp, Operation *>> dynamic;
    DenseMap<Operation *, int64_t> position;
    int64_t next = 0;
    for (Operation &op : *entry)
      position[&op] = next++;
    function.walk([&](memref::AllocOp alloc) {
      Operation *last = lastUse(alloc, alloc->getBlock(), aliases);
      if (alloc->getBlock() == entry && alloc.getType().hasStaticShape()) {
        Buffer buffer{alloc, std::max<int64_t>(1, getBytes(alloc.getType()))};
        buffer.first = position[firstUse(alloc, aliases)];
        buffer.last = last ? position[last] : next;
        buffers.push_back(buffer);
      } else {
        dynamic.push_back({alloc, last});
      }
    });
    int64_t bytes = assignOffsets(buffers);
    getOperation()->setAttr("exec.arena_bytes", IntegerAttr::get(IntegerType::get(&getContext(), 64), bytes));
    for (Buffer &buffer : buffers) {
      OpBuilder builder(buffer.alloc);
      auto view = exec::ArenaViewOp::create(builder, buffer.alloc.getLoc(), buffer.alloc.getType(), buffer.offset);
      buffer.alloc.replaceAllUsesWith(view.getResult());
      buffer.alloc.erase();
    }
    for (auto [alloc, last] : dynamic) {
      OpBuilder builder(alloc);
      auto allocate = exec::AllocateOp::create(builder, alloc.getLoc(), alloc.getType(), alloc.getDynamicSizes());
      if (last) {
        builder.setInsertionPointAfter(last == alloc ? allocate.getOperation() : last);
        exec::ReleaseOp::create(builder, alloc.getLoc(), allocate);
      }
      alloc.replaceAllUsesWith(allocate.getResult());
      alloc.erase();
    }
  }
};
} // namespace
