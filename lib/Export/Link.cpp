// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Export/Artifact.h"
#include "tegula/Export/RuntimeCore.h"

#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/Driver.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

static llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes) {
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (!error) {
    file << bytes;
    file.close();
    error = file.error();
    file.clear_error();
  }
  return error ? llvm::createStringError("cannot write %s: %s", path.str().c_str(), error.message().c_str())
               : llvm::Error::success();
}

llvm::Error tegula::linkSharedLibrary(const std::vector<std::string> &objects, const RuntimeCore &core,
                                      llvm::StringRef soname, llvm::StringRef output) {
  // LLD keeps global state: one link at a time, and none after it could not clean up.
  static std::mutex mutex;
  static bool usable = true;
  std::lock_guard<std::mutex> lock(mutex);
  if (!usable)
    return llvm::createStringError("the linker cannot run again in this process after an earlier crash");
  std::string sonameText = soname.str(), outputText = output.str();
  // Every symbol must be found: what the core and the C library lack would only be missed where the model is loaded.
  std::vector<const char *> arguments{
      "ld.lld", "-shared", "--threads=1", "--hash-style=gnu", "--gc-sections",    "--as-needed", "-z",
      "defs",   "-z",      "noexecstack", "-soname",          sonameText.c_str(), "-o",          outputText.c_str()};
  for (const std::string &object : objects)
    arguments.push_back(object.c_str());
  // LLD reads files only.
  std::string paths[] = {outputText + ".core.a", outputText + ".c.so", outputText + ".m.so", outputText + ".ld.so"};
  llvm::FileRemover archive(paths[0]), library(paths[1]), mathematics(paths[2]), loader(paths[3]);
  for (int k = 0; k < 4; ++k) {
    if (llvm::Error error = writeFile(paths[k], k == 0 ? core.archive : core.libraries[k - 1]))
      return error;
    arguments.push_back(paths[k].c_str());
  }
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result result = lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (!result.canRunAgain)
    usable = false;
  lld::CommonLinkerContext::destroy();
  if (result.retCode != 0)
    return llvm::createStringError("linking %s: %s", outputText.c_str(), messages.c_str());
  return llvm::Error::success();
}
