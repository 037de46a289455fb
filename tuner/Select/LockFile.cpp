// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Select/LockFile.h"

#include "ScheduleCheck.h"

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Kernel/KernelSignature.h"
#include "tegula/Tuner/Select/DatabaseSchedules.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

#include <tuple>

using namespace mlir;
using namespace tegula;
using namespace tegula::tuner;

llvm::Expected<LockFile> LockFile::open(llvm::StringRef path) {
  // A folder can be opened, but not read.
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer =
      llvm::sys::fs::is_directory(path)
          ? llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>>(std::make_error_code(std::errc::is_a_directory))
          : llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return llvm::createStringError(path + ": expected a lock file, but got: " + buffer.getError().message());
  LockFile file;
  file.path = path.str();
  file.text = (*buffer)->getBuffer().str();
  return file;
}

static std::string placeText(Location location) {
  if (auto place = location->findInstanceOf<FileLineColLoc>())
    return (place.getFilename().getValue() + ":" + llvm::Twine(place.getLine()) + ":" + llvm::Twine(place.getColumn()) +
            ": ")
        .str();
  return "";
}

namespace {
/// Keeps the first error, with its place, from the context's own handler; warnings and remarks go on to that.
class FirstError {
public:
  explicit FirstError(MLIRContext *context)
      : handler(context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
            return failure();
          if (text.empty())
            text = placeText(diagnostic.getLocation()) + diagnostic.str();
          return success();
        }) {}
  llvm::Error take() const { return llvm::createStringError(text); }

private:
  std::string text;
  ScopedDiagnosticHandler handler;
};
} // namespace

/// The records of the file; null after an error, which was reported to the context.
static OwningOpRef<ModuleOp> parse(StringRef path, StringRef text, MLIRContext *context) {
  context->loadDialect<sched::SchedDialect>();
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, path), llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, ParserConfig(context));
  if (!module)
    return nullptr;
  for (Operation &op : *module->getBody())
    if (!isa<sched::RecordOp>(op)) {
      op.emitError("expected sched.record, but got ") << op.getName();
      return nullptr;
    }
  llvm::StringMap<sched::RecordOp> seen;
  for (auto record : module->getOps<sched::RecordOp>()) {
    std::string identity =
        (record.getKey() + "\n" + record.getTarget() + "\n" + llvm::Twine(record.getThreads())).str();
    auto [entry, isNew] = seen.try_emplace(identity, record);
    if (!isNew) {
      auto first = entry->second->getLoc()->findInstanceOf<FileLineColLoc>();
      record.emitError("expected one record for a kernel, target and thread count, but line ")
          << (first ? first.getLine() : 0) << " has this one, too";
      return nullptr;
    }
    StringRef signature = record.getSignature().value_or("");
    if (isSignature(signature) && getSignatureKey(signature) != record.getKey()) {
      record.emitError("expected the key of the record's signature, '")
          << getSignatureKey(signature) << "', but got '" << record.getKey() << "'";
      return nullptr;
    }
  }
  return module;
}

llvm::Error LockFile::apply(ModuleOp module, unsigned threads, bool strict) const {
  MLIRContext *context = module.getContext();
  FirstError errors(context);
  OwningOpRef<ModuleOp> file = parse(path, text, context);
  if (!file)
    return errors.take();
  std::string target = targetText(module);
  llvm::MapVector<StringRef, sched::RecordOp> records;
  for (auto record : file->getOps<sched::RecordOp>())
    if (record.getTarget() == target && record.getThreads() == threads)
      records[record.getKey()] = record;
  llvm::StringSet<> used;
  std::string unmatched;
  for (auto kernel : module.getOps<exec::KernelOp>()) {
    auto found = records.find(kernel.getKey().value_or(""));
    if (found == records.end()) {
      if (kernel.getKey() && !kernel.getSchedule())
        unmatched += ("\n  kernel " + kernel.getSymName() + ", key '" + *kernel.getKey() + "': no record").str();
      continue;
    }
    used.insert(found->first);
    if (kernel.getSchedule())
      continue;
    sched::RecordOp record = found->second;
    if (failed(checkSchedule(module, kernel, record.getSchedule(), [&] { return record.emitError(); })))
      return errors.take();
    kernel.setScheduleAttr(record.getSchedule());
    kernel.setProvenance("lock");
  }
  for (auto [key, record] : records) {
    if (used.contains(key))
      continue;
    if (strict)
      unmatched += ("\n  " + placeText(record.getLoc()) + "key '" + key + "': no kernel").str();
    else
      record.emitWarning("no kernel of the model has the key '") << key << "', so this record is not used";
  }
  if (strict && !unmatched.empty())
    return llvm::createStringError(path + ": expected one record for each kernel for target " + target + " and " +
                                   std::to_string(threads) + (threads == 1 ? " thread" : " threads") +
                                   ", and no other, but got:" + unmatched);
  return llvm::Error::success();
}

llvm::Expected<std::vector<LockRecord>> LockFile::records() const {
  MLIRContext context;
  context.disableMultithreading();
  FirstError errors(&context);
  OwningOpRef<ModuleOp> file = parse(path, text, &context);
  if (!file)
    return errors.take();
  std::vector<LockRecord> records;
  for (auto record : file->getOps<sched::RecordOp>()) {
    std::string schedule;
    llvm::raw_string_ostream(schedule) << record.getSchedule();
    records.push_back({record.getKey().str(), record.getTarget().str(), static_cast<unsigned>(record.getThreads()),
                       schedule, record.getProvenance().value_or("").str(), record.getSignature().value_or("").str()});
  }
  return records;
}

llvm::Error LockFile::update(llvm::StringRef path, std::vector<LockRecord> chosen) {
  auto identity = [](const LockRecord &record) { return std::tie(record.key, record.target, record.threads); };
  if (llvm::sys::fs::exists(path)) {
    llvm::Expected<LockFile> file = open(path);
    if (!file)
      return file.takeError();
    llvm::Expected<std::vector<LockRecord>> known = file->records();
    if (!known)
      return known.takeError();
    size_t count = chosen.size();
    for (LockRecord &record : *known)
      if (llvm::none_of(llvm::ArrayRef<LockRecord>(chosen).take_front(count),
                        [&](const LockRecord &other) { return identity(other) == identity(record); }))
        chosen.push_back(std::move(record));
  }
  llvm::Error error = llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
    printLockFile(stream, std::move(chosen));
    return llvm::Error::success();
  });
  return error ? llvm::createStringError(path + ": " + llvm::toString(std::move(error))) : llvm::Error::success();
}
