// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What this machine can do at most, measured: the scale of the cost model.
//
#ifndef TEGULA_TUNER_COSTMODEL_MACHINEPEAKS_H
#define TEGULA_TUNER_COSTMODEL_MACHINEPEAKS_H

#include "tegula/Kernel/KernelFamily.h"
#include "tegula/Tuner/Database/Database.h"

#include "llvm/Support/Error.h"

#include <array>
#include <map>
#include <string>

namespace tegula::tuner {

/// Of one worker, times in nanoseconds.
struct MachinePeaks {
  struct Rate {
    /// An instruction among independent ones, and in a chain of dependent ones.
    double throughputNs = 0, latencyNs = 0;
    bool operator==(const Rate &other) const {
      return throughputNs == other.throughputNs && latencyNs == other.latencyNs;
    }
  };
  /// By instruction and width of the vector in bits: those that the machine has.
  std::map<std::pair<Instruction, int64_t>, Rate> instructions;
  /// A cycle of the clock at which these ran.
  double cycleNs = 0;
  /// Loading an element of 32 bits from the first cache.
  double elementLoadNs = 0;
  /// Bytes read in a nanosecond from the first, second and third cache, and from memory.
  std::array<double, cacheLevels + 1> readBytesPerNs = {};
  /// Sizes of the caches that one worker can use.
  std::array<int64_t, cacheLevels> cacheBytes = {};
  /// Calling a kernel, and giving a second worker its share and waiting for it.
  double callNs = 0, handOverNs = 0;

  /// The rate of an instruction on vectors of this width. Where it was not measured: that of the nearest width, in
  /// proportion, or of what stands in for the instruction.
  Rate rate(Instruction instruction, int64_t vectorBits) const;
  /// `machine` with these caches.
  MachineModel withCaches(MachineModel machine) const;
  bool operator==(const MachinePeaks &other) const;
};

/// "multiply_add_f32", ...: as in the text of the peaks.
llvm::StringRef instructionText(Instruction instruction);

/// JSON object, one line.
std::string peaksText(const MachinePeaks &peaks);
/// Inverse; an error that names what is missing or is no positive number.
llvm::Expected<MachinePeaks> parsePeaks(llvm::StringRef text);

/// Measures this machine for about a second. Every figure is the best of several short turns, which are far apart, so
/// that other programs disturb few of them.
MachinePeaks measurePeaks();

/// The peaks that the database has for this machine; where it has none, or such of another version, they are measured
/// and recorded. An error is the database's.
llvm::Expected<MachinePeaks> findPeaks(Database &database, const Device &device);
/// The same for a database that is only read: what is measured is not recorded.
llvm::Expected<MachinePeaks> readPeaks(const Database &database, const Device &device);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_COSTMODEL_MACHINEPEAKS_H
