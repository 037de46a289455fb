// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ONNX types and tensors to MLIR types and attributes. Big tensors become resources that alias the parsed model.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Import/ONNX/GraphBuilder.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/MathExtras.h"

#include "onnx/onnx_pb.h"

using namespace mlir;
using namespace tegula;
using onnx::TensorProto;

Type GraphBuilder::convertElementType(int32_t onnxType) const {
  auto integer = [&](unsigned width, bool isUnsigned = false) -> Type {
    return IntegerType::get(&context, width, isUnsigned ? IntegerType::Unsigned : IntegerType::Signless);
  };
  switch (onnxType) {
  case TensorProto::FLOAT:
    return Float32Type::get(&context);
  case TensorProto::DOUBLE:
    return Float64Type::get(&context);
  case TensorProto::FLOAT16:
    return Float16Type::get(&context);
  case TensorProto::BFLOAT16:
    return BFloat16Type::get(&context);
  case TensorProto::FLOAT8E4M3FN:
    return Float8E4M3FNType::get(&context);
  case TensorProto::FLOAT8E4M3FNUZ:
    return Float8E4M3FNUZType::get(&context);
  case TensorProto::FLOAT8E5M2:
    return Float8E5M2Type::get(&context);
  case TensorProto::FLOAT8E5M2FNUZ:
    return Float8E5M2FNUZType::get(&context);
  case TensorProto::FLOAT8E8M0:
    return Float8E8M0FNUType::get(&context);
  case TensorProto::FLOAT4E2M1:
    return Float4E2M1FNType::get(&context);
  case TensorProto::BOOL:
    return integer(1);
  case TensorProto::INT8:
    return integer(8);
  case TensorProto::INT16:
    return integer(16);
  case TensorProto::INT32:
    return integer(32);
  case TensorProto::INT64:
    return integer(64);
  case TensorProto::UINT8:
    return integer(8, true);
  case TensorProto::UINT16:
    return integer(16, true);
  case TensorProto::UINT32:
    return integer(32, true);
  case TensorProto::UINT64:
    return integer(64, true);
  case TensorProto::INT4:
    return integer(4);
  case TensorProto::UINT4:
    return integer(4, true);
  case TensorProto::INT2:
    return integer(2);
  case TensorProto::UINT2:
    return integer(2, true);
  case TensorProto::COMPLEX64:
    return ComplexType::get(Float32Type::get(&context));
  case TensorProto::COMPLEX128:
    return ComplexType::get(Float64Type::get(&context));
  default:
    return nullptr;
  }
}

Type GraphBuilder::convertAnyElementType(int32_t onnxType) const {
  return onnxType == TensorProto::STRING ? Type(graph::StringType::get(&context)) : convertElementType(onnxType);
}

Type GraphBuilder::convertType(const onnx::TypeProto &type) const {
  if (type.has_sequence_type()) {
    Type element = convertType(type.sequence_type().elem_type());
    return element ? graph::SequenceType::get(&context, element) : nullptr;
  }
  if (type.has_optional_type()) {
    Type element = convertType(type.optional_type().elem_type());
    return element && !isa<graph::OptionalType>(element) ? graph::OptionalType::get(&context, element) : nullptr;
  }
  if (type.has_map_type()) {
    Type key = convertAnyElementType(type.map_type().key_type());
    auto value = dyn_cast_or_null<TensorType>(convertType(type.map_type().value_type()));
    return key && value ? graph::MapType::get(&context, key, value.getElementType()) : nullptr;
  }
  if (!type.has_tensor_type())
    return nullptr;
  Type element = convertAnyElementType(type.tensor_type().elem_type());
  if (!element)
    return nullptr;
  if (!type.tensor_type().has_shape())
    return UnrankedTensorType::get(element);
  SmallVector<int64_t> shape;
  for (const auto &dim : type.tensor_type().shape().dim()) {
    int64_t extent = dim.has_dim_value() ? dim.dim_value() : ShapedType::kDynamic;
    for (const auto &[name, value] : options.dimensions)
      if (dim.dim_param() == name)
        extent = value;
    shape.push_back(extent < 0 ? ShapedType::kDynamic : extent);
  }
  return RankedTensorType::get(shape, element);
}

/// The tensor's typed fields as bytes in the layout of raw_data.
static std::vector<char> packTypedData(const TensorProto &tensor) {
  std::vector<char> bytes;
  auto append = [&](auto value) {
    const char *data = reinterpret_cast<const char *>(&value);
    bytes.insert(bytes.end(), data, data + sizeof(value));
  };
  for (float value : tensor.float_data())
    append(value);
  for (double value : tensor.double_data())
    append(value);
  for (int64_t value : tensor.int64_data())
    append(value);
  for (uint64_t value : tensor.uint64_data())
    tensor.data_type() == TensorProto::UINT32 ? append(uint32_t(value)) : append(value);
  for (int32_t value : tensor.int32_data()) {
    switch (tensor.data_type()) {
    case TensorProto::INT32:
      append(value);
      break;
    case TensorProto::INT16:
    case TensorProto::UINT16:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      append(uint16_t(value));
      break;
    default:
      append(uint8_t(value));
      break;
    }
  }
  return bytes;
}

