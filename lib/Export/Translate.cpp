// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Host function, kernels and the const descriptor that abi.h describes, as one LLVM module.
#include "EntryPoints.h"
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/IR/Types.h"
#include "tegula/abi.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/Constants.h"

using namespace mlir;
using namespace tegula;

namespace {
/// Builds the descriptor's globals. Structs are literal LLVM structs in the order of abi.h; C and LLVM agree on their
/// natural layout.
class DescriptorBuilder {
public:
  DescriptorBuilder(llvm::Module &module) : module(module), context(module.getContext()) {
    pointer = llvm::PointerType::getUnqual(context);
    i32 = llvm::Type::getInt32Ty(context);
    i64 = llvm::Type::getInt64Ty(context);
  }

  llvm::Constant *null() { return llvm::ConstantPointerNull::get(pointer); }
  llvm::Constant *integer32(int64_t value) { return llvm::ConstantInt::get(i32, value); }
  llvm::Constant *integer64(int64_t value) { return llvm::ConstantInt::get(i64, value); }
  llvm::Constant *global(llvm::Constant *value, const llvm::Twine &name) {
    return new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true, llvm::GlobalValue::InternalLinkage,
                                    value, name);
  }
  /// Something that is defined elsewhere in the same library.
  llvm::Constant *hidden(StringRef name) {
    auto *symbol = new llvm::GlobalVariable(module, llvm::Type::getInt8Ty(context), /*isConstant=*/true,
                                            llvm::GlobalValue::ExternalLinkage, nullptr, name);
    symbol->setVisibility(llvm::GlobalValue::HiddenVisibility);
    return symbol;
  }
  /// Where it is does not matter, so that the linker keeps one copy of equal texts: levels have most of them in common.
  llvm::Constant *text(StringRef value) {
    llvm::Constant *result = global(llvm::ConstantDataArray::getString(context, value), "tegula.text");
    cast<llvm::GlobalVariable>(result)->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    return result;
  }
  llvm::Constant *structure(ArrayRef<llvm::Constant *> fields) {
    return llvm::ConstantStruct::getAnon(context, fields);
  }
  /// Address of an array of `elements`; null for none.
  llvm::Constant *array(ArrayRef<llvm::Constant *> elements, const llvm::Twine &name) {
    if (elements.empty())
      return null();
    auto type = llvm::ArrayType::get(elements.front()->getType(), elements.size());
    return global(llvm::ConstantArray::get(type, elements), name);
  }

  llvm::Constant *tensorInfo(DictionaryAttr description) {
    Type type = cast<TypeAttr>(description.get("type")).getValue();
    auto name = description.getAs<StringAttr>("name");
    if (graph::isValueType(type))
      return structure({text(name ? name.getValue() : ""), integer32(0), integer32(0), null(), null()});
    auto dims = description.getAs<ArrayAttr>("dims");
    SmallVector<llvm::Constant *> shape, symbols;
    int32_t rank = -1;
    if (auto ranked = dyn_cast<RankedTensorType>(type)) {
      rank = ranked.getRank();
      for (auto [i, extent] : llvm::enumerate(ranked.getShape())) {
        shape.push_back(integer64(ShapedType::isDynamic(extent) ? -1 : extent));
        StringRef symbol = dims && i < dims.size() ? cast<StringAttr>(dims[i]).getValue() : StringRef();
        symbols.push_back(symbol.empty() ? null() : text(symbol));
      }
    }
    return structure({text(name ? name.getValue() : ""),
                      integer32(graph::getOnnxElementType(cast<TensorType>(type).getElementType())), integer32(rank),
                      array(shape, "tegula.shape"), array(symbols, "tegula.symbols")});
  }

  /// Address of the tegula_default of an input; null when it has none.
  llvm::Constant *inputDefault(DictionaryAttr description) {
    auto elements = description.getAs<ElementsAttr>("default");
    if (!elements)
      return null();
    SmallVector<llvm::Constant *> shape, strings;
    for (int64_t extent : description.getAs<DenseI64ArrayAttr>("default_shape").asArrayRef())
      shape.push_back(integer64(extent));
    if (auto texts = dyn_cast<DenseStringElementsAttr>(elements))
      for (StringRef string : texts.getValues<StringRef>())
        strings.push_back(structure({text(string), integer64(string.size())}));
    auto offset = description.getAs<IntegerAttr>("default_offset");
    return global(structure({integer32(shape.size()), array(shape, "tegula.shape"),
                             integer64(offset ? offset.getInt() : 0), array(strings, "tegula.strings")}),
                  "tegula.default");
  }

