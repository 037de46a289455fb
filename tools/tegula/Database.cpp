// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tegula db: what is in a tuning database.
#include "tegula/Tuner/Database/Database.h"
#include "CommandLine.h"
#include "Commands.h"
#include "DatabaseKernels.h"
#include "Report.h"
#include "tegula/Tuner/Measure/Measure.h"
#include "tegula/Tuner/Select/Select.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Format.h"
#include <map>
#include <set>

using namespace tegula;
using namespace tegula::tool;
using namespace tegula::tuner;

static const OptionSpec options[] = {
    {"key", "KEY", "best: only the kernel with this key"},
    {"model", "MODEL.onnx", "why: the kernels of this model"},
    {"target", "TARGET", "best, why KEY: only this target; with a model: as for compile (default host)"},
    {"precision", "MODE", "with a model: as for compile (default f32); a kernel's key holds it"},
    {"device", "KEY", "best, why, revalidate: as seen by this device of the database (default: this machine)"},
    {"threads", "N", "best, why, revalidate: measured with this many threads (default 1)"},
    {"external-data-root", "DIR", "with a model: folder below which links of external data may lead"},
    {"freeze-defaults", nullptr, "with a model: as for compile"},
    {"format", "jsonl|lock", "export: all rows as JSON lines (default), or the choices as a lock file"},
    {"o", "FILE", "export: write to FILE instead of stdout; merge, import, gc: the new database"},
    {"keep-best", "N", "gc: of the good trials under equal conditions only the N fastest"},
    {"json", nullptr, "report as JSON"},
};
static const CommandSpec spec{
    "db",
    "stats|list|best|export|verify FILE, why FILE KEY, why FILE --model=MODEL.onnx, revalidate FILE MODEL.onnx, "
    "diff FILE FILE, merge FILE... -o FILE, "
    "import FILE.jsonl -o FILE, gc FILE -o FILE",
    "Reads tuning databases: counts, kernels, the best schedules, all trials, health; which trial stands for a kernel\n"
    "and why; which choices differ between two (exit code 1 if any). Makes one new database from many, with the same\n"
    "bytes in any order of theirs. Revalidate builds what other versions of the compiler measured for a model, "
    "without\n"
    "running it, and records which schedules are still the same code.\n"
    "Import makes a database of what export wrote. Gc writes a new database without what nothing refers to; with\n"
    "--keep-best also without the slower trials, but with each failure and each choice.",
    "tegula db stats tune.db --json\n"
    "tegula db why tune.db --model=model.onnx\n"
    "tegula db export tune.db --format=lock -o model.lock.mlir\n"
    "tegula db merge node-1.db node-2.db -o all.db",
    options,
    1,
    4096};

static int fault(llvm::Error error) { return reportFault(llvm::toString(std::move(error))); }

static int stats(const Database &database, bool json) {
  llvm::Expected<DatabaseStatistics> statistics = database.statistics();
  if (!statistics)
    return fault(statistics.takeError());
  if (json) {
    printReport("db stats", [&](llvm::json::OStream &out) {
      out.attribute("kernels", statistics->kernels);
      out.attribute("trials", statistics->trials);
      out.attribute("failures", statistics->failures);
      out.attribute("devices", statistics->devices);
      out.attribute("selections", statistics->selections);
    });
    return ExitOk;
  }
  llvm::outs() << statistics->kernels << " kernels, " << statistics->trials << " trials, " << statistics->failures
               << " failures, " << statistics->devices << " devices, " << statistics->selections << " selections\n";
  return ExitOk;
}

static int list(const Database &database, bool json) {
  llvm::Expected<std::vector<WorkloadSummary>> summaries = database.list();
  if (!summaries)
    return fault(summaries.takeError());
  if (json) {
    printReport("db list", [&](llvm::json::OStream &out) {
      out.attributeArray("kernels", [&] {
        for (const WorkloadSummary &summary : *summaries)
          out.object([&] {
            out.attribute("key", summary.workload.key);
            out.attribute("family", summary.workload.family);
            out.attribute("signature", llvm::json::fixUTF8(summary.workload.signature));
            out.attribute("target", summary.target);
            out.attribute("trials", summary.trials);
            out.attribute("failures", summary.failures);
            out.attribute("best_ns", summary.bestNs ? jsonNumber(*summary.bestNs) : llvm::json::Value(nullptr));
            out.attribute("best_schedule", summary.bestSchedule);
          });
      });
    });
    return ExitOk;
  }
  for (const WorkloadSummary &summary : *summaries)
    llvm::outs() << summary.workload.key << "  " << summary.workload.family << "  "
                 << (summary.target.empty() ? "-" : summary.target) << "  " << summary.trials << " trials, "
                 << summary.failures << " failures  "
                 << (summary.bestNs ? durationText(*summary.bestNs) + "  " + summary.bestSchedule : "no good trial")
                 << "\n";
  return ExitOk;
}

