// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/TestData/TestData.h"
#include "onnx/onnx-data.pb.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cstring>

using namespace tegula;
using llvm::createStringError;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

namespace {

struct ElementTypeInfo {
  const char *name;
  unsigned bits; // 0: no fixed size
};

// Rows in the order of TensorProto.DataType.
constexpr ElementTypeInfo elementTypes[] = {
    {"undefined", 0},      {"float32", 32},  {"uint8", 8},        {"int8", 8},           {"uint16", 16},
    {"int16", 16},         {"int32", 32},    {"int64", 64},       {"string", 0},         {"bool", 8},
    {"float16", 16},       {"float64", 64},  {"uint32", 32},      {"uint64", 64},        {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16}, {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8}, {"float8e5m2", 8},
    {"float8e5m2fnuz", 8}, {"uint4", 4},     {"int4", 4},         {"float4e2m1", 4},     {"float8e8m0", 8},
    {"uint2", 2},          {"int2", 2},      {"float6e2m3", 6},   {"float6e3m2", 6},
};

const ElementTypeInfo *infoOf(ElementType type) {
  auto index = static_cast<size_t>(type);
  return index < std::size(elementTypes) ? &elementTypes[index] : nullptr;
}

llvm::Error dataError(StringRef path, const Twine &message) {
  return createStringError("%s: %s", path.str().c_str(), message.str().c_str());
}

/// Appends the low `width` bytes of each value; hosts are little-endian, as the stored bytes are.
template <typename Values> void appendValues(const Values &values, size_t width, std::vector<uint8_t> &bytes) {
  for (auto value : values) {
    const auto *raw = reinterpret_cast<const uint8_t *>(&value);
    bytes.insert(bytes.end(), raw, raw + width);
  }
}

/// float6 stands one element per entry in int32_data, but four in three bytes in raw_data; the latter is our form.
std::vector<uint8_t> packSixBits(const google::protobuf::RepeatedField<int32_t> &values) {
  std::vector<uint8_t> bytes((static_cast<size_t>(values.size()) * 6 + 7) / 8);
  for (int index = 0; index < values.size(); ++index)
    for (int bit = 0; bit < 6; ++bit)
      if (values[index] >> bit & 1)
        bytes[(index * 6 + bit) / 8] |= 1 << (index * 6 + bit) % 8;
  return bytes;
}

std::vector<uint8_t> typedData(const onnx::TensorProto &proto, ElementType type) {
  std::vector<uint8_t> bytes;
  switch (type) {
  case ElementType::Float32:
  case ElementType::Complex64:
    appendValues(proto.float_data(), 4, bytes);
    break;
  case ElementType::Float64:
  case ElementType::Complex128:
    appendValues(proto.double_data(), 8, bytes);
    break;
  case ElementType::Int64:
    appendValues(proto.int64_data(), 8, bytes);
    break;
  case ElementType::UInt64:
    appendValues(proto.uint64_data(), 8, bytes);
    break;
  case ElementType::UInt32:
    appendValues(proto.uint64_data(), 4, bytes);
    break;
  case ElementType::Float6E2M3:
  case ElementType::Float6E3M2:
    return packSixBits(proto.int32_data());
  default:
    // int32_data: one element per entry; narrow types fill one byte with several.
    appendValues(proto.int32_data(), (*elementTypeBits(type) + 7) / 8, bytes);
    break;
  }
  return bytes;
}

/// Whether these bytes are more likely one of ONNX's other value messages; their fields share the tensor's numbers.
bool looksLikeSequenceOrOptional(StringRef bytes) {
  onnx::SequenceProto sequence;
  if (sequence.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
      onnx::SequenceProto::DataType_IsValid(sequence.elem_type()) && sequence.unknown_fields().empty())
    return true;
  onnx::OptionalProto optional;
  return optional.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
         onnx::OptionalProto::DataType_IsValid(optional.elem_type()) && optional.unknown_fields().empty();
}

Expected<HostTensor> convertTensor(StringRef path, const onnx::TensorProto &proto) {
  HostTensor tensor;
  tensor.name = proto.name();
  tensor.type = static_cast<ElementType>(proto.data_type());
  tensor.shape.assign(proto.dims().begin(), proto.dims().end());
  const ElementTypeInfo *info = infoOf(tensor.type);
  if (!info || tensor.type == ElementType::Undefined)
    return dataError(path, "expected an element type of TensorProto, but got number " + Twine(proto.data_type()));
  std::optional<int64_t> count = elementCount(tensor.shape);
  if (!count)
    return dataError(path,
                     "expected extents of at least 0 whose product fits 63 bits, but got " +
                         llvm::join(llvm::map_range(tensor.shape, [](int64_t d) { return std::to_string(d); }), "x"));
  if (proto.data_location() == onnx::TensorProto::EXTERNAL)
    return dataError(path, "expected the data inside the file, but it is in another file (external data)");

  if (tensor.type == ElementType::String) {
    tensor.strings.assign(proto.string_data().begin(), proto.string_data().end());
    if (static_cast<int64_t>(tensor.strings.size()) != *count)
      return dataError(path, "expected " + Twine(*count) + " strings, but got " + Twine(tensor.strings.size()));
    return tensor;
  }

  std::optional<int64_t> bytes = tensorBytes(tensor.type, tensor.shape);
  if (!bytes)
    return dataError(path, "the tensor's size in bytes does not fit 63 bits");
  if (proto.has_raw_data())
    tensor.bytes.assign(proto.raw_data().begin(), proto.raw_data().end());
  else
    tensor.bytes = typedData(proto, tensor.type);
  if (static_cast<int64_t>(tensor.bytes.size()) != *bytes)
    return dataError(path, "expected " + Twine(*bytes) + " bytes for " + Twine(*count) + " elements of " + info->name +
                               ", but got " + Twine(tensor.bytes.size()));
  return tensor;
}

/// The elements of a sequence of any kind.
Expected<HostValue> convertSequence(StringRef path, const onnx::SequenceProto &proto) {
  HostValue result;
  result.kind = ValueKind::Sequence;
  for (const onnx::TensorProto &element : proto.tensor_values()) {
    Expected<HostTensor> tensor = convertTensor(path, element);
    if (!tensor)
      return tensor.takeError();
    result.elements.push_back(std::move(*tensor));
  }
  if (proto.sequence_values_size() || proto.map_values_size() || proto.optional_values_size() ||
      proto.sparse_tensor_values_size())
    return dataError(path, "expected a sequence of tensors, but got one of something else");
  return result;
}

Expected<HostValue> convertOptional(StringRef path, const onnx::OptionalProto &proto) {
  HostValue result;
  result.kind = ValueKind::Optional;
  // The type of the element may be set although there is none.
  if (proto.has_tensor_value()) {
    Expected<HostTensor> tensor = convertTensor(path, proto.tensor_value());
    if (!tensor)
      return tensor.takeError();
    result.elements.push_back(std::move(*tensor));
  } else if (proto.has_sequence_value()) {
    Expected<HostValue> sequence = convertSequence(path, proto.sequence_value());
    if (!sequence)
      return sequence.takeError();
    result.elements.push_back(std::move(*sequence));
  } else if (proto.has_map_value() || proto.has_optional_value() || proto.has_sparse_tensor_value()) {
    return dataError(path, "expected an optional tensor or sequence, but got one of something else");
  }
  return result;
}

Expected<std::unique_ptr<llvm::MemoryBuffer>> readFile(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return dataError(path, "cannot be read: " + buffer.getError().message());
  if ((*buffer)->getBufferSize() > INT32_MAX)
    return dataError(path, "expected at most 2 GiB, the limit of a serialized message, but got " +
                               Twine((*buffer)->getBufferSize()) + " bytes");
  return std::move(*buffer);
}

/// input_0.pb, input_1.pb, ... up to the highest number; one that is missing is an error, or "" with `mayMiss`.
llvm::Error listNumbered(StringRef folder, StringRef stem, bool mayMiss, std::vector<std::string> &files) {
  auto pathOf = [&](size_t number) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, stem + "_" + Twine(number) + ".pb");
    return path;
  };
  constexpr size_t most = 1 << 20; // a number beyond is no input's
  size_t count = 0;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator file(folder, error), end; !error && file != end; file.increment(error)) {
    StringRef number = llvm::sys::path::filename(file->path());
    size_t parsed = 0;
    if (number.consume_front(stem) && number.consume_front("_") && number.consume_back(".pb") &&
        !number.getAsInteger(10, parsed) && parsed < most)
      count = std::max(count, parsed + 1);
  }
  for (size_t k = 0; k < count; ++k) {
    bool exists = llvm::sys::fs::exists(pathOf(k));
    if (!exists && !mayMiss)
      return dataError(folder, "expected " + stem + "_" + Twine(k) + ".pb, but it is missing while " + stem + "_" +
                                   Twine(count - 1) + ".pb is there");
    files.push_back(exists ? std::string(pathOf(k)) : "");
  }
  return llvm::Error::success();
}

