// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The writer of signatures. It spells every type and attribute that stage `kernels` produces itself; what it does not
// know it writes as MLIR prints it, marked by `printed`, so that different kernels never share a text.
//
// Raise `version` when the same kernel would get another text: old keys are then no longer found, which is right.
//
#include "tegula/Kernel/KernelSignature.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace tegula;

static constexpr unsigned version = 1;
static constexpr StringLiteral opening = "tegula-kernel ";
/// Longer constants are written by their hash.
static constexpr size_t maxConstantBytes = 64;

namespace {
class SignatureWriter {
public:
  explicit SignatureWriter(llvm::raw_ostream &stream) : stream(stream) {}

  void writeKernel(exec::KernelOp kernel, ArrayRef<bool> constantOperands, StringRef precision);

private:
  void write(Type type);
  void write(Attribute attribute);
  void write(AffineMap map);
  void write(AffineExpr expression);
  void writeShape(ShapedType type);
  void writeArgument(Type type);
  void writeElements(ElementsAttr elements);
  void writeBytes(ArrayRef<char> bytes);
  void write(Operation &op);
  void writeBody(Block &block);
  unsigned numberOf(Value value) { return numbers.try_emplace(value, numbers.size()).first->second; }

  llvm::raw_ostream &stream;
  DenseMap<Value, unsigned> numbers;
};
} // namespace

static StringRef floatName(Type type) {
  return llvm::TypeSwitch<Type, StringRef>(type)
      .Case([](Float16Type) { return "f16"; })
      .Case([](BFloat16Type) { return "bf16"; })
      .Case([](Float32Type) { return "f32"; })
      .Case([](Float64Type) { return "f64"; })
      .Case([](Float8E4M3FNType) { return "f8e4m3fn"; })
      .Case([](Float8E4M3FNUZType) { return "f8e4m3fnuz"; })
      .Case([](Float8E5M2Type) { return "f8e5m2"; })
      .Case([](Float8E5M2FNUZType) { return "f8e5m2fnuz"; })
      .Case([](Float8E8M0FNUType) { return "f8e8m0fnu"; })
      .Case([](Float4E2M1FNType) { return "f4e2m1fn"; })
      .Default([](Type) { return ""; });
}

void SignatureWriter::writeShape(ShapedType type) {
  stream << "[";
  llvm::interleave(
      type.getShape(), stream,
      [&](int64_t extent) { ShapedType::isDynamic(extent) ? stream << "?" : stream << extent; }, ",");
  stream << "]";
}

void SignatureWriter::write(Type type) {
  if (StringRef name = floatName(type); !name.empty())
    stream << name;
  else if (auto integer = dyn_cast<IntegerType>(type))
    stream << (integer.isSigned() ? "s" : integer.isUnsigned() ? "u" : "i") << integer.getWidth();
  else if (isa<IndexType>(type))
    stream << "index";
  else if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && !tensor.getEncoding()) {
    stream << "tensor";
    writeShape(tensor);
    write(tensor.getElementType());
  } else if (auto memref = dyn_cast<MemRefType>(type); memref && !memref.getMemorySpace()) {
    stream << "memref";
    writeShape(memref);
    write(memref.getElementType());
    if (!memref.getLayout().isIdentity())
      write(memref.getLayout().getAffineMap());
  } else if (auto vector = dyn_cast<VectorType>(type); vector && !vector.isScalable()) {
    stream << "vector";
    writeShape(vector);
    write(vector.getElementType());
  } else
    stream << "printed<" << type << ">";
}

/// An argument of the kernel: a buffer with its strides, or a scalar.
void SignatureWriter::writeArgument(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref)
    return write(type);
  write(memref.getElementType());
  writeShape(memref);
  stream << "{";
  SmallVector<int64_t> strides;
  int64_t offset;
  if (succeeded(memref.getStridesAndOffset(strides, offset)))
    llvm::interleave(
        strides, stream, [&](int64_t stride) { ShapedType::isDynamic(stride) ? stream << "?" : stream << stride; },
        ",");
  else
    write(memref.getLayout().getAffineMap());
  stream << "}";
}

