// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "DatabaseKernels.h"
#include "OpenModel.h"
#include "Report.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Tuner/Select/DatabaseSchedules.h"
#include "tegula/Tuner/Select/Select.h"
#include "tegula/Tuner/Session/ModelKernels.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

using namespace tegula;
using namespace tegula::tool;
using namespace tegula::tuner;

static int fault(llvm::Error error) { return reportFault(llvm::toString(std::move(error))); }

/// Compiles the model up to stage `kernels`; ExitOk, or the exit code after a message.
static int compileKernels(CompilerSession &session) {
  CompileStatus status = session.runTo("kernels");
  llvm::errs() << session.getMessages();
  return static_cast<int>(status);
}

static CompileOptions optionsOf(const Arguments &arguments, llvm::StringRef model) {
  CompileOptions options = readCompileOptions(arguments, model, arguments.get("target", "host"));
  options.replayDirectory.clear();
  return options;
}

//===----------------------------------------------------------------------===//
// why
//===----------------------------------------------------------------------===//

namespace {
struct Explanation {
  /// Symbol of a model's kernel, or its family.
  std::string name;
  std::string key, target;
  std::vector<RungAnswer> answers;
};
} // namespace

static void printExplanation(const Explanation &kernel, const Lookup &here) {
  llvm::outs() << kernel.name << ", key " << kernel.key << ", " << kernel.target << ", " << here.threads
               << (here.threads == 1 ? " thread:\n" : " threads:\n");
  bool isOpen = true;
  for (const RungAnswer &answer : kernel.answers) {
    bool isChosen = isOpen && answer.stands();
    isOpen &= !isChosen;
    llvm::outs() << (isChosen ? "* " : "  ") << llvm::format("%-16s", rungText(answer.rung).str().c_str());
    if (answer.best) {
      const Trial &trial = answer.best->trial;
      llvm::outs() << "trial " << trial.id << ", " << durationText(trial.medianNs()) << ": " << trial.schedule;
      if (trial.conditions.workload != kernel.key)
        llvm::outs() << ", of key " << trial.conditions.workload;
      llvm::outs() << ", by " << trial.toolchain
                   << (answer.best->reason.empty() ? ", not selected" : "; " + answer.best->reason);
      if (!answer.problem.empty())
        llvm::outs() << "; not legal: " << answer.problem;
    } else {
      llvm::outs() << (answer.rung == Rung::Analytic ? "the family's default" : "-");
    }
    llvm::outs() << "\n";
  }
}

static void printExplanations(llvm::ArrayRef<Explanation> kernels, const Lookup &here) {
  printReport("db why", [&](llvm::json::OStream &out) {
    out.attribute("device", here.device.key);
    out.attribute("toolchain", here.toolchain);
    out.attribute("threads", here.threads);
    out.attributeArray("kernels", [&] {
      for (const Explanation &kernel : kernels)
        out.object([&] {
          out.attribute("name", kernel.name);
          out.attribute("key", kernel.key);
          out.attribute("target", kernel.target);
          out.attributeArray("rungs", [&] {
            bool isOpen = true;
            for (const RungAnswer &answer : kernel.answers) {
              bool isChosen = isOpen && answer.stands();
              isOpen &= !isChosen;
              out.object([&] {
                out.attribute("rung", rungText(answer.rung));
                out.attribute("chosen", isChosen);
                if (!answer.best)
                  return;
                const Trial &trial = answer.best->trial;
                out.attribute("trial", trial.id);
                out.attribute("key", trial.conditions.workload);
                out.attribute("toolchain", trial.toolchain);
                out.attribute("schedule", trial.schedule);
                out.attribute("median_ns", jsonNumber(trial.medianNs()));
                out.attribute("reason", answer.best->reason);
                out.attribute("problem", llvm::json::fixUTF8(answer.problem));
              });
            }
          });
        });
    });
  });
}

/// Of a key, for each target that the database knows it for. Without the kernel itself, nothing can be said of what is
/// legal for it.
static llvm::Expected<std::vector<Explanation>> explainKey(const Database &database, const Arguments &arguments,
                                                           Lookup here, llvm::StringRef key) {
  llvm::Expected<std::vector<WorkloadSummary>> summaries = database.list();
  if (!summaries)
    return summaries.takeError();
  std::vector<Explanation> kernels;
  for (const WorkloadSummary &summary : *summaries) {
    if (summary.workload.key != key || (arguments.has("target") && summary.target != arguments.get("target")))
      continue;
    here.target = summary.target;
    llvm::Expected<std::vector<RungAnswer>> answers =
        ScheduleLookup(database, here)
            .ask(
                key, summary.workload.family, [&] { return summary.workload.signature; },
                [](llvm::StringRef) { return std::string(); }, /*all=*/true);
    if (!answers)
      return answers.takeError();
    kernels.push_back({summary.workload.family, key.str(), summary.target, std::move(*answers)});
  }
  if (kernels.empty())
    return llvm::createStringError(database.getPath() + ": expected a kernel of the database, but got '" + key + "'");
  return kernels;
}