  /// Address of the tegula_value_type of a value; null for a tensor.
  llvm::Constant *valueType(Type type) { return graph::isValueType(type) ? describeType(type) : null(); }

  llvm::Constant *describeType(Type type) {
    int32_t kind = TEGULA_TENSOR, element = 0;
    llvm::Constant *inner = null();
    if (auto sequence = dyn_cast<graph::SequenceType>(type)) {
      kind = TEGULA_SEQUENCE;
      inner = describeType(sequence.getElement());
    } else if (auto optional = dyn_cast<graph::OptionalType>(type)) {
      kind = TEGULA_OPTIONAL;
      inner = describeType(optional.getElement());
    } else if (auto map = dyn_cast<graph::MapType>(type)) {
      kind = TEGULA_MAP;
      element = graph::getOnnxElementType(map.getKey());
      inner = describeType(RankedTensorType::get({}, map.getValue()));
    } else {
      element = graph::getOnnxElementType(cast<TensorType>(type).getElementType());
    }
    return global(structure({integer32(kind), integer32(element), inner}), "tegula.type");
  }

  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::PointerType *pointer;
  llvm::Type *i32, *i64;
};
} // namespace

/// Code for the device: a phase of a GPU kernel.
static bool isPhase(Operation *op) { return op->hasAttr("exec.block"); }

/// One flat module: the bodies of the kernels beside the host function, or only what runs on the device.
static OwningOpRef<ModuleOp> flatten(ModuleOp module, bool device) {
  OwningOpRef<ModuleOp> flat = ModuleOp::create(module.getLoc());
  llvm::StringSet<llvm::MallocAllocator> declared;
  auto move = [&](Operation *op) {
    auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
    if (function && function.isExternal() && !declared.insert(function.getSymName()).second)
      return;
    flat->push_back(op->clone());
  };
  for (Operation &op : *module.getBody()) {
    if (auto kernel = dyn_cast<exec::KernelOp>(op)) {
      // Beside the phases only what they use: declarations and memory of a block.
      bool hasPhases = llvm::any_of(kernel.getBody().front(), [](Operation &inner) { return isPhase(&inner); });
      for (Operation &inner : kernel.getBody().front()) {
        bool isHost = inner.hasAttr("exec.grid");
        if (device ? !isHost : !hasPhases || isHost)
          move(&inner);
      }
    } else if (!device) {
      move(&op);
    }
  }
  return flat;
}

static void registerTranslations(ModuleOp module) {
  DialectRegistry registry;
  registerAllToLLVMIRTranslations(registry);
  module.getContext()->appendDialectRegistry(registry);
}

llvm::Expected<std::unique_ptr<llvm::Module>> tegula::translateDeviceCode(ModuleOp module, llvm::LLVMContext &context) {
  registerTranslations(module);
  OwningOpRef<ModuleOp> flat = flatten(module, /*device=*/true);
  std::unique_ptr<llvm::Module> result = translateModuleToLLVMIR(*flat, context, "kernels");
  if (!result)
    return llvm::createStringError("translation to LLVM IR failed");
  for (auto function : flat->getOps<LLVM::LLVMFuncOp>())
    if (auto block = function->getAttrOfType<DenseI32ArrayAttr>("exec.block"))
      result->getFunction(function.getSymName())
          ->addFnAttr(
              "nvvm.maxntid",
              llvm::join(llvm::map_range(block.asArrayRef(), [](int32_t n) { return std::to_string(n); }), ","));
  return result;
}

static std::string printAttribute(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  attribute.print(stream);
  return text;
}