void SignatureWriter::write(AffineExpr expression) {
  if (auto dimension = dyn_cast<AffineDimExpr>(expression)) {
    stream << "d" << dimension.getPosition();
  } else if (auto symbol = dyn_cast<AffineSymbolExpr>(expression)) {
    stream << "s" << symbol.getPosition();
  } else if (auto constant = dyn_cast<AffineConstantExpr>(expression)) {
    stream << constant.getValue();
  } else {
    auto binary = cast<AffineBinaryOpExpr>(expression);
    stream << "(";
    write(binary.getLHS());
    switch (binary.getKind()) {
    case AffineExprKind::Add:
      stream << " + ";
      break;
    case AffineExprKind::Mul:
      stream << " * ";
      break;
    case AffineExprKind::Mod:
      stream << " mod ";
      break;
    case AffineExprKind::FloorDiv:
      stream << " floordiv ";
      break;
    default:
      stream << " ceildiv ";
      break;
    }
    write(binary.getRHS());
    stream << ")";
  }
}

void SignatureWriter::write(AffineMap map) {
  stream << "(" << map.getNumDims() << "," << map.getNumSymbols() << ")->(";
  llvm::interleave(map.getResults(), stream, [&](AffineExpr result) { write(result); }, ",");
  stream << ")";
}

void SignatureWriter::writeBytes(ArrayRef<char> bytes) {
  StringRef text(bytes.data(), bytes.size());
  if (bytes.size() <= maxConstantBytes) {
    stream << "0x" << llvm::toHex(text, /*LowerCase=*/true);
    return;
  }
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
  stream << "xxh3<" << llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16)
         << llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16) << ">";
}

void SignatureWriter::writeElements(ElementsAttr elements) {
  write(elements.getShapedType());
  stream << " ";
  if (auto dense = dyn_cast<DenseIntOrFPElementsAttr>(elements)) {
    if (dense.isSplat())
      stream << "splat ";
    writeBytes(dense.getRawData());
    return;
  }
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements))
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      return writeBytes(blob->getData());
  stream << "printed<" << elements << ">";
}

void SignatureWriter::write(Attribute attribute) {
  auto list = [&](auto values) {
    stream << "[";
    llvm::interleave(values, stream, [&](auto value) { stream << int64_t(value); }, ",");
    stream << "]";
  };
  llvm::TypeSwitch<Attribute>(attribute)
      .Case([&](UnitAttr) { stream << "unit"; })
      .Case([&](IntegerAttr integer) {
        stream << llvm::toString(integer.getValue(), 10, /*Signed=*/true) << " ";
        write(integer.getType());
      })
      .Case([&](FloatAttr number) {
        // By its bits: no rounding, and -0 and every NaN are what they are.
        stream << "0x" << llvm::toString(number.getValue().bitcastToAPInt(), 16, /*Signed=*/false) << " ";
        write(number.getType());
      })
      .Case([&](StringAttr text) {
        stream << '"';
        llvm::printEscapedString(text.getValue(), stream);
        stream << '"';
      })
      .Case([&](TypeAttr type) { write(type.getValue()); })
      .Case([&](AffineMapAttr map) { write(map.getValue()); })
      .Case([&](linalg::IteratorTypeAttr iterator) {
        stream << (iterator.getValue() == utils::IteratorType::parallel ? "parallel" : "reduction");
      })
      .Case([&](arith::FastMathFlagsAttr flags) { stream << "fastmath " << uint64_t(flags.getValue()); })
      .Case([&](arith::IntegerOverflowFlagsAttr flags) { stream << "overflow " << uint64_t(flags.getValue()); })
      .Case([&](DenseI64ArrayAttr array) { list(array.asArrayRef()); })
      .Case([&](DenseI32ArrayAttr array) { list(array.asArrayRef()); })
      .Case([&](DenseBoolArrayAttr array) { list(array.asArrayRef()); })
      .Case([&](ArrayAttr array) {
        stream << "[";
        llvm::interleave(array, stream, [&](Attribute element) { write(element); }, ", ");
        stream << "]";
      })
      .Case([&](ElementsAttr elements) { writeElements(elements); })
      .Default([&](Attribute other) { stream << "printed<" << other << ">"; });
}

/// Flags that say nothing: an LLVM that gives an operation a new flag must not change the text of those without it.
static bool isNeutral(Attribute attribute) {
  if (auto flags = dyn_cast<arith::FastMathFlagsAttr>(attribute))
    return flags.getValue() == arith::FastMathFlags::none;
  if (auto flags = dyn_cast<arith::IntegerOverflowFlagsAttr>(attribute))
    return flags.getValue() == arith::IntegerOverflowFlags::none;
  if (auto flag = dyn_cast<BoolAttr>(attribute))
    return !flag.getValue();
  return false;
}

