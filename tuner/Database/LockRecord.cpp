// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Database/LockRecord.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <tuple>

using namespace tegula::tuner;

/// An MLIR string literal.
static std::string quoted(llvm::StringRef text) {
  std::string result;
  llvm::raw_string_ostream stream(result);
  stream << '"';
  llvm::printEscapedString(text, stream);
  stream << '"';
  return result;
}

void tegula::tuner::printLockFile(llvm::raw_ostream &stream, std::vector<LockRecord> records) {
  llvm::sort(records, [](const LockRecord &a, const LockRecord &b) {
    return std::tie(a.key, a.target, a.threads) < std::tie(b.key, b.target, b.threads);
  });
  stream << "// Schedules chosen by `tegula tune`; used by `tegula compile --lock`.\n";
  for (const LockRecord &record : records) {
    stream << "sched.record " << quoted(record.key) << " target " << quoted(record.target) << " schedule "
           << record.schedule << " {provenance = " << quoted(record.provenance);
    if (!record.signature.empty())
      stream << ", signature = " << quoted(record.signature);
    if (record.threads != 1)
      stream << ", threads = " << record.threads << " : i64";
    stream << "}\n";
  }
}