ElementsAttr GraphBuilder::convertTensor(const TensorProto &tensor, Location location) const {
  Type element = convertElementType(tensor.data_type());
  if (!element) {
    emitError(location) << "expected a tensor of numbers or bools, but got element type " << tensor.data_type();
    return nullptr;
  }
  int64_t count = 1;
  for (int64_t extent : tensor.dims())
    if (extent < 0 || llvm::MulOverflow(count, extent, count)) {
      emitError(location) << "expected extents of 0 or more whose product fits 64 bits, but got " << extent;
      return nullptr;
    }
  auto type = RankedTensorType::get(ArrayRef<int64_t>(tensor.dims().data(), tensor.dims_size()), element);

  unsigned bits = isa<ComplexType>(element) ? 2 * cast<ComplexType>(element).getElementType().getIntOrFloatBitWidth()
                                            : element.getIntOrFloatBitWidth();
  if (bits == 1)
    bits = 8; // bool is a byte in ONNX
  std::vector<char> packed;
  ArrayRef<char> bytes;
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    // A range without a length goes to the end of its file.
    uint64_t size = 0;
    const char *data = model->external.find(tensor, size);
    bytes = ArrayRef<char>(data, std::min<uint64_t>(size, llvm::divideCeil(uint64_t(count) * bits, 8)));
  } else if (tensor.has_raw_data()) {
    bytes = ArrayRef<char>(tensor.raw_data().data(), tensor.raw_data().size());
  } else {
    packed = packTypedData(tensor);
    bytes = packed;
  }
  int64_t expected = llvm::divideCeil(uint64_t(count) * bits, 8);
  if (int64_t(bytes.size()) != expected) {
    emitError(location) << "expected " << expected << " bytes of data, but got " << bytes.size();
    return nullptr;
  }

  if (element.isInteger(1)) {
    SmallVector<bool> values;
    values.reserve(count);
    for (char value : bytes)
      values.push_back(value != 0);
    return DenseElementsAttr::get(type, ArrayRef<bool>(values));
  }
  if (bits < 8) {
    // MLIR keeps one sub-byte element a byte; ONNX packs them, low bits first.
    std::vector<char> unpacked(count);
    for (int64_t i = 0; i < count; ++i)
      unpacked[i] = char((uint8_t(bytes[i * bits / 8]) >> (i * bits % 8)) & ((1u << bits) - 1));
    return DenseElementsAttr::getFromRawBuffer(type, unpacked);
  }
  if (count <= graph::maxFoldedElements)
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  std::string name = "w_" + tensor.name();
  if (!packed.empty())
    return DenseResourceElementsAttr::get(type, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64));
  // The blob keeps the model alive; the IR may outlive the importer.
  auto keepAlive = [model = model](void *, size_t, size_t) {};
  return DenseResourceElementsAttr::get(type, name, AsmResourceBlob(bytes, 1, keepAlive, /*dataIsMutable=*/false));
}

FailureOr<SmallVector<StringRef>> GraphBuilder::getStrings(const TensorProto &tensor, Location location) const {
  int64_t count = 1;
  for (int64_t extent : tensor.dims())
    if (extent < 0 || llvm::MulOverflow(count, extent, count))
      count = -1;
  if (count != tensor.string_data_size()) {
    emitError(location) << "expected as many strings as the shape has elements, but got " << tensor.string_data_size();
    return failure();
  }
  SmallVector<StringRef> strings;
  for (const std::string &text : tensor.string_data()) {
    const auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.data());
    if (!llvm::isLegalUTF8String(&begin, begin + text.size())) {
      emitError(location) << "expected strings of UTF-8, but string " << strings.size() << " is not";
      return failure();
    }
    strings.push_back(text);
  }
  return strings;
}

static RankedTensorType getStringType(const TensorProto &tensor, MLIRContext &context) {
  return RankedTensorType::get(ArrayRef<int64_t>(tensor.dims().data(), tensor.dims_size()),
                               graph::StringType::get(&context));
}

Value GraphBuilder::buildConstant(const TensorProto &tensor, OpBuilder &builder, Location location) const {
  if (tensor.data_type() != TensorProto::STRING) {
    ElementsAttr value = convertTensor(tensor, location);
    return value ? Value(graph::ConstantOp::create(builder, location, value)) : nullptr;
  }
  FailureOr<SmallVector<StringRef>> strings = getStrings(tensor, location);
  if (failed(strings))
    return nullptr;
  return graph::StringConstantOp::create(builder, location, getStringType(tensor, context),
                                         builder.getStrArrayAttr(*strings));
}

ElementsAttr GraphBuilder::convertDefault(const TensorProto &tensor, Type declared) const {
  Location location = initializerLocation(tensor);
  ElementsAttr elements;
  if (tensor.data_type() != TensorProto::STRING)
    elements = convertTensor(tensor, location);
  else if (FailureOr<SmallVector<StringRef>> strings = getStrings(tensor, location); succeeded(strings))
    elements = DenseStringElementsAttr::get(getStringType(tensor, context), *strings);
  if (!elements)
    return nullptr;
  auto wanted = dyn_cast<TensorType>(declared);
  auto type = cast<RankedTensorType>(elements.getType());
  bool fits = wanted && wanted.getElementType() == type.getElementType() &&
              (!wanted.hasRank() || succeeded(verifyCompatibleShape(wanted.getShape(), type.getShape())));
  if (fits)
    return elements;
  emitError(location) << "expected a default of its input's type " << declared << ", but got " << type;
  return nullptr;
}