/// What the command line asks for, in any kernel and target.
static llvm::Expected<Lookup> lookupOf(const Database &database, const Arguments &arguments, unsigned threads) {
  Lookup here = lookupHere(threads);
  if (!arguments.has("device"))
    return here;
  llvm::Expected<std::optional<Device>> known = database.findDevice(arguments.get("device"));
  if (!known)
    return known.takeError();
  if (!*known)
    return llvm::createStringError(database.getPath() + ": expected a device of the database, but got '" +
                                   arguments.get("device") + "'");
  here.device = **known;
  return here;
}

static int best(const Database &database, const Arguments &arguments, Lookup here, bool json) {
  llvm::Expected<std::vector<WorkloadSummary>> summaries = database.list();
  if (!summaries)
    return fault(summaries.takeError());
  struct Row {
    WorkloadSummary summary;
    std::optional<Best> best;
  };
  std::vector<Row> rows;
  for (WorkloadSummary &summary : *summaries) {
    if ((arguments.has("key") && summary.workload.key != arguments.get("key")) ||
        (arguments.has("target") && summary.target != arguments.get("target")))
      continue;
    here.workload = summary.workload.key;
    here.target = summary.target;
    llvm::Expected<std::optional<Best>> found = database.best(here);
    if (!found)
      return fault(found.takeError());
    rows.push_back({std::move(summary), std::move(*found)});
  }
  if (rows.empty() && (arguments.has("key") || arguments.has("target")))
    return reportFault(database.getPath() + ": expected a kernel with this key and target, but there is none");
  if (json) {
    printReport("db best", [&](llvm::json::OStream &out) {
      out.attribute("device", here.device.key);
      out.attributeArray("kernels", [&] {
        for (const Row &row : rows)
          out.object([&] {
            out.attribute("key", row.summary.workload.key);
            out.attribute("family", row.summary.workload.family);
            out.attribute("target", row.summary.target);
            out.attribute("schedule", row.best ? llvm::json::Value(row.best->trial.schedule) : nullptr);
            out.attribute("median_ns", row.best ? jsonNumber(row.best->trial.medianNs()) : nullptr);
            out.attribute("trial", row.best ? llvm::json::Value(row.best->trial.id) : nullptr);
            out.attribute("rung", row.best ? rungText(row.best->rung) : "none");
            out.attribute("reason", row.best ? row.best->reason : "");
          });
      });
    });
    return ExitOk;
  }
  for (const Row &row : rows) {
    llvm::outs() << row.summary.workload.key << "  " << row.summary.workload.family << "  " << row.summary.target
                 << "  ";
    if (!row.best)
      llvm::outs() << "no good trial on this device\n";
    else
      llvm::outs() << durationText(row.best->trial.medianNs()) << "  " << row.best->trial.schedule << "  ("
                   << rungText(row.best->rung) << (row.best->reason.empty() ? "" : "; " + row.best->reason) << ")\n";
  }
  return ExitOk;
}

static int exportTo(const Database &database, Arguments &arguments) {
  std::string format = arguments.get("format", "jsonl");
  if (format != "jsonl" && format != "lock")
    return reportUsage(spec, "option '--format': expected jsonl or lock, but got '" + format + "'");
  auto write = [&](llvm::raw_ostream &stream) -> llvm::Error {
    if (format == "jsonl")
      return database.exportJsonLines(stream);
    llvm::Expected<std::vector<LockRecord>> records = database.lockRecords();
    if (!records)
      return records.takeError();
    printLockFile(stream, std::move(*records));
    return llvm::Error::success();
  };
  if (!arguments.has("o")) {
    if (llvm::Error error = write(llvm::outs()))
      return fault(std::move(error));
    return ExitOk;
  }
  // By a temporary name, then renamed: a failure leaves nothing half-written.
  std::string path = arguments.get("o");
  if (llvm::Error error = llvm::writeToOutput(path, write))
    return reportFault(path + ": " + llvm::toString(std::move(error)));
  return ExitOk;
}

static int verify(const Database &database, bool json) {
  llvm::Expected<std::vector<std::string>> problems = database.verify();
  if (!problems)
    return fault(problems.takeError());
  if (json) {
    printReport("db verify", [&](llvm::json::OStream &out) {
      out.attribute("ok", problems->empty());
      out.attributeArray("problems", [&] {
        for (const std::string &problem : *problems)
          out.value(llvm::json::fixUTF8(problem));
      });
    });
  } else {
    for (const std::string &problem : *problems)
      llvm::outs() << database.getPath() << ": " << problem << "\n";
    if (problems->empty())
      llvm::outs() << database.getPath() << ": intact\n";
  }
  return problems->empty() ? ExitOk : ExitFault;
}

/// A choice as it is told: by key, target and threads.
using Choices = std::map<std::tuple<std::string, std::string, unsigned>, std::string>;

static llvm::Expected<Choices> readChoices(const Database &database) {
  llvm::Expected<std::vector<LockRecord>> records = database.lockRecords();
  if (!records)
    return records.takeError();
  Choices choices;
  for (LockRecord &record : *records)
    choices[{record.key, record.target, record.threads}] = std::move(record.schedule);
  return choices;
}

