// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The child process. One JSON object a line, in both directions. For each request it answers with the stage it enters
// ("reference", "candidate"), so that the parent knows whose fault a silence or a death is, then with a result
// ("status", "samples_ns", "detail") or with "error" when nothing can be said about the candidate.
//
#include "Comparison.h"
#include "Protocol.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <map>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace tegula::tuner;

namespace {

/// The reference's inputs and outputs, shared by all candidates of a workload.
struct Reference {
  std::vector<Tensor> inputs, outputs;
};

} // namespace

//===----------------------------------------------------------------------===//
// The reference, kept in a file
//===----------------------------------------------------------------------===//

static void writeNumber(llvm::raw_ostream &stream, int64_t value) {
  stream.write(reinterpret_cast<const char *>(&value), sizeof(value));
}

static void writeTensors(llvm::raw_ostream &stream, llvm::ArrayRef<Tensor> tensors) {
  writeNumber(stream, tensors.size());
  for (const Tensor &tensor : tensors) {
    writeNumber(stream, tensor.elementType);
    writeNumber(stream, tensor.shape.size());
    for (int64_t extent : tensor.shape)
      writeNumber(stream, extent);
    writeNumber(stream, tensor.bytes.size());
    stream.write(reinterpret_cast<const char *>(tensor.bytes.data()), tensor.bytes.size());
  }
}

/// Reads what writeTensors wrote; the file is this session's own.
static bool readTensors(llvm::StringRef &rest, std::vector<Tensor> &tensors) {
  auto number = [&](int64_t &value) {
    if (rest.size() < sizeof(value))
      return false;
    memcpy(&value, rest.data(), sizeof(value));
    rest = rest.drop_front(sizeof(value));
    return true;
  };
  int64_t count, type, rank, size;
  if (!number(count))
    return false;
  while (count-- > 0) {
    Tensor &tensor = tensors.emplace_back();
    if (!number(type) || !number(rank) || rank > static_cast<int64_t>(rest.size()))
      return false;
    tensor.elementType = static_cast<int32_t>(type);
    tensor.shape.resize(rank);
    for (int64_t &extent : tensor.shape)
      if (!number(extent))
        return false;
    if (!number(size) || size > static_cast<int64_t>(rest.size()))
      return false;
    tensor.bytes.assign(rest.bytes_begin(), rest.bytes_begin() + size);
    rest = rest.drop_front(size);
  }
  return true;
}

static llvm::Expected<Reference> computeReference(const MeasureRequest &request) {
  std::string refusal;
  for (WideIntegers wide : {WideIntegers::ZeroToThree, WideIntegers::One, WideIntegers::Zero}) {
    llvm::Expected<std::unique_ptr<Execution>> loaded = Execution::load(request.reference, /*threads=*/1);
    if (!loaded)
      return loaded.takeError();
    Execution &execution = **loaded;
    llvm::Expected<std::vector<Tensor>> inputs =
        makeInputs(execution.artifact(), request.inputShapes, request.seed, wide);
    if (!inputs)
      return inputs.takeError();
    if (llvm::Error error = execution.setInputs(*inputs))
      return std::move(error);
    tegula_error error = execution.run();
    if (error == TEGULA_ERROR_NONE)
      return Reference{std::move(*inputs), execution.outputs()};
    refusal = tegula_last_error();
    if (error != TEGULA_ERROR_RUN_FAILED)
      break;
  }
  return llvm::createStringError("expected the reference to accept seeded inputs, but got: " + refusal);
}

