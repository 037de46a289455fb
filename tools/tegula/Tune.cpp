// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tegula tune: measures schedules for the kernels of a model and records them in a database.
#include "CommandLine.h"
#include "Commands.h"
#include "OpenModel.h"
#include "Progress.h"
#include "Report.h"
#include "tegula/Driver/CompilerSession.h"
#include "tegula/Tuner/Select/DatabaseSchedules.h"
#include "tegula/Tuner/Select/LockFile.h"
#include "tegula/Tuner/Select/Select.h"
#include "tegula/Tuner/Session/ModelKernels.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include <atomic>
#include <csignal>

using namespace tegula;
using namespace tegula::tool;
using namespace tegula::tuner;

static const OptionSpec options[] = {
    {"db", "FILE", "the tuning database; made when it is not there"},
    {"trials", "N", "stop after N trials over all kernels"},
    {"budget", "T", "stop after this time: 60s, 5m, 1h (default 60s without --trials)"},
    {"seed", "N", "of the search and of the inputs (default 0)"},
    {"target", "NAME", "as for compile; this machine must be able to run it (default host)"},
    {"precision", "MODE", "as for compile (default f32); a kernel's key holds it"},
    {"threads", "N", "workers of a kernel (default 1)"},
    {"dim", "NAME=N", "size of a symbolic dimension to tune for; may be repeated (else 1 in front, 128 elsewhere)"},
    {"lock", "FILE", "write the choices to this lock file, for `tegula compile --lock`; its other records stay"},
    {"strategy", "guided|random", "how to search (default guided)"},
    {"kernel", "WORD", "only the kernels whose name, key or family is this"},
    {"replay", "FILE",
     "drive the search by the trials of this database instead of by measurements; see docs/Tuning.md"},
    {"external-data-root", "DIR", "folder below which links of external data may lead"},
    {"freeze-defaults", nullptr, "as for compile: initializers that are inputs too are constants"},
    {"test-start", "FILE", "for tests: start each kernel at its slowest point in this database"},
    {"json", nullptr, "report as JSON"},
};
static const CommandSpec spec{
    "tune", "MODEL.onnx",
    "Measures schedules for the kernels of a model on this machine. All trials are kept, also after Ctrl-C; another "
    "call\n"
    "goes on where the last one ended. `tegula compile --db=FILE` uses the best.",
    "tegula tune model.onnx --db=tune.db --budget=60s\ntegula compile model.onnx --db=tune.db -o model.so", options};

static std::atomic<bool> stop{false};

/// The first Ctrl-C ends the session in order, the second at once.
static void requestStop(int signal) {
  stop = true;
  std::signal(signal, SIG_DFL);
}

/// The slowest good point of `kernel` in another database.
static llvm::Expected<std::optional<Configuration>> slowestPoint(const Database &database, const TuneOptions &tuning,
                                                                 const TunableKernel &kernel) {
  llvm::Expected<std::vector<Trial>> trials =
      database.history({kernel.workload.key, tuning.device.key, tuning.target, kernel.space.hash(), tuning.threads,
                        sizesText(kernel.inputShapes)});
  if (!trials)
    return trials.takeError();
  const Trial *slowest = nullptr;
  for (const Trial &trial : *trials)
    if (trial.status == TrialStatus::Ok && (!slowest || trial.medianNs() > slowest->medianNs()))
      slowest = &trial;
  if (!slowest)
    return std::nullopt;
  llvm::Expected<Configuration> point = kernel.space.parse(slowest->configuration);
  if (!point)
    return point.takeError();
  return *point;
}

/// A database whose trials stand for measurements, the one device that it is of, and the peaks of that.
struct Recording {
  std::unique_ptr<Database> database;
  Device device;
  MachinePeaks peaks;
};

static llvm::Expected<Recording> openRecording(const std::string &path) {
  llvm::Expected<std::unique_ptr<Database>> database = Database::open(path, Database::Mode::Read);
  if (!database)
    return database.takeError();
  llvm::Expected<std::vector<Device>> devices = (*database)->devices();
  if (!devices)
    return devices.takeError();
  if (devices->size() != 1)
    return llvm::createStringError(path + ": expected a recording of one device, but got one of " +
                                   llvm::Twine(devices->size()));
  llvm::Expected<std::optional<std::string>> calibration = (*database)->calibration(devices->front().key);
  if (!calibration)
    return calibration.takeError();
  if (!*calibration)
    return llvm::createStringError(path + ": expected a calibration of its device, but got none");
  llvm::Expected<MachinePeaks> peaks = parsePeaks(**calibration);
  if (!peaks)
    return llvm::createStringError(path + ": calibration: " + llvm::toString(peaks.takeError()));
  return Recording{std::move(*database), devices->front(), std::move(*peaks)};
}