llvm::Error loadAll(llvm::ArrayRef<std::string> files, llvm::ArrayRef<ValueKind> kinds,
                    std::vector<HostValue> &values) {
  for (size_t k = 0; k < files.size(); ++k) {
    if (files[k].empty()) {
      values.emplace_back();
      continue;
    }
    Expected<HostValue> value = loadValue(files[k], k < kinds.size() ? kinds[k] : ValueKind::Tensor);
    if (!value)
      return value.takeError();
    values.push_back(std::move(*value));
  }
  return llvm::Error::success();
}

/// SplitMix64: tiny, well mixed, and the same everywhere (the standard library's distributions are not).
class RandomBits {
public:
  explicit RandomBits(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
  uint64_t state;
};

const llvm::fltSemantics *floatSemantics(ElementType type) {
  switch (type) {
  case ElementType::Float16:
    return &llvm::APFloat::IEEEhalf();
  case ElementType::BFloat16:
    return &llvm::APFloat::BFloat();
  case ElementType::Float32:
  case ElementType::Complex64:
    return &llvm::APFloat::IEEEsingle();
  case ElementType::Float64:
  case ElementType::Complex128:
    return &llvm::APFloat::IEEEdouble();
  case ElementType::Float8E4M3FN:
    return &llvm::APFloat::Float8E4M3FN();
  case ElementType::Float8E4M3FNUZ:
    return &llvm::APFloat::Float8E4M3FNUZ();
  case ElementType::Float8E5M2:
    return &llvm::APFloat::Float8E5M2();
  case ElementType::Float8E5M2FNUZ:
    return &llvm::APFloat::Float8E5M2FNUZ();
  case ElementType::Float8E8M0:
    return &llvm::APFloat::Float8E8M0FNU();
  case ElementType::Float4E2M1:
    return &llvm::APFloat::Float4E2M1FN();
  default:
    return nullptr;
  }
}

} // namespace