/// The tegula_device_kernel of a kernel with these phases.
static llvm::Expected<llvm::Constant *> describeDeviceKernel(DescriptorBuilder &builder,
                                                             ArrayRef<LLVM::LLVMFuncOp> phases) {
  SmallVector<llvm::Constant *> rows;
  for (LLVM::LLVMFuncOp phase : llvm::to_vector(phases)) {
    std::string entry = phase.getSymName().str();
    llvm::Function *grid = builder.module.getFunction(entry + "_grid");
    if (!grid)
      return llvm::createStringError("phase %s has no grid function", entry.c_str());
    grid->setLinkage(llvm::GlobalValue::InternalLinkage);
    auto block = phase->getAttrOfType<DenseI32ArrayAttr>("exec.block");
    llvm::Constant *threads = llvm::ConstantDataArray::get(builder.context, block.asArrayRef());
    rows.push_back(builder.structure({builder.text(entry), threads, builder.integer32(/*shared_bytes=*/0), grid}));
  }
  // All buffers, all extents, then workspace and status.
  LLVM::LLVMFuncOp first = phases.front();
  int64_t pointers = llvm::count_if(first.getArgumentTypes(), llvm::IsaPred<LLVM::LLVMPointerType>);
  int64_t extents = first.getNumArguments() - pointers;
  return builder.structure({builder.integer32(pointers - 2), builder.integer32(extents),
                            builder.array(rows, first.getSymName() + ".phases")});
}