static void printJSON(const std::string &model, const std::string &database, const TuneOptions &tuning,
                      const ModelKernels &found, const TuneReport &report) {
  printReport("tune", [&](llvm::json::OStream &out) {
    out.attribute("model", llvm::json::fixUTF8(model));
    out.attribute("database", llvm::json::fixUTF8(database));
    out.attribute("target", tuning.target);
    out.attribute("device", tuning.device.key);
    out.attribute("threads", tuning.threads);
    out.attribute("trials", static_cast<int64_t>(report.trials));
    out.attribute("failures", static_cast<int64_t>(report.failures));
    out.attribute("elapsed_s", report.elapsedSeconds);
    out.attribute("interrupted", report.interrupted);
    out.attributeArray("kernels", [&] {
      for (const KernelReport &kernel : report.kernels)
        out.object([&] {
          out.attribute("name", kernel.name);
          out.attribute("key", kernel.workload.key);
          out.attribute("family", kernel.workload.family);
          out.attribute("points", static_cast<int64_t>(kernel.points));
          out.attribute("trials", static_cast<int64_t>(kernel.trials));
          out.attribute("failures", static_cast<int64_t>(kernel.failures));
          out.attribute("same_code", static_cast<int64_t>(kernel.sameCode));
          out.attribute("default_ns", kernel.defaultNs ? jsonNumber(*kernel.defaultNs) : nullptr);
          out.attribute("best_ns", kernel.bestNs ? jsonNumber(*kernel.bestNs) : nullptr);
          out.attribute("default_schedule", kernel.defaultSchedule);
          out.attribute("schedule", kernel.schedule);
          out.attribute("reason", kernel.reason);
          out.attribute("resolved", kernel.isResolved);
          out.attribute("error", llvm::json::fixUTF8(kernel.error));
        });
    });
    out.attributeArray("skipped", [&] {
      for (const std::pair<std::string, std::string> &skipped : found.skipped)
        out.object([&] {
          out.attribute("name", skipped.first);
          out.attribute("reason", llvm::json::fixUTF8(skipped.second));
        });
    });
  });
}

static void printText(const std::string &model, const std::string &database, const ModelKernels &found,
                      const TuneReport &report) {
  for (const KernelReport &kernel : report.kernels) {
    llvm::outs() << kernel.name << ": ";
    if (!kernel.error.empty())
      llvm::outs() << "not tuned: " << kernel.error << "\n";
    else if (kernel.schedule.empty())
      llvm::outs() << "no good trial of " << kernel.trials << "\n";
    else
      llvm::outs() << kernel.schedule << " (" << kernel.reason << "; " << kernel.trials << " of " << kernel.points
                   << " points tried, " << kernel.failures << " failed"
                   << (kernel.isResolved ? "" : "; unresolved: the noise is wider than the tie band") << ")\n";
  }
  for (const auto &[name, why] : found.skipped)
    llvm::outs() << name << ": not tuned: " << why << "\n";
  llvm::outs() << model << ": " << report.kernels.size() << " kernels, " << report.trials << " trials, "
               << report.failures << " failures in " << llvm::format("%.1f s", report.elapsedSeconds)
               << (report.interrupted ? ", interrupted" : "") << "; recorded in " << database << "\n";
}

/// Writes what was chosen for the kernels of the model.
static llvm::Error writeLock(const std::string &path, const TuneOptions &tuning, const TuneReport &report) {
  std::vector<LockRecord> records;
  for (const KernelReport &kernel : report.kernels)
    if (!kernel.schedule.empty())
      records.push_back(
          {kernel.workload.key, tuning.target, tuning.threads, kernel.schedule, "tune", kernel.workload.signature});
  return LockFile::update(path, std::move(records));
}