StringRef tegula::elementTypeName(ElementType type) {
  const ElementTypeInfo *info = infoOf(type);
  return info ? info->name : "unknown";
}

std::optional<unsigned> tegula::elementTypeBits(ElementType type) {
  const ElementTypeInfo *info = infoOf(type);
  if (!info || info->bits == 0)
    return std::nullopt;
  return info->bits;
}

std::optional<int64_t> tegula::elementCount(llvm::ArrayRef<int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent < 0)
      return std::nullopt;
    if (extent == 0)
      empty = true;
    else if (__builtin_mul_overflow(count, extent, &count))
      return std::nullopt;
  }
  return empty ? 0 : count;
}

std::optional<int64_t> tegula::tensorBytes(ElementType type, llvm::ArrayRef<int64_t> shape) {
  std::optional<int64_t> count = elementCount(shape);
  std::optional<unsigned> bits = elementTypeBits(type);
  int64_t total;
  if (!count || !bits || __builtin_mul_overflow(*count, static_cast<int64_t>(*bits), &total) || total > INT64_MAX - 7)
    return std::nullopt;
  return (total + 7) / 8;
}

Expected<HostTensor> tegula::loadTensor(StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  StringRef bytes = (*buffer)->getBuffer();
  onnx::TensorProto proto;
  bool parsed = proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  Expected<HostTensor> tensor = parsed ? convertTensor(path, proto)
                                       : dataError(path, "expected a serialized TensorProto, but it cannot be parsed");
  if (!tensor && looksLikeSequenceOrOptional(bytes)) {
    llvm::consumeError(tensor.takeError());
    return dataError(path, "expected a tensor, but got a sequence or an optional value");
  }
  return tensor;
}

