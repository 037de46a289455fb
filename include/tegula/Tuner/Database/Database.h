// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tuner's lab book: an SQLite file with every trial ever made, failures included. Trials and selections are only
// ever appended (triggers refuse changes), so that a choice can always be traced to its measurements.
//
// Errors are one line that starts with the file's path. Nothing is left half-written: each call is one transaction.
// One object belongs to one thread; several processes may use one file at a time, a writer waits for another writer up
// to the busy timeout.
//
#ifndef TEGULA_TUNER_DATABASE_DATABASE_H
#define TEGULA_TUNER_DATABASE_DATABASE_H

#include "tegula/Tuner/Database/LockRecord.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct sqlite3;

namespace llvm {
class raw_ostream;
}

namespace tegula::tuner {

/// What became of a candidate. Only Ok has a time.
enum class TrialStatus {
  Ok,
  /// The compiler refused the schedule or failed.
  CompileError,
  /// The artifact could not be loaded: other ABI, CPU feature missing, several kernels, no query function.
  LoadError,
  /// The runner died while it ran the candidate.
  Crash,
  /// The candidate did not finish within the time limit.
  Hang,
  /// The kernel returned a non-zero status where the reference returned zero.
  RuntimeError,
  /// The output differs from the reference's by more than the tolerance, or in shape.
  WrongResult,
  /// The candidate wrote outside its output buffers.
  OutOfBounds,
  /// Two runs on equal inputs gave different outputs.
  NonDeterministic,
};

/// "ok", "compile_error", ...: as in the database and in all reports.
llvm::StringRef statusText(TrialStatus status);
std::optional<TrialStatus> parseStatus(llvm::StringRef text);

/// A machine. `deviceClass` is equal for machines whose measurements may stand for each other.
struct Device {
  std::string key;
  std::string deviceClass;
  /// JSON object: whatever describes it to a person.
  std::string description;
};

/// A kernel to be tuned: hash and text of its signature, and the family that claims it.
struct Workload {
  std::string key;
  std::string family;
  std::string signature;
};

/// The conditions of a measurement: trials are compared only within equal conditions.
struct Conditions {
  std::string workload; ///< key of the workload
  std::string device;   ///< key of the device
  std::string target;   ///< text of the target, "x86-64-v4"
  std::string space;    ///< hash of the search space
  unsigned threads = 1; ///< workers of a dispatch
  std::string sizes;    ///< input shapes as "[[128,768],[768]]"; empty when the kernel has static shapes only
};

struct Trial {
  int64_t id = 0; ///< given by the database
  Conditions conditions;
  std::string toolchain;     ///< version of compiler and LLVM
  std::string configuration; ///< text of the point in the search space
  std::string schedule;      ///< text of the schedule attribute
  TrialStatus status = TrialStatus::Ok;
  std::vector<double> samplesNs; ///< nanoseconds of one execution each; at least one when Ok, else empty
  std::string detail;            ///< why it failed
  std::string artifactHash;      ///< of the code that ran; empty when there was none, or in files of older versions
  uint64_t seed = 0;             ///< of the inputs
  int64_t createdMs = 0;         ///< milliseconds since 1970; 0: now

  /// Median of the samples in nanoseconds; 0 without samples.
  double medianNs() const;
};

/// A cost model that was trained on the trials of a family on a class of devices.
struct LearnedModel {
  std::string text;
  int64_t trials = 0; ///< how many it was trained on
};

/// How close to what was asked an answer is; a lookup goes from the first to the last. The database knows the first
/// four, Select the others.
enum class Rung {
  /// Measured on this device, compiled by this toolchain.
  Exact,
  /// Measured on this device; this toolchain makes the same code of the schedule, as a revalidation found.
  SameArtifact,
  /// Measured on this device, compiled by another toolchain.
  OtherToolchain,
  /// Measured on another device of the class.
  SameClass,
  /// Measured for a kernel that differs in its extents.
  NearestShape,
  /// Not measured: the family's default.
  Analytic,
};

/// "exact", "same_artifact", ...: as in all reports.
llvm::StringRef rungText(Rung rung);

/// What is looked for: the best schedule of a kernel here.
struct Lookup {
  std::string workload;
  Device device;
  std::string target;
  unsigned threads = 1;
  /// Empty: any is this one.
  std::string toolchain;
};

/// The answer to "which schedule for this kernel?".
struct Best {
  Trial trial;
  Rung rung;
  /// Why a selection chose it; empty when no selection was recorded and the fastest trial stands in.
  std::string reason;
};

struct DatabaseStatistics {
  int64_t kernels = 0, trials = 0, failures = 0, devices = 0, selections = 0;
};

/// One line of `tegula db list`.
struct WorkloadSummary {
  Workload workload;
  std::string target;
  int64_t trials = 0, failures = 0;
  std::optional<double> bestNs;
  std::string bestSchedule;
};

class Database {
public:
  enum class Mode {
    Read,     ///< the file must exist; its content is never changed (a write that was cut off is undone), one of an
              ///< older version is brought up to date in memory
    ReadWrite ///< creates the file and brings an older schema up to date
  };
  /// Milliseconds that a call waits for another process's lock.
  static constexpr int defaultBusyTimeoutMs = 10000;