static llvm::Expected<std::vector<Explanation>> explainModel(const Database &database, CompilerSession &session,
                                                             Lookup here) {
  mlir::ModuleOp module = session.getModule();
  module.getContext()->loadDialect<sched::SchedDialect>();
  here.target = targetText(module);
  ScheduleLookup lookup(database, here);
  ConstantOperands constants(module);
  std::vector<Explanation> kernels;
  for (auto kernel : module.getOps<exec::KernelOp>()) {
    if (!kernel.getKey())
      continue;
    llvm::Expected<std::vector<RungAnswer>> answers = askForKernel(lookup, constants, kernel, /*all=*/true);
    if (!answers)
      return answers.takeError();
    kernels.push_back({kernel.getSymName().str(), kernel.getKey()->str(), here.target, std::move(*answers)});
  }
  return kernels;
}

int tegula::tool::explainChoices(const Database &database, const Arguments &arguments, const Lookup &here,
                                 llvm::StringRef key) {
  std::optional<CompilerSession> session;
  if (key.empty()) {
    session.emplace(optionsOf(arguments, arguments.get("model")));
    if (int code = compileKernels(*session))
      return code;
  }
  llvm::Expected<std::vector<Explanation>> kernels =
      session ? explainModel(database, *session, here) : explainKey(database, arguments, here, key);
  if (!kernels)
    return fault(kernels.takeError());
  if (arguments.has("json"))
    printExplanations(*kernels, here);
  else
    for (const Explanation &kernel : *kernels)
      printExplanation(kernel, here);
  return ExitOk;
}

//===----------------------------------------------------------------------===//
// revalidate
//===----------------------------------------------------------------------===//

namespace {
struct Revalidation {
  std::string name, key;
  /// "same_code", "other_code", "not_built", "unknown" (the record has no hash), "exact" (measured by this toolchain),
  /// "none" (not measured here).
  std::string outcome;
  int64_t trial = 0;
  std::string detail;
};
} // namespace

/// The newest word of another toolchain for the kernel on this device, unless this one has measured it.
static llvm::Expected<Revalidation> revalidateKernel(Database &database, const Lookup &here,
                                                     const TunableKernel &kernel, const CompileFunction &compile,
                                                     llvm::StringRef artifact) {
  Revalidation row{kernel.name, kernel.workload.key, "none", 0, ""};
  Lookup asked = here;
  asked.workload = kernel.workload.key;
  llvm::Expected<std::optional<Best>> best = database.best(asked);
  if (!best)
    return best.takeError();
  if (!*best || (*best)->rung == Rung::SameClass)
    return row;
  const Trial &trial = (*best)->trial;
  row.trial = trial.id;
  row.outcome = "exact";
  if ((*best)->rung == Rung::Exact)
    return row;
  row.outcome = "unknown";
  if (trial.artifactHash.empty())
    return row;
  llvm::Expected<std::optional<BuildResult>> built = build(compile, kernel.workload, trial.schedule, artifact, {});
  if (!built)
    return built.takeError();
  row.detail = (*built)->detail;
  row.outcome = !(*built)->built ? "not_built" : (*built)->codeHash == trial.artifactHash ? "same_code" : "other_code";
  llvm::sys::fs::remove((*built)->artifact);
  if ((*built)->built)
    if (llvm::Error error = database.revalidate(trial.id, here.toolchain, (*built)->codeHash))
      return std::move(error);
  return row;
}

int tegula::tool::revalidateChoices(Database &database, const Arguments &arguments, Lookup here,
                                    llvm::StringRef model) {
  CompilerSession session(optionsOf(arguments, model));
  if (int code = compileKernels(session))
    return code;
  here.target = targetText(session.getModule());
  ModelKernelsOptions options;
  options.threads = here.threads;
  options.isMeasured = false;
  llvm::Expected<std::optional<ModelKernels>> found = findModelKernels(session, options);
  if (!found)
    return fault(found.takeError());
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("tegula-revalidate", folder))
    return reportFault("expected a temporary folder, but got: " + error.message());
  llvm::scope_exit cleanUp([&] { llvm::sys::fs::remove_directories(folder); });
  std::vector<Revalidation> rows;
  for (const TunableKernel &kernel : (*found)->kernels) {
    llvm::SmallString<128> artifact = folder;
    llvm::sys::path::append(artifact, std::to_string(rows.size()) + ".so");
    llvm::Expected<Revalidation> row = revalidateKernel(database, here, kernel, (*found)->compile, artifact);
    if (!row)
      return fault(row.takeError());
    rows.push_back(std::move(*row));
  }
  if (arguments.has("json")) {
    printReport("db revalidate", [&](llvm::json::OStream &out) {
      out.attribute("toolchain", here.toolchain);
      out.attributeArray("kernels", [&] {
        for (const Revalidation &row : rows)
          out.object([&] {
            out.attribute("name", row.name);
            out.attribute("key", row.key);
            out.attribute("outcome", row.outcome);
            out.attribute("trial", row.trial ? llvm::json::Value(row.trial) : nullptr);
            out.attribute("detail", llvm::json::fixUTF8(row.detail));
          });
      });
    });
    return ExitOk;
  }
  for (const Revalidation &row : rows) {
    llvm::outs() << row.name << ": " << row.outcome;
    if (row.trial)
      llvm::outs() << ", trial " << row.trial;
    llvm::outs() << (row.detail.empty() ? "" : ": " + row.detail) << "\n";
  }
  return ExitOk;
}