int tegula::tool::runTune(llvm::ArrayRef<const char *> words) {
  Arguments arguments(spec);
  if (std::optional<int> code = parseCommandLine(spec, words, arguments))
    return *code;
  TuneOptions tuning;
  if (arguments.has("trials"))
    tuning.trials = arguments.getInteger("trials", 0, 0);
  if (arguments.has("budget") || !tuning.trials)
    tuning.seconds = arguments.getDuration("budget", 60);
  tuning.seed = static_cast<uint64_t>(arguments.getInteger("seed", 0, 0));
  tuning.threads = static_cast<unsigned>(arguments.getInteger("threads", 1, 1, 4096));
  std::string strategy = arguments.get("strategy", "guided");
  CompileOptions compile = readCompileOptions(arguments, arguments.positional[0], arguments.get("target", "host"));
  compile.replayDirectory.clear();
  ModelKernelsOptions kernelOptions;
  for (const auto &[name, extent] : arguments.getDimensions("dim"))
    kernelOptions.dimensions[name] = extent;
  if (arguments.failed)
    return ExitUsage;
  if (!arguments.has("db"))
    return reportUsage(spec, "expected a database (--db=FILE)");
  if (strategy != "guided" && strategy != "random")
    return reportUsage(spec, "option '--strategy': expected guided or random, but got '" + strategy + "'");
  tuning.strategy = strategy == "random" ? SearchStrategy::Random : SearchStrategy::Guided;

  auto fault = [](llvm::Error error) { return reportFault(llvm::toString(std::move(error))); };
  std::string path = arguments.get("db");
  llvm::Expected<std::unique_ptr<Database>> database =
      Database::open(path, Database::Mode::ReadWrite, Database::defaultBusyTimeoutMs,
                     [&] { llvm::errs() << "tegula tune: " << path << ": another process writes to it; waiting\n"; });
  if (!database)
    return fault(database.takeError());
  // A lock file that cannot be changed later is better known now.
  std::string lock = arguments.get("lock");
  if (!lock.empty() && llvm::sys::fs::exists(lock))
    if (llvm::Error error = LockFile::update(lock, {}))
      return fault(std::move(error));
  CompilerSession session(compile);
  CompileStatus status = session.runTo("kernels");
  llvm::errs() << session.getMessages();
  if (status != CompileStatus::Ok)
    return static_cast<int>(status);

  std::signal(SIGINT, requestStop);
  std::signal(SIGTERM, requestStop);
  kernelOptions.seed = tuning.seed;
  kernelOptions.threads = tuning.threads;
  kernelOptions.build.stop = &stop;
  std::optional<Recording> recording;
  if (arguments.has("replay")) {
    llvm::Expected<Recording> opened = openRecording(arguments.get("replay"));
    if (!opened)
      return fault(opened.takeError());
    recording = std::move(*opened);
    tuning.device = recording->device;
    tuning.replay = recording->database.get();
    kernelOptions.peaks = recording->peaks;
  } else {
    tuning.device = describeHost();
    llvm::Expected<MachinePeaks> peaks = findPeaks(**database, tuning.device);
    if (!peaks)
      return fault(peaks.takeError());
    kernelOptions.peaks = *peaks;
  }
  llvm::Expected<std::optional<ModelKernels>> found = findModelKernels(session, kernelOptions);
  if (!found)
    return fault(found.takeError());
  if (!*found)
    return reportFault("interrupted before the first trial");
  tuning.target = targetText(session.getModule());
  tuning.toolchain = describeToolchain();
  tuning.measure.runner = {"/proc/self/exe", "tune-runner"};
  tuning.stop = &stop;
  if (arguments.has("test-start")) {
    llvm::Expected<std::unique_ptr<Database>> other = Database::open(arguments.get("test-start"), Database::Mode::Read);
    if (!other)
      return fault(other.takeError());
    for (TunableKernel &kernel : (*found)->kernels) {
      llvm::Expected<std::optional<Configuration>> point = slowestPoint(**other, tuning, kernel);
      if (!point)
        return fault(point.takeError());
      kernel.start = *point;
    }
  }
  if (std::string word = arguments.get("kernel"); !word.empty()) {
    llvm::erase_if((*found)->kernels, [&](const TunableKernel &kernel) { return !kernel.isCalled(word); });
    if ((*found)->kernels.empty())
      return reportFault("option '--kernel': expected the name, key or family of a kernel, but got '" + word + "'");
  }
  bool json = arguments.has("json");
  ProgressBar bar(/*wanted=*/!json);
  tuning.progress = [&](const TuneProgress &progress) {
    std::string text = std::to_string(progress.trials) + " trials, " + std::to_string(progress.failures) +
                       " failures  " + progress.kernel.str() + ": " +
                       (progress.timeNs ? durationText(*progress.timeNs) : statusText(progress.status).str());
    if (progress.bestNs)
      text += ", best " + durationText(*progress.bestNs);
    bar.update(progress.fraction, text);
  };
  llvm::Expected<TuneReport> report = tune(**database, (*found)->kernels, (*found)->compile, tuning);
  bar.clear();
  if (!report)
    return fault(report.takeError());
  if (!lock.empty())
    if (llvm::Error error = writeLock(lock, tuning, *report))
      return fault(std::move(error));
  if (json)
    printJSON(compile.modelPath, path, tuning, **found, *report);
  else
    printText(compile.modelPath, path, **found, *report);
  return ExitOk;
}

int tegula::tool::runTuneRunner(llvm::ArrayRef<const char *> words) {
  int socket = 0;
  if (words.size() != 1 || llvm::StringRef(words[0]).getAsInteger(10, socket))
    return ExitUsage;
  return runnerMain(socket);
}