  /// Fails, with a message that says which, on: no such file, not a database, a database of another program, a schema
  /// newer than this program, a corrupt file, a lock held for too long, a path that cannot be read or written.
  /// `onWait` is called once in each wait for another process that takes more than a second.
  static llvm::Expected<std::unique_ptr<Database>>
  open(llvm::StringRef path, Mode mode, int busyTimeoutMs = defaultBusyTimeoutMs, std::function<void()> onWait = {});
  /// Writes a new database that holds what all `inputs` hold, equal rows once. The bytes depend on the content of the
  /// inputs and on SQLite's version, not on the order of the inputs or on a clock. Trials and selections are in the
  /// order of their time, so the newest selection stands, whichever input it comes from. Fails, and leaves no file,
  /// when `output` exists, an input cannot be read or does not pass verify(), or two inputs give one key two meanings.
  static llvm::Error merge(llvm::ArrayRef<std::string> inputs, llvm::StringRef output);
  /// Writes a new database, as merge() does, without what is not needed any more: devices, toolchains, spaces and
  /// workloads to which no row refers, and all but the newest calibration of a device and the newest learned model of a
  /// family and class. With `best`, under equal conditions and for one toolchain, only that many trials are kept, the
  /// fastest whose schedule never failed; beside them one trial of each configuration that failed, and all that were
  /// selected or revalidated. Lookups get the same answers. `input` is not changed.
  static llvm::Error collectGarbage(const std::string &input, std::optional<uint64_t> best, llvm::StringRef output);
  ~Database();
  Database(const Database &) = delete;
  Database &operator=(const Database &) = delete;

  llvm::StringRef getPath() const;

  /// Make these known; repeating one is harmless.
  llvm::Error addDevice(const Device &device);
  llvm::Error addWorkload(const Workload &workload);
  llvm::Error addSpace(llvm::StringRef hash, llvm::StringRef text);

  /// Appends a trial whose workload, device and space are known; returns its id.
  llvm::Expected<int64_t> record(const Trial &trial);
  /// Appends the decision for trial `trial`, which must be Ok; it stands until a later one for the same conditions
  /// (any space).
  llvm::Error select(int64_t trial, llvm::StringRef reason);

  /// Appends a calibration (JSON of the cost model's own) of a known device; it stands until a later one.
  llvm::Error setCalibration(llvm::StringRef device, llvm::StringRef text);
  /// The newest one of the device with this key; nullopt when it was never calibrated.
  llvm::Expected<std::optional<std::string>> calibration(llvm::StringRef device) const;

  /// Appends a model; it stands for its family and class of devices until a later one.
  llvm::Error setLearnedModel(llvm::StringRef family, llvm::StringRef deviceClass, const LearnedModel &model);
  /// The newest one; nullopt when none was trained.
  llvm::Expected<std::optional<LearnedModel>> learnedModel(llvm::StringRef family, llvm::StringRef deviceClass) const;

  /// All trials under these conditions by id.
  llvm::Expected<std::vector<Trial>> history(const Conditions &conditions) const;
  /// The trial of the newest selection under these conditions; nullopt when there was none.
  llvm::Expected<std::optional<Trial>> selected(const Conditions &conditions) const;
  /// Gives what is known on each rung up to SameClass, the closest first, until `take` returns true: the newest
  /// selection of a trial there, else the fastest trial of a schedule that never failed; nothing without a good trial.
  /// Only trials of the target and thread count asked for count, of any sizes.
  llvm::Error forEachAnswer(const Lookup &asked, llvm::function_ref<bool(Best)> take) const;
  /// The first of these answers.
  llvm::Expected<std::optional<Best>> best(const Lookup &asked) const;
  /// Appends what a rebuild found: the schedule of `trial`, built by `toolchain`, is code of this hash. The newest one
  /// stands.
  llvm::Error revalidate(int64_t trial, llvm::StringRef toolchain, llvm::StringRef artifactHash);
  /// The kernels of a family with a good trial for the target and thread count, by key.
  llvm::Expected<std::vector<Workload>> tunedWorkloads(llvm::StringRef family, llvm::StringRef target,
                                                       unsigned threads) const;

  /// All devices, by key.
  llvm::Expected<std::vector<Device>> devices() const;
  /// The device with this key; nullopt when it is not known.
  llvm::Expected<std::optional<Device>> findDevice(llvm::StringRef key) const;
  llvm::Expected<DatabaseStatistics> statistics() const;
  /// By family, then key, then target.
  llvm::Expected<std::vector<WorkloadSummary>> list() const;

  /// One JSON object a line for each row of each table, trials by id: `schema` 1, `record` says of which table, keys in
  /// snake_case, times in nanoseconds.
  llvm::Error exportJsonLines(llvm::raw_ostream &stream) const;
  /// The other way: writes a new database whose export is `input`, a file that exportJsonLines wrote. Fails, at the
  /// line, and leaves no file, when that is something else or `output` exists.
  static llvm::Error importJsonLines(llvm::StringRef input, llvm::StringRef output);
  /// One for each (workload, target, threads): the newest selection of any device, else the fastest trial.
  llvm::Expected<std::vector<LockRecord>> lockRecords() const;

  /// What is wrong with the content, one line each; empty when all is well: SQLite's own integrity and foreign key
  /// checks, then ours (samples match the status, a selection points to a good trial, statuses are known, a calibration
  /// is a JSON object, a learned model has a family).
  llvm::Expected<std::vector<std::string>> verify() const;

private:
  struct Implementation;
  explicit Database(std::unique_ptr<Implementation> implementation);
  /// merge(), in which SQL is executed on each input before it is read.
  static llvm::Error mergeNarrowed(llvm::ArrayRef<std::string> inputs, const std::string &narrowing,
                                   llvm::StringRef output);
  /// Makes an empty database `output`, which must not exist, and has it filled; on an error there is no file.
  static llvm::Error writeNew(llvm::StringRef output, llvm::function_ref<llvm::Error(sqlite3 *)> fill);
  std::unique_ptr<Implementation> implementation;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_DATABASE_DATABASE_H