static int diff(const Database &left, const Database &right, bool json) {
  llvm::Expected<Choices> before = readChoices(left), after = readChoices(right);
  if (!before || !after)
    return fault(llvm::joinErrors(before.takeError(), after.takeError()));
  auto find = [](const Choices &choices, const Choices::key_type &key) {
    auto found = choices.find(key);
    return found == choices.end() ? std::string() : found->second;
  };
  std::set<Choices::key_type> keys;
  for (const Choices *choices : {&*before, &*after})
    for (const auto &[key, schedule] : *choices)
      if (find(*before, key) != find(*after, key))
        keys.insert(key);
  auto orNull = [](std::string text) { return text.empty() ? llvm::json::Value(nullptr) : llvm::json::Value(text); };
  if (json)
    printReport("db diff", [&](llvm::json::OStream &out) {
      out.attributeArray("kernels", [&] {
        for (const auto &key : keys)
          out.object([&] {
            out.attribute("key", std::get<0>(key));
            out.attribute("target", std::get<1>(key));
            out.attribute("threads", std::get<2>(key));
            out.attribute("left", orNull(find(*before, key)));
            out.attribute("right", orNull(find(*after, key)));
          });
      });
    });
  else
    for (const auto &key : keys) {
      const auto &[kernel, target, threads] = key;
      llvm::outs() << kernel << "  " << target << "  " << threads << (threads == 1 ? " thread\n" : " threads\n");
      for (auto [sign, choices] : {std::pair('-', &*before), std::pair('+', &*after)})
        if (std::string schedule = find(*choices, key); !schedule.empty())
          llvm::outs() << "  " << sign << " " << schedule << "\n";
    }
  return keys.empty() ? ExitOk : ExitFault;
}

int tegula::tool::runDatabase(llvm::ArrayRef<const char *> words) {
  Arguments arguments(spec);
  if (std::optional<int> code = parseCommandLine(spec, words, arguments))
    return *code;
  auto threads = static_cast<unsigned>(arguments.getInteger("threads", 1, 1, 4096));
  std::optional<uint64_t> keepBest;
  if (arguments.has("keep-best"))
    keepBest = arguments.getInteger("keep-best", 1, 1);
  if (arguments.failed)
    return ExitUsage;
  const std::string &action = arguments.positional[0];
  llvm::ArrayRef<std::string> files = llvm::ArrayRef(arguments.positional).drop_front();
  static constexpr llvm::StringLiteral actions[] = {"stats", "list",       "best",  "why",    "export", "verify",
                                                    "diff",  "revalidate", "merge", "import", "gc"};
  if (!llvm::is_contained(actions, action))
    return reportUsage(
        spec, "expected stats, list, best, why, export, verify, diff, revalidate, merge, import or gc, but got '" +
                  action + "'");
  if (action == "merge" || action == "import" || action == "gc") {
    if (!arguments.has("o"))
      return reportUsage(spec, "expected the new database, -o FILE");
    if (action != "merge" && files.size() != 1)
      return reportUsage(spec, action + ": expected 1 file, but got " + std::to_string(files.size()));
    std::string output = arguments.get("o");
    llvm::Error error = action == "merge"    ? Database::merge(files, output)
                        : action == "import" ? Database::importJsonLines(files[0], output)
                                             : Database::collectGarbage(files[0], keepBest, output);
    return error ? fault(std::move(error)) : ExitOk;
  }
  // A kernel's key, or a model, stands behind the file.
  bool hasSubject = action == "revalidate" || (action == "why" && !arguments.has("model"));
  std::string subject = hasSubject && files.size() == 2 ? files.back() : "";
  if (hasSubject && subject.empty())
    return reportUsage(spec, action + ": expected a file and a " + (action == "why" ? "kernel's key" : "model"));
  if (hasSubject)
    files = files.drop_back();
  size_t count = action == "diff" ? 2 : 1;
  if (files.size() != count)
    return reportUsage(spec, action + ": expected " + std::to_string(count) + " file" + (count > 1 ? "s" : "") +
                                 ", but got " + std::to_string(files.size()));
  std::vector<std::unique_ptr<Database>> databases;
  for (const std::string &file : files) {
    // One that is not there is not made.
    bool isWritten = action == "revalidate" && llvm::sys::fs::exists(file);
    llvm::Expected<std::unique_ptr<Database>> opened =
        Database::open(file, isWritten ? Database::Mode::ReadWrite : Database::Mode::Read);
    if (!opened)
      return fault(opened.takeError());
    databases.push_back(std::move(*opened));
  }
  const Database &database = *databases.front();
  bool json = arguments.has("json");
  if (action == "stats")
    return stats(database, json);
  if (action == "list")
    return list(database, json);
  if (action == "best" || action == "why" || action == "revalidate") {
    llvm::Expected<Lookup> here = lookupOf(database, arguments, threads);
    if (!here)
      return fault(here.takeError());
    return action == "best"  ? best(database, arguments, *here, json)
           : action == "why" ? explainChoices(database, arguments, *here, subject)
                             : revalidateChoices(*databases.front(), arguments, *here, subject);
  }
  if (action == "export")
    return exportTo(database, arguments);
  if (action == "diff")
    return diff(database, *databases.back(), json);
  return verify(database, json);
}
