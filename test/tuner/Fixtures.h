// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tuner's tests share: a temporary folder and llvm::Error as test values.
//
#ifndef TEGULA_TEST_TUNER_FIXTURES_H
#define TEGULA_TEST_TUNER_FIXTURES_H

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace tegula::tuner::test {

/// A folder that lives as long as the object.
class TemporaryFolder {
public:
  TemporaryFolder() {
    if (llvm::sys::fs::createUniqueDirectory("tegula-tuner-test", path))
      ADD_FAILURE() << "no temporary folder";
  }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(path); }

  std::string file(llvm::StringRef name) const {
    llvm::SmallString<128> result = path;
    llvm::sys::path::append(result, name);
    return result.str().str();
  }

private:
  llvm::SmallString<128> path;
};

/// The message of an error, "" for success.
inline std::string message(llvm::Error error) { return llvm::toString(std::move(error)); }

template <typename T> std::string message(llvm::Expected<T> &&value) {
  return value ? std::string() : llvm::toString(value.takeError());
}

/// The value; on an error a failure with its message and a default value.
template <typename T> T valueOf(llvm::Expected<T> &&value) {
  if (value)
    return std::move(*value);
  ADD_FAILURE() << llvm::toString(value.takeError());
  return T();
}

/// The folder of this program. Paths are found from here and not compiled in, where a compiler cache may change them.
inline std::string programFolder() {
  std::string program = llvm::sys::fs::getMainExecutable(/*argv0=*/nullptr, /*MainAddr=*/nullptr);
  return llvm::sys::path::parent_path(program).str();
}

/// The program runner.cpp.
inline std::string runnerPath() { return programFolder() + "/tuner-test-runner"; }

/// The library of artifact.c with this fault.
inline std::string artifactPath(const std::string &fault) {
  return llvm::sys::path::parent_path(programFolder()).str() + "/artifacts/artifact-" + fault + ".so";
}

inline void writeFile(const std::string &path, const std::string &content) {
  std::ofstream(path, std::ios::binary) << content;
}

} // namespace tegula::tuner::test

#endif // TEGULA_TEST_TUNER_FIXTURES_H
