// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Measuring candidates in a child process, the runner, that may crash or hang without harm: it is replaced by a new one
// and the candidate gets a status. A candidate is an artifact (abi.h) whose program dispatches the kernel under test;
// its output must agree with that of a reference artifact with the same inputs and outputs before it is timed.
//
// Inputs are a function of the seed alone: floating-point elements uniform in [-1, 1], 8-bit and packed elements any
// bits, bool 0 or 1, wider integers 0 to 3 (they may be indices); when the reference refuses these with a status, 1 and
// then 0 in all wider integers. Outputs are filled with a poison pattern and stand between canaries.
//
// A measurement is warm: the kernel's data are as the run before left them. The runner is pinned to one CPU per worker,
// warms up, then takes batches of runs long enough for the clock; a sample is the time a batch spent in dispatches,
// divided by its runs. With one thread the time for which other processes had the CPU is left out, so that a busy
// machine costs patience, not truth.
//
// Test hooks, environment variables with candidate numbers separated by commas (a session counts its candidates from
// 1): TEGULA_TEST_CORRUPT_CANDIDATE changes one element of the candidate's output before it is compared,
// TEGULA_TEST_CRASH_CANDIDATE makes the runner crash in place of the candidate's run, TEGULA_TEST_HANG_CANDIDATE makes
// it hang there.
//
#ifndef TEGULA_TUNER_MEASURE_MEASURE_H
#define TEGULA_TUNER_MEASURE_MEASURE_H

#include "tegula/Tuner/Database/Database.h"

#include "llvm/Support/Error.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tegula::tuner {

/// Two floating-point elements agree when they differ by at most `relative` times the sum of the expected magnitude and
/// the root mean square of the whole expected output; elements of other types agree when they are equal. Negative: by
/// type (double 1e-10, float 1e-4, half 1e-2, bfloat16 5e-2).
struct Tolerance {
  double relative = -1;
};

struct MeasureRequest {
  /// Number of the candidate within its session, from 1: for the test hooks.
  uint64_t candidate = 1;
  /// Paths of the shared libraries.
  std::string artifact, reference;
  /// File that keeps the reference's inputs and outputs from one candidate to the next; written by the first request
  /// that names it. One file per (reference, shapes, seed).
  std::string referenceOutputs;
  /// Shape of each input; may be empty when all shapes are static.
  std::vector<std::vector<int64_t>> inputShapes;
  uint64_t seed = 0;
  Tolerance tolerance;
  unsigned threads = 1;
  /// The best time so far, in nanoseconds: a candidate is dropped after one sample when it takes more than twice as
  /// long, after five when it takes 1.2 times as long. 0: no such time.
  double contenderNs = 0;
};

struct Measurement {
  TrialStatus status = TrialStatus::Ok;
  /// Nanoseconds per run when Ok: at least 5, or fewer of a clear loser.
  std::vector<double> samplesNs;
  /// What went wrong: "signal 11 (Segmentation fault)", "output 0, element 17: expected 1.5, but got nan".
  std::string detail;
};

struct MeasureOptions {
  /// Program and first arguments of the runner; the number of the socket is appended. It must call runnerMain.
  std::vector<std::string> runner;
  /// Seconds until a candidate counts as hanging; the reference has its own limit.
  double candidateLimitSeconds = 10, referenceLimitSeconds = 120;
  /// Seconds of timing to aim at for each candidate, and the shortest sample.
  double timingSeconds = 0.05, sampleSeconds = 0.002;
  /// When it becomes true the current measurement is abandoned.
  const std::atomic<bool> *stop = nullptr;
};

/// Starts the runner when it is needed and replaces it when it fails.
class Measurer {
public:
  explicit Measurer(MeasureOptions options);
  ~Measurer();
  Measurer(const Measurer &) = delete;
  Measurer &operator=(const Measurer &) = delete;

  /// A candidate's faults are a status; an error means that nothing can be said about any candidate: the runner cannot
  /// be started, or the reference cannot be loaded, crashes, hangs or fails. nullopt when stopped.
  llvm::Expected<std::optional<Measurement>> measure(const MeasureRequest &request);

  /// How many runners were started so far.
  unsigned runnersStarted() const { return started; }

private:
  struct Runner;
  llvm::Error start();

  MeasureOptions options;
  std::unique_ptr<Runner> runner;
  unsigned started = 0;
};

/// Main function of the runner: serves requests on socket `socket` until the other end closes. The runner's only
/// purpose is to be expendable: no state outlives it.
int runnerMain(int socket);

/// The machine this process runs on.
Device describeHost();
/// The compiler of this process and its LLVM, "tegula 0.1.0, LLVM 22.1.0".
std::string describeToolchain();
/// What a build on this machine looks for, in any kernel and target.
Lookup lookupHere(unsigned threads);

/// Runs the model in the shared library `path` once on seeded inputs, in this process, and returns for each kernel (by
/// symbol) the numbers `dims` of its largest dispatch. `dimensions` are extents of symbolic dimensions; others are 1 in
/// front and 128 elsewhere. `dimCounts` says how many numbers each kernel takes.
llvm::Expected<std::map<std::string, std::vector<int64_t>>> runForDims(const std::string &path,
                                                                       const std::map<std::string, int64_t> &dimensions,
                                                                       uint64_t seed, unsigned threads,
                                                                       const std::map<std::string, size_t> &dimCounts);

/// Whether the environment asks for a fault of this candidate (docs/Tuning.md), which must then be run.
bool hasTestHook(uint64_t candidate);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_MEASURE_MEASURE_H