llvm::Expected<std::unique_ptr<llvm::Module>> tegula::translateToLLVM(ModuleOp module, llvm::LLVMContext &context,
                                                                      const ExportOptions &options, StringRef sidecar,
                                                                      uint64_t sidecarHash) {
  registerTranslations(module);
  OwningOpRef<ModuleOp> flat = flatten(module, /*device=*/false);
  SmallVector<exec::KernelOp> kernels(module.getOps<exec::KernelOp>());
  std::unique_ptr<llvm::Module> result = translateModuleToLLVMIR(*flat, context, options.symbol);
  if (!result)
    return llvm::createStringError("translation to LLVM IR failed");

  DescriptorBuilder builder(*result);
  auto program = result->getFunction("tegula_program");
  if (!program)
    return llvm::createStringError("the module has no host function");
  program->setLinkage(llvm::GlobalValue::InternalLinkage);

  bool isDevice = !options.deviceCode.empty();
  llvm::Constant *deviceCode = isDevice ? builder.text(options.deviceCode) : builder.null();
  SmallVector<llvm::Constant *> kernelRows, deviceRows;
  for (exec::KernelOp kernel : kernels) {
    llvm::Constant *phases = builder.null(), *workspace = builder.null();
    int64_t phaseCount = 1;
    if (isDevice) {
      SmallVector<LLVM::LLVMFuncOp> functions;
      for (auto function : kernel.getBody().getOps<LLVM::LLVMFuncOp>())
        if (isPhase(function))
          functions.push_back(function);
      if (functions.empty())
        return llvm::createStringError("kernel %s has no phases", kernel.getSymName().str().c_str());
      phaseCount = functions.size();
      auto row = describeDeviceKernel(builder, functions);
      if (!row)
        return row.takeError();
      deviceRows.push_back(*row);
    } else {
      llvm::Function *function = result->getFunction(kernel.getSymName());
      if (!function)
        return llvm::createStringError("kernel %s has no function", kernel.getSymName().str().c_str());
      function->setLinkage(llvm::GlobalValue::InternalLinkage);
      function->setUWTableKind(llvm::UWTableKind::Default);
      phases = builder.array({function}, kernel.getSymName() + ".phases");
      if (llvm::Function *counter = result->getFunction(kernel.getWorkspaceName())) {
        counter->setLinkage(llvm::GlobalValue::InternalLinkage);
        workspace = counter;
      }
    }
    std::string nodes;
    if (ArrayAttr names = kernel.getNodesAttr())
      for (Attribute name : names)
        nodes += (nodes.empty() ? "" : "\n") + cast<StringAttr>(name).getValue().str();
    std::string schedule = kernel.getSchedule() ? printAttribute(*kernel.getSchedule()) : "";
    StringRef family =
        StringRef(schedule).drop_until([](char c) { return c == '.'; }).drop_front(1).take_until([](char c) {
          return c == '<';
        });
    if (!family.consume_front("cpu_"))
      family.consume_front("nvptx_");
    kernelRows.push_back(builder.structure(
        {builder.text(kernel.getSymName()), builder.text(family), builder.text(schedule),
         builder.text(kernel.getProvenance().value_or("")), builder.text(kernel.getKey().value_or("")),
         builder.text(nodes), builder.integer32(phaseCount), builder.integer32(!kernel->hasAttr("exec.serial")), phases,
         deviceCode, builder.integer64(kernel.getWorkspace()), workspace}));
  }

  auto describeAll = [&](StringRef attribute) {
    SmallVector<llvm::Constant *> rows;
    if (auto list = module->getAttrOfType<ArrayAttr>(attribute))
      for (Attribute entry : list)
        rows.push_back(builder.tensorInfo(cast<DictionaryAttr>(entry)));
    return rows;
  };
  SmallVector<llvm::Constant *> inputs = describeAll("exec.inputs"), outputs = describeAll("exec.outputs"), nodes;
  if (auto names = module->getAttrOfType<ArrayAttr>("exec.nodes"))
    for (Attribute name : names)
      nodes.push_back(builder.text(cast<StringAttr>(name).getValue()));

  /// An array of addresses, one for each row of the list; null when all are.
  auto describeEach = [&](StringRef attribute, const llvm::Twine &name, auto describe) {
    SmallVector<llvm::Constant *> rows;
    if (auto list = module->getAttrOfType<ArrayAttr>(attribute))
      for (Attribute entry : list)
        rows.push_back(describe(cast<DictionaryAttr>(entry)));
    bool hasValue = llvm::any_of(rows, [](llvm::Constant *row) { return !row->isNullValue(); });
    return hasValue ? builder.array(rows, name) : builder.null();
  };
  auto describeTypes = [&](StringRef attribute) {
    return describeEach(attribute, "tegula.types", [&](DictionaryAttr entry) {
      return builder.valueType(cast<TypeAttr>(entry.get("type")).getValue());
    });
  };
  llvm::Constant *defaults =
      describeEach("exec.inputs", "tegula.defaults", [&](DictionaryAttr entry) { return builder.inputDefault(entry); });
  int64_t constantBytes = getConstantBytes(module);
  llvm::Constant *constants = builder.null();
  if (sidecar.empty())
    constants = builder.hidden(options.constantsSymbol);
  llvm::Constant *levels = options.levelCount > 1 ? builder.hidden(getLevelsName(options)) : builder.null();
  auto arena = module->getAttrOfType<IntegerAttr>("exec.arena_bytes");
  llvm::Constant *artifact = builder.structure({builder.integer32(TEGULA_ABI_VERSION),
                                                builder.integer32(sizeof(tegula_artifact)),
                                                builder.text(options.modelName),
                                                builder.text(options.targetName),
                                                builder.text(options.features),
                                                builder.text(options.provenance),
                                                builder.integer64(arena ? arena.getInt() : 0),
                                                constants,
                                                builder.integer64(constantBytes),
                                                sidecar.empty() ? builder.null() : builder.text(sidecar),
                                                builder.integer64(int64_t(sidecarHash)),
                                                builder.integer32(inputs.size()),
                                                builder.integer32(outputs.size()),
                                                builder.integer32(kernelRows.size()),
                                                builder.integer32(nodes.size()),
                                                builder.array(inputs, "tegula.inputs"),
                                                builder.array(outputs, "tegula.outputs"),
                                                builder.array(kernelRows, "tegula.kernels"),
                                                builder.array(nodes, "tegula.nodes"),
                                                program,
                                                builder.array(deviceRows, "tegula.device_kernels"),
                                                describeTypes("exec.inputs"),
                                                describeTypes("exec.outputs"),
                                                defaults,
                                                levels,
                                                builder.integer32(options.levelCount > 1 ? options.levelCount : 0)});
  auto *descriptor = cast<llvm::GlobalVariable>(builder.global(artifact, getDescriptorName(options, options.level)));
  descriptor->setLinkage(llvm::GlobalValue::ExternalLinkage);
  descriptor->setVisibility(llvm::GlobalValue::HiddenVisibility);
  return result;
}
