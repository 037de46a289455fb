// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "EvaluatedTensors.h"

#include "tegula/Dialect/Graph/IR/Constants.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace tegula;

constexpr int64_t fileThreshold = 16 << 20;

/// A file of `bytes` that has no name any more; null where there is no room for it.
static char *mapUnnamedFile(int64_t bytes) {
  SmallString<128> path;
  int file = -1;
  if (llvm::sys::fs::createTemporaryFile("tegula", "constant", file, path))
    return nullptr;
  llvm::sys::fs::remove(path);
  // Reserved now: a full disk must be an error here, not a signal at the first write.
  void *memory = MAP_FAILED;
  if (posix_fallocate(file, 0, bytes) == 0)
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? nullptr : static_cast<char *>(memory);
}

std::shared_ptr<TensorMemory> TensorMemory::allocate(int64_t bytes) {
  if (bytes >= fileThreshold)
    if (char *memory = mapUnnamedFile(bytes))
      return std::shared_ptr<TensorMemory>(new TensorMemory(memory, bytes, bytes));
  auto *memory = static_cast<char *>(std::aligned_alloc(64, llvm::alignTo(std::max<int64_t>(bytes, 1), 64)));
  if (!memory)
    return nullptr;
  std::memset(memory, 0, bytes);
  return std::shared_ptr<TensorMemory>(new TensorMemory(memory, bytes, 0));
}

TensorMemory::~TensorMemory() {
  if (mapped)
    munmap(memory, mapped);
  else
    std::free(memory);
}

int64_t tegula::getStorageBytes(Type graphElement) {
  if (auto complex = dyn_cast<ComplexType>(graphElement))
    return 2 * getStorageBytes(complex.getElementType());
  return llvm::divideCeil(graphElement.getIntOrFloatBitWidth(), 8);
}

llvm::Expected<const void *> tegula::getTensorData(ElementsAttr value, std::shared_ptr<TensorMemory> &copy) {
  ArrayRef<char> bytes;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      bytes = blob->getData();
  } else {
    bytes = cast<DenseElementsAttr>(value).getRawData();
  }
  int64_t elementBytes = getStorageBytes(value.getElementType());
  if (int64_t(bytes.size()) != value.getNumElements() * elementBytes)
    return llvm::createStringError("a constant's data is missing or has the wrong size");
  // Weights alias the model file, where nothing is aligned.
  if (reinterpret_cast<uintptr_t>(bytes.data()) % std::min<int64_t>(elementBytes, 8) == 0)
    return bytes.data();
  copy = TensorMemory::allocate(bytes.size());
  if (!copy)
    return llvm::createStringError("out of memory");
  std::memcpy(copy->data(), bytes.data(), bytes.size());
  return copy->data();
}

ElementsAttr tegula::makeConstant(RankedTensorType type, std::shared_ptr<TensorMemory> memory) {
  Type element = type.getElementType();
  int64_t count = type.getNumElements(), width = getStorageBytes(element);
  ArrayRef<char> bytes(memory->data(), memory->size());
  // All elements equal the one before them.
  bool isSplat = count > 0 && std::memcmp(bytes.data(), bytes.data() + width, bytes.size() - width) == 0;
  int64_t kept = isSplat ? 1 : count;
  if (element.isInteger(1)) {
    SmallVector<bool> values(llvm::map_range(bytes.take_front(kept), [](char byte) { return byte != 0; }));
    return DenseElementsAttr::get(type, values);
  }
  if (isa<IntegerType, FloatType>(element) && element.getIntOrFloatBitWidth() < 8) {
    // MLIR wants the unused bits of the byte to be zero; a program extends signs.
    char mask = char((1u << element.getIntOrFloatBitWidth()) - 1);
    SmallVector<char> codes(llvm::map_range(bytes.take_front(kept), [=](char byte) { return char(byte & mask); }));
    return DenseElementsAttr::getFromRawBuffer(type, codes);
  }
  if (isSplat || count <= graph::maxFoldedElements)
    return DenseElementsAttr::getFromRawBuffer(type, bytes.take_front(kept * width));
  auto keepAlive = [memory](void *, size_t, size_t) {};
  return DenseResourceElementsAttr::get(type, "folded",
                                        AsmResourceBlob(bytes, 64, std::move(keepAlive), /*dataIsMutable=*/false));
}