void SignatureWriter::write(Operation &op) {
  stream << "; ";
  for (Value result : op.getResults())
    stream << "v" << numberOf(result) << " = ";
  stream << op.getName().getStringRef() << "(";
  llvm::interleave(op.getOperands(), stream, [&](Value operand) { stream << "v" << numberOf(operand); }, ",");
  stream << ")";
  // Sorted by name, whether MLIR keeps them as properties or not.
  SmallVector<NamedAttribute> attributes;
  for (NamedAttribute attribute : op.getAttrDictionary())
    if (isa<arith::ConstantOp>(op) || !isNeutral(attribute.getValue()))
      attributes.push_back(attribute);
  if (!attributes.empty()) {
    stream << "{";
    llvm::interleave(
        attributes, stream,
        [&](NamedAttribute attribute) {
          stream << attribute.getName().getValue() << " = ";
          write(attribute.getValue());
        },
        ", ");
    stream << "}";
  }
  for (Region &region : op.getRegions()) {
    stream << " (";
    for (Block &block : region)
      writeBody(block);
    stream << ")";
  }
  if (op.getNumResults() > 0) {
    stream << " -> ";
    llvm::interleave(op.getResultTypes(), stream, [&](Type type) { write(type); }, ", ");
  }
}

void SignatureWriter::writeBody(Block &block) {
  stream << "block(";
  llvm::interleave(
      block.getArguments(), stream,
      [&](BlockArgument argument) {
        stream << "v" << numberOf(argument) << " ";
        write(argument.getType());
      },
      ", ");
  stream << ")";
  for (Operation &op : block)
    write(op);
}

void SignatureWriter::writeKernel(exec::KernelOp kernel, ArrayRef<bool> constantOperands, StringRef precision) {
  Block &body = kernel.getFunction().getBody().front();
  size_t buffers = llvm::count_if(body.getArgumentTypes(), llvm::IsaPred<MemRefType>);
  size_t operands = buffers - kernel.getResultCount();
  stream << opening << version << "; precision " << precision << "; operands";
  for (size_t index = 0; index < body.getNumArguments(); ++index) {
    if (index == operands)
      stream << "; results";
    if (index == buffers)
      stream << "; scalars";
    stream << (index == 0 || index == operands || index == buffers ? " " : ", ");
    if (index < operands && constantOperands[index])
      stream << "const ";
    writeArgument(body.getArgument(index).getType());
    numberOf(body.getArgument(index));
  }
  // What a dispatch promises about its buffers: aligned like their elements, results apart from operands.
  stream << "; aligned element; alias none";
  for (Operation &op : body)
    write(op);
}

ConstantOperands::ConstantOperands(ModuleOp module) {
  module.walk([&](exec::DispatchOp dispatch) {
    SmallVector<bool> constant;
    for (Value operand : dispatch.getIns())
      constant.push_back(operand.getDefiningOp<exec::ConstantOp>() || matchPattern(operand, m_Constant()));
    auto [entry, isNew] = byKernel.try_emplace(dispatch.getKernel(), constant);
    if (!isNew)
      for (auto [known, other] : llvm::zip_equal(entry->second, constant))
        known = known && other;
  });
}

SmallVector<bool> ConstantOperands::of(exec::KernelOp kernel) const {
  if (auto found = byKernel.find(kernel.getSymName()); found != byKernel.end())
    return found->second;
  size_t buffers = llvm::count_if(kernel.getFunction().getArgumentTypes(), llvm::IsaPred<MemRefType>);
  return SmallVector<bool>(buffers - kernel.getResultCount(), false);
}

std::string tegula::getSignature(exec::KernelOp kernel, ArrayRef<bool> constantOperands, StringRef precision) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  SignatureWriter(stream).writeKernel(kernel, constantOperands, precision);
  return text;
}

std::string tegula::getSignatureKey(StringRef signature) {
  return llvm::utohexstr(llvm::xxh3_64bits(signature), /*LowerCase=*/true, 16);
}

bool tegula::isSignature(StringRef text) { return text.starts_with(opening); }
