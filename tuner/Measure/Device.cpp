// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The identity of the machine. Names are not trusted (a virtual machine may call itself just "Processor"): the class is
// made of CPUID's family, model and stepping and of all feature bits; cores and threads make the device.
//
#include "tegula/Tuner/Measure/Measure.h"
#include "tegula/model.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Threading.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"
#include "llvm/TargetParser/Host.h"

#include <algorithm>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

using namespace tegula::tuner;

/// "AuthenticAMD-25-97-2" on x86-64, LLVM's name of the CPU elsewhere.
static std::string modelText() {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(0, &eax, &ebx, &ecx, &edx)) {
    char vendor[13] = {};
    memcpy(vendor, &ebx, 4);
    memcpy(vendor + 4, &edx, 4);
    memcpy(vendor + 8, &ecx, 4);
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
      unsigned family = (eax >> 8) & 15, model = (eax >> 4) & 15, stepping = eax & 15;
      if (family == 6 || family == 15)
        model |= (eax >> 12) & 0xf0;
      if (family == 15)
        family += (eax >> 20) & 255;
      return std::string(vendor) + "-" + std::to_string(family) + "-" + std::to_string(model) + "-" +
             std::to_string(stepping);
    }
  }
#endif
  return llvm::sys::getHostCPUName().str();
}

Device tegula::tuner::describeHost() {
  std::vector<std::string> features;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (feature.second)
      features.push_back(feature.first().str());
  std::sort(features.begin(), features.end());
  std::string hash = llvm::utohexstr(llvm::xxh3_64bits(llvm::join(features, ",")), /*LowerCase=*/true, /*Width=*/16);
  int cores = llvm::get_physical_cores();
  long threads = sysconf(_SC_NPROCESSORS_ONLN);
  Device device;
  device.deviceClass = modelText() + "-" + hash;
  device.key = device.deviceClass + "-" + std::to_string(cores) + "c" + std::to_string(threads) + "t";
  llvm::raw_string_ostream(device.description)
      << llvm::json::Value(llvm::json::Object{{"cpu", llvm::sys::getHostCPUName()},
                                              {"model", modelText()},
                                              {"features", llvm::json::Array(features)},
                                              {"cores", cores},
                                              {"threads", static_cast<int64_t>(threads)}});
  return device;
}

std::string tegula::tuner::describeToolchain() {
  return std::string("tegula ") + tegula_version() + ", LLVM " LLVM_VERSION_STRING;
}

Lookup tegula::tuner::lookupHere(unsigned threads) { return {"", describeHost(), "", threads, describeToolchain()}; }