Expected<HostValue> tegula::loadValue(StringRef path, ValueKind kind) {
  if (kind == ValueKind::Tensor) {
    Expected<HostTensor> tensor = loadTensor(path);
    if (!tensor)
      return tensor.takeError();
    return HostValue(std::move(*tensor));
  }
  if (kind == ValueKind::Map)
    return dataError(path, "recorded maps cannot be read");
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  StringRef bytes = (*buffer)->getBuffer();
  if (kind == ValueKind::Sequence) {
    onnx::SequenceProto proto;
    if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
      return dataError(path, "expected a serialized SequenceProto, but it cannot be parsed");
    return convertSequence(path, proto);
  }
  onnx::OptionalProto proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return dataError(path, "expected a serialized OptionalProto, but it cannot be parsed");
  return convertOptional(path, proto);
}

Expected<TestDataFiles> tegula::listTestData(StringRef folder) {
  if (!llvm::sys::fs::is_directory(folder))
    return dataError(folder, "expected a folder with input_k.pb and output_k.pb, but there is none");
  TestDataFiles files;
  if (llvm::Error error = listNumbered(folder, "input", /*mayMiss=*/true, files.inputs))
    return std::move(error);
  if (llvm::Error error = listNumbered(folder, "output", /*mayMiss=*/false, files.outputs))
    return std::move(error);
  if (files.outputs.empty())
    return dataError(folder, "expected output_0.pb, but it is missing");
  return files;
}

Expected<TestDataSet> tegula::loadTestDataSet(const TestDataFiles &files, llvm::ArrayRef<ValueKind> inputs,
                                              llvm::ArrayRef<ValueKind> outputs) {
  TestDataSet set;
  if (llvm::Error error = loadAll(files.inputs, inputs, set.inputs))
    return std::move(error);
  if (llvm::Error error = loadAll(files.outputs, outputs, set.outputs))
    return std::move(error);
  return set;
}

Expected<HostTensor> tegula::randomTensor(StringRef name, ElementType type, llvm::ArrayRef<int64_t> shape,
                                          uint64_t seed) {
  std::optional<int64_t> count = elementCount(shape), bytes = tensorBytes(type, shape);
  if (!count || !bytes || type == ElementType::Float6E2M3 || type == ElementType::Float6E3M2)
    return createStringError("input '%s': cannot make random values of type %s; use recorded data", name.str().c_str(),
                             elementTypeName(type).str().c_str());
  HostTensor tensor;
  tensor.name = name.str();
  tensor.type = type;
  tensor.shape.assign(shape.begin(), shape.end());
  tensor.bytes.resize(*bytes);
  // One stream per name, so that adding an input does not change the others.
  for (char c : name)
    seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  RandomBits random(seed);
  unsigned bits = *elementTypeBits(type);
  const llvm::fltSemantics *semantics = floatSemantics(type);
  bool isComplex = type == ElementType::Complex64 || type == ElementType::Complex128;
  int64_t values = isComplex ? *count * 2 : *count;
  unsigned valueBits = isComplex ? bits / 2 : bits;
  for (int64_t index = 0; index < values; ++index) {
    uint64_t pattern;
    if (semantics) {
      llvm::APFloat value(type == ElementType::Float8E8M0 ? 1.0 + random.uniform() : random.uniform() * 2 - 1);
      bool losesInfo = false;
      value.convert(*semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      pattern = value.bitcastToAPInt().getZExtValue();
    } else {
      // Below 10 every value fits every integer type but the narrowest.
      uint64_t bound = type == ElementType::Bool ? 2 : bits == 2 ? 2 : bits == 4 ? 8 : 10;
      pattern = random.next() % bound;
    }
    if (valueBits < 8)
      tensor.bytes[index * valueBits / 8] |= pattern << (index * valueBits % 8);
    else
      std::memcpy(tensor.bytes.data() + index * (valueBits / 8), &pattern, valueBits / 8);
  }
  return tensor;
}
