// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Recorded inputs and expected outputs of a model, as ONNX's tests store them: a folder with input_k.pb and
// output_k.pb, each one serialized TensorProto, SequenceProto or OptionalProto.
#ifndef TEGULA_TESTDATA_TESTDATA_H
#define TEGULA_TESTDATA_TESTDATA_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tegula {

/// Element types by the numbers of ONNX's TensorProto.DataType, which the runtime's descriptors use too.
enum class ElementType : int32_t {
  Undefined = 0,
  Float32 = 1,
  UInt8 = 2,
  Int8 = 3,
  UInt16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Float64 = 11,
  UInt32 = 12,
  UInt64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  BFloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  UInt4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
  UInt2 = 25,
  Int2 = 26,
  Float6E2M3 = 27,
  Float6E3M2 = 28
};

/// NumPy's spelling where NumPy has the type ("float32", "bool"), ONNX's in lower case elsewhere ("float8e4m3fn").
llvm::StringRef elementTypeName(ElementType type);

/// Bits of one element; nullopt for strings and for numbers that are no element type. Types of less than 8 bits are
/// packed into bytes, the first element in the lowest bits.
std::optional<unsigned> elementTypeBits(ElementType type);

/// Number of elements of a shape; nullopt when an extent is negative or the product exceeds 63 bits.
std::optional<int64_t> elementCount(llvm::ArrayRef<int64_t> shape);

/// Bytes of a dense tensor; nullopt for strings, unknown types and sizes beyond 63 bits.
std::optional<int64_t> tensorBytes(ElementType type, llvm::ArrayRef<int64_t> shape);

/// A dense, row-major tensor in host memory, in native byte order.
struct HostTensor {
  std::string name;
  ElementType type = ElementType::Undefined;
  std::vector<int64_t> shape;       // extents in elements; empty for a scalar
  std::vector<uint8_t> bytes;       // aligned for any element type; empty for strings
  std::vector<std::string> strings; // elements of a string tensor
};

/// Reads one serialized TensorProto. Errors name the file: it cannot be read, is no TensorProto (a sequence, an
/// optional value, or damaged), keeps its data in another file, or has more or less data than its shape asks for.
llvm::Expected<HostTensor> loadTensor(llvm::StringRef path);

/// Numbers of the runtime's tegula_value_kind.
enum class ValueKind : int32_t { Tensor = 0, Sequence = 1, Optional = 2, Map = 3 };

/// A tensor, or a value made of others.
struct HostValue {
  ValueKind kind = ValueKind::Tensor;
  HostTensor tensor;               // of a tensor; of type Undefined where there is none, so that the default counts
  std::vector<HostValue> elements; // of a sequence; of an optional what it holds, if anything; of a map keys and values

  HostValue() = default;
  HostValue(HostTensor tensor) : tensor(std::move(tensor)) {}
};

/// Reads one serialized value. ONNX's messages share field numbers, so that a file does not tell what it is: `kind`
/// must. Errors as of loadTensor. Recorded maps are an error.
llvm::Expected<HostValue> loadValue(llvm::StringRef path, ValueKind kind);

/// The files of a folder of recorded data.
struct TestDataFiles {
  std::vector<std::string> inputs;  // input_0.pb, input_1.pb, ...; "" for a number that is missing between others
  std::vector<std::string> outputs; // output_0.pb, ...
};
/// Numbers count from 0, those of outputs without a gap; a folder without outputs is an error.
llvm::Expected<TestDataFiles> listTestData(llvm::StringRef folder);

struct TestDataSet {
  std::vector<HostValue> inputs, outputs;
};
/// Reads the files; value k of the inputs or outputs is of kind k of the list, a tensor where the list ends. A missing
/// file gives a value without a tensor.
llvm::Expected<TestDataSet> loadTestDataSet(const TestDataFiles &files, llvm::ArrayRef<ValueKind> inputs = {},
                                            llvm::ArrayRef<ValueKind> outputs = {});

/// Random values from a seed, the same on every machine: floats uniform in [-1, 1), integers uniform in [0, 10) (bool
/// in [0, 2), narrow types in their range). Strings, float6 and unknown types are an error.
llvm::Expected<HostTensor> randomTensor(llvm::StringRef name, ElementType type, llvm::ArrayRef<int64_t> shape,
                                        uint64_t seed);

} // namespace tegula

#endif