static llvm::Expected<Reference> loadReference(const MeasureRequest &request) {
  if (llvm::sys::fs::exists(request.referenceOutputs)) {
    llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> file =
        llvm::MemoryBuffer::getFile(request.referenceOutputs, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    Reference reference;
    llvm::StringRef rest = file ? (*file)->getBuffer() : "";
    if (!readTensors(rest, reference.inputs) || !readTensors(rest, reference.outputs))
      return llvm::createStringError(request.referenceOutputs + ": expected the reference's outputs, but got damage");
    return reference;
  }
  llvm::Expected<Reference> reference = computeReference(request);
  if (!reference)
    return llvm::createStringError(request.reference + ": " + llvm::toString(reference.takeError()));
  if (llvm::Error error = llvm::writeToOutput(request.referenceOutputs, [&](llvm::raw_ostream &stream) {
        writeTensors(stream, reference->inputs);
        writeTensors(stream, reference->outputs);
        return llvm::Error::success();
      }))
    return std::move(error);
  return reference;
}

//===----------------------------------------------------------------------===//
// A candidate
//===----------------------------------------------------------------------===//

/// Whether the environment variable lists this candidate.
static bool isListed(const char *variable, uint64_t candidate) {
  const char *text = std::getenv(variable);
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(text ? text : "").split(parts, ',', -1, /*KeepEmpty=*/false);
  return llvm::is_contained(parts, llvm::StringRef(std::to_string(candidate)));
}

bool tegula::tuner::hasTestHook(uint64_t candidate) {
  return isListed("TEGULA_TEST_CRASH_CANDIDATE", candidate) || isListed("TEGULA_TEST_HANG_CANDIDATE", candidate) ||
         isListed("TEGULA_TEST_CORRUPT_CANDIDATE", candidate);
}

static Measurement failed(TrialStatus status, std::string detail) { return {status, {}, std::move(detail)}; }

static double seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

/// A sample during which another process had the CPU for more than this part of the time says little: whether that was
/// within a dispatch or beside it is not known.
static constexpr double leastShare = 0.98;
/// Where others have the CPU all the time, samples like that are better than none: after so many times the time that
/// the samples should take.
static constexpr double patience = 4;
static constexpr size_t fewestSamples = 5;

/// At least five samples, or one that shows a clear loser; empty when a run failed, with `error` set. `firstNs` is the
/// time of the run before.
static std::vector<double> takeSamples(Execution &execution, const MeasureRequest &request, const TimingPlan &plan,
                                       double firstNs, tegula_error &error) {
  Execution::Timing timing;
  auto timeRuns = [&](int64_t runs) {
    if (error == TEGULA_ERROR_NONE)
      error = execution.runTimed(runs, timing);
  };
  // Warm up: caches, page tables, branch predictors and the clock frequency. A long run has done that by itself. As
  // many runs as fit in make a sample; a single one's time would be no guide where another process interferes.
  auto begin = std::chrono::steady_clock::now();
  int64_t batch = 0;
  for (; error == TEGULA_ERROR_NONE && firstNs + seconds(begin) * 1e9 < plan.sampleSeconds * 1e9; ++batch)
    timeRuns(1);
  batch = std::max<int64_t>(batch, 1);
  std::vector<double> samples;
  /// The share of the CPU, and the sample.
  std::vector<std::pair<double, double>> disturbed;
  begin = std::chrono::steady_clock::now();
  double best = INFINITY;
  while (error == TEGULA_ERROR_NONE) {
    double elapsed = seconds(begin);
    bool isPatient = elapsed < patience * plan.timingSeconds;
    size_t taken = samples.size() + (isPatient ? 0 : disturbed.size());
    if (taken >= fewestSamples && elapsed >= plan.timingSeconds)
      break;
    timeRuns(batch);
    double sample = timing.dispatchNs / static_cast<double>(batch);
    if (timing.share < leastShare) {
      disturbed.emplace_back(timing.share, sample);
      continue;
    }
    samples.push_back(sample);
    best = std::min(best, sample);
    if (request.contenderNs > 0 && best > (samples.size() < fewestSamples ? 2 : 1.2) * request.contenderNs) {
      disturbed.clear();
      break;
    }
  }
  // Those that were disturbed least, as many as are missing.
  llvm::sort(disturbed, std::greater<>());
  for (auto [share, sample] : disturbed)
    if (samples.size() < fewestSamples)
      samples.push_back(sample);
  if (error != TEGULA_ERROR_NONE)
    samples.clear();
  return samples;
}

static Measurement measureCandidate(const MeasureRequest &request, const TimingPlan &plan, const Reference &reference) {
  llvm::Expected<std::unique_ptr<Execution>> loaded = Execution::load(request.artifact, request.threads);
  if (!loaded)
    return failed(TrialStatus::LoadError, llvm::toString(loaded.takeError()));
  Execution &execution = **loaded;
  llvm::Error prepared = execution.setInputs(reference.inputs);
  if (!prepared)
    prepared = execution.bindOutputs(reference.outputs);
  if (prepared)
    return failed(TrialStatus::LoadError, llvm::toString(std::move(prepared)));

  if (isListed("TEGULA_TEST_CRASH_CANDIDATE", request.candidate))
    raise(SIGSEGV);
  if (isListed("TEGULA_TEST_HANG_CANDIDATE", request.candidate))
    while (true)
      pause();
  tegula_error error = TEGULA_ERROR_NONE;
  auto failedRun = [&] {
    return failed(error == TEGULA_ERROR_RUN_FAILED ? TrialStatus::RuntimeError : TrialStatus::LoadError,
                  tegula_last_error());
  };
  auto outOfBounds = [] {
    return failed(TrialStatus::OutOfBounds,
                  "expected writes to the outputs only, but an input or the memory around a tensor has changed");
  };
  execution.poisonOutputs();
  Execution::Timing first;
  error = execution.runTimed(1, first);
  if (error != TEGULA_ERROR_NONE)
    return failedRun();
  if (!execution.isIntact())
    return outOfBounds();
  std::vector<Tensor> outputs = execution.outputs();
  if (isListed("TEGULA_TEST_CORRUPT_CANDIDATE", request.candidate) && !outputs.empty()) {
    std::vector<uint8_t> &bytes = outputs.front().bytes;
    for (size_t byte = 0; byte < std::min<size_t>(bytes.size(), 8); ++byte)
      bytes[byte] ^= 0xff;
  }
  if (std::optional<std::string> difference = compare(reference.outputs, outputs, request.tolerance))
    return failed(TrialStatus::WrongResult, *difference);
  execution.poisonOutputs();
  std::vector<double> samples = takeSamples(execution, request, plan, first.dispatchNs, error);
  if (samples.empty())
    return failedRun();
  if (!execution.isIntact())
    return outOfBounds();
  // The last of the timed runs is a second verification.
  if (std::optional<std::string> difference = compare(outputs, execution.outputs(), /*tolerance=*/{0}))
    return failed(TrialStatus::NonDeterministic, "a second run: " + *difference);
  return {TrialStatus::Ok, std::move(samples), ""};
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

/// Keeps the measuring threads on the last `threads` of the CPUs that this process may use.
static void pin(unsigned threads) {
  cpu_set_t allowed, chosen;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
    return;
  CPU_ZERO(&chosen);
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && CPU_COUNT(&chosen) < static_cast<int>(threads); --cpu)
    if (CPU_ISSET(cpu, &allowed))
      CPU_SET(cpu, &chosen);
  sched_setaffinity(0, sizeof(chosen), &chosen);
}

int tegula::tuner::runnerMain(int socket) {
  // The parent learns about a crash from the signal; a handler's report or a core file would only cost time.
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM, SIGINT})
    std::signal(signal, SIG_DFL);
  struct rlimit noCore = {0, 0};
  setrlimit(RLIMIT_CORE, &noCore);

  cpu_set_t all;
  bool knowsAll = sched_getaffinity(0, sizeof(all), &all) == 0;
  LineReader reader(socket);
  std::string referenceName;
  Reference reference;
  while (std::optional<std::string> line = reader.next()) {
    llvm::Expected<std::pair<MeasureRequest, TimingPlan>> parsed = parseRequest(*line);
    if (!parsed) {
      sendLine(socket, llvm::json::Object{{"error", llvm::toString(parsed.takeError())}});
      continue;
    }
    auto &[request, plan] = *parsed;
    if (request.referenceOutputs != referenceName) {
      sendLine(socket, llvm::json::Object{{"stage", "reference"}});
      if (knowsAll)
        sched_setaffinity(0, sizeof(all), &all);
      llvm::Expected<Reference> loaded = loadReference(request);
      if (!loaded) {
        sendLine(socket, llvm::json::Object{{"error", llvm::toString(loaded.takeError())}});
        continue;
      }
      reference = std::move(*loaded);
      referenceName = request.referenceOutputs;
    }
    if (knowsAll)
      sched_setaffinity(0, sizeof(all), &all);
    pin(request.threads);
    sendLine(socket, llvm::json::Object{{"stage", "candidate"}});
    if (!sendLine(socket, toJSON(measureCandidate(request, plan, reference))))
      return 1;
  }
  return 0;
}
