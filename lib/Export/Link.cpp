// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Export/Artifact.h"

#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/Driver.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

llvm::Error tegula::linkSharedLibrary(const std::vector<std::string> &objects, llvm::StringRef soname,
                                      llvm::StringRef output) {
  // LLD keeps global state: one link at a time, and none after it could not clean up.
  static std::mutex mutex;
  static bool usable = true;
  std::lock_guard<std::mutex> lock(mutex);
  if (!usable)
    return llvm::createStringError("the linker cannot run again in this process after an earlier crash");
  std::string sonameText = soname.str(), outputText = output.str();
  std::vector<const char *> arguments{"ld.lld",     "-shared", "--threads=1", "--hash-style=gnu", "-z",
                                      "noexecstack", "-soname", sonameText.c_str(), "-o",         outputText.c_str()};
  for (const std::string &object : objects)
    arguments.push_back(object.c_str());
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
