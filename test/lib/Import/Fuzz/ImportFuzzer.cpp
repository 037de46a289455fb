// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// libFuzzer's entry points: any bytes as a model, up to the stage `kernels`. An error is an answer; a crash, a hang, an
// internal error or a failure without a message is a finding.
#include "ModelMutator.h"
#include "tegula/Driver/CompilerSession.h"

#include "llvm/ADT/Hashing.h"
#include "llvm/Support/xxhash.h"

#include <cstdlib>

using namespace tegula;

// libFuzzer clears these before each run and counts them as coverage: which operations follow which, and which messages
// there are.
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t features[1 << 16];

static void record(llvm::StringRef first, llvm::StringRef second) {
  uint64_t hash = llvm::xxh3_64bits(first) * 31 + llvm::xxh3_64bits(second);
  uint8_t &feature = features[hash % std::size(features)];
  if (feature < 255)
    ++feature;
}

static void recordModule(mlir::ModuleOp module) {
  module->walk([](mlir::Operation *op) {
    llvm::StringRef name = op->getName().getStringRef();
    for (mlir::Value operand : op->getOperands())
      if (mlir::Operation *producer = operand.getDefiningOp())
        record(producer->getName().getStringRef(), name);
    record(name, "");
  });
}

/// Each line without what comes from the model: names in quotes and numbers.
static void recordMessages(llvm::StringRef messages) {
  llvm::SmallVector<llvm::StringRef> lines;
  messages.split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef line : lines) {
    std::string form;
    bool isQuoted = false;
    for (char c : line) {
      isQuoted ^= c == '\'';
      if (!isQuoted && !llvm::isDigit(c))
        form += c;
    }
    record(form, "message");
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CompileOptions options;
  options.modelPath = "fuzz.onnx";
  options.modelBytes = {reinterpret_cast<const char *>(data), size};
  options.target = "x86-64-v2";
  options.replayDirectory.clear();
  CompilerSession session(options);
  CompileStatus status = size ? session.runTo("kernels") : CompileStatus::InvalidModel;
  const std::string &messages = session.getMessages();
  recordMessages(messages);
  if (status == CompileStatus::Ok)
    recordModule(session.getModule());
  bool isSilent = size && status != CompileStatus::Ok && messages.empty();
  if (status == CompileStatus::Internal || isSilent) {
    llvm::errs() << (isSilent ? "a failure without a message\n" : messages.c_str());
    std::abort();
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  return mutateModel(data, size, maxSize, seed, nullptr, 0);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t firstSize, const uint8_t *second,
                                            size_t secondSize, uint8_t *out, size_t maxSize, unsigned seed) {
  if (firstSize > maxSize)
    return 0;
  std::copy(first, first + firstSize, out);
  return mutateModel(out, firstSize, maxSize, seed, second, secondSize);
}
