// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The text of a lock file.
#ifndef TEGULA_TUNER_DATABASE_LOCKRECORD_H
#define TEGULA_TUNER_DATABASE_LOCKRECORD_H

#include <string>
#include <vector>

namespace llvm {
class raw_ostream;
}

namespace tegula::tuner {

/// A `sched.record` as text.
struct LockRecord {
  std::string key;
  std::string target;
  unsigned threads = 1;
  /// Text of the schedule attribute.
  std::string schedule;
  std::string provenance;
  std::string signature;
};

/// A whole lock file, ordered by key, target and threads, so that a new choice is one changed line.
void printLockFile(llvm::raw_ostream &stream, std::vector<LockRecord> records);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_DATABASE_LOCKRECORD_H
