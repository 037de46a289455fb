// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole sessions over hand-written artifacts: the "compiler" hands out the one that the schedule names.
//
#include "tegula/Tuner/Session/Session.h"

#include "../Fixtures.h"

#include "llvm/ADT/StringExtras.h"

#include <csignal>
#include <cstdlib>
#include <numeric>
#include <set>

using namespace tegula;
using namespace tegula::tuner;
using namespace tegula::tuner::test;

namespace {

/// `#sched.test<WORD, N>`: the artifact of that word; two words make the compiler itself fail.
llvm::Expected<CompiledKernel> compile(const std::string &folder, const Workload &workload, llvm::StringRef schedule) {
  llvm::StringRef word = "good";
  if (schedule == "#sched.reference") {
    if (workload.family == "no_reference")
      return llvm::createStringError("no reference for this one");
    if (workload.family == "bad_reference")
      word = "crash";
  } else {
    schedule.consume_front("#sched.test<");
    word = schedule.split(',').first;
  }
  if (word == "refused")
    return llvm::createStringError("expected a multiple of 4, but got 3");
  if (word == "compiler_crash")
    raise(SIGSEGV);
  if (word == "compiler_hang")
    while (true)
      pause();
  llvm::SmallString<128> path;
  if (std::error_code error = llvm::sys::fs::createUniqueFile(folder + "/built-%%%%%%.so", path))
    return llvm::createStringError(error.message());
  if (std::error_code error = llvm::sys::fs::copy_file(artifactPath(word.str()), path))
    return llvm::createStringError(error.message());
  return CompiledKernel{path.str().str(), ""};
}

class SessionTest : public testing::Test {
protected:
  void SetUp() override {
    database = valueOf(Database::open(path, Database::Mode::ReadWrite));
    ASSERT_TRUE(database);
    options.trials = 100;
    options.target = "x86-64-v3";
    options.toolchain = "tegula 0.1.0";
    options.device = {"machine/2", "machine", "{}"};
    options.measure.runner = {runnerPath()};
    options.measure.candidateLimitSeconds = 4;
    options.measure.referenceLimitSeconds = 20;
    options.measure.timingSeconds = 0.005;
    options.measure.sampleSeconds = 0.0005;
    options.build.limitSeconds = 4;
  }

  TunableKernel kernel(const std::string &key, llvm::ArrayRef<llvm::StringRef> words,
                       llvm::ArrayRef<int64_t> numbers = {0}) {
    SearchSpace space("test");
    space.addNamedKnob("word", words).addKnob("number", numbers);
    TunableKernel kernel{{key, "map", "map of " + key}, "map_" + key + "_0", space, *space.at(0), {}, {}, {}, {}};
    kernel.scheduleText = [space](const Configuration &point) {
      return "#sched.test<" + space.word(point, "word").str() + ", " + std::to_string(space.value(point, "number")) +
             ">";
    };
    return kernel;
  }

  TuneReport run(llvm::ArrayRef<TunableKernel> kernels) {
    return valueOf(tune(
        *database, kernels,
        [this](const Workload &workload, llvm::StringRef schedule) {
          llvm::Expected<CompiledKernel> compiled = compile(folder.file(""), workload, schedule);
          if (compiled)
            compiled->codeHash = codeHash(schedule);
          return compiled;
        },
        options));
  }

  std::vector<Trial> history(const TunableKernel &kernel) {
    return valueOf(database->history({kernel.workload.key, options.device.key, options.target, kernel.space.hash(),
                                      options.threads, sizesText(kernel.inputShapes)}));
  }

  std::string chosen(const TunableKernel &kernel) {
    std::optional<Best> best = valueOf(database->best({kernel.workload.key, options.device, options.target}));
    return best ? best->trial.schedule : "";
  }

  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  std::unique_ptr<Database> database;
  TuneOptions options;
  /// Each schedule is other code.
  std::function<std::string(llvm::StringRef)> codeHash = [](llvm::StringRef schedule) { return llvm::toHex(schedule); };
};

TEST_F(SessionTest, AReplayMeasuresNothing) {
  TunableKernel known = kernel("known", {"slow", "good", "crash"}, {0, 1}), unknown = kernel("unknown", {"good"});
  options.trials = 5;
  TuneReport recorded = run(known);
  std::unique_ptr<Database> recording = std::move(database);
  database = valueOf(Database::open(folder.file("replay.db"), Database::Mode::ReadWrite));
  options.trials = 100;
  options.replay = recording.get();
  TuneReport replayed = valueOf(tune(
      *database, {known, unknown}, [](const Workload &, llvm::StringRef) -> llvm::Expected<CompiledKernel> { abort(); },
      options));
  // Five points exist; the sixth of the space was not recorded.
  EXPECT_EQ(replayed.trials, 5u);
  EXPECT_EQ(replayed.failures, recorded.failures);
  ASSERT_EQ(replayed.kernels.size(), 2u);
  EXPECT_EQ(replayed.kernels[0].schedule.find("#sched.test<good, "), 0u);
  EXPECT_EQ(replayed.kernels[0].error, "");
  EXPECT_EQ(replayed.kernels[1].error, "the recording has no trials of it under these conditions");
  std::vector<Trial> copies = history(known);
  EXPECT_EQ(copies.size(), 5u);
  for (const Trial &original : valueOf(recording->history(copies.front().conditions)))
    EXPECT_TRUE(llvm::any_of(copies, [&](const Trial &copy) {
      return copy.configuration == original.configuration && copy.status == original.status &&
             copy.samplesNs == original.samplesNs;
    })) << original.configuration;
}

TEST_F(SessionTest, FindsTheFastestAndKeepsEveryFailure) {
  TunableKernel all = kernel("all", {"slow", "wrong", "unwritten", "crash", "hang", "status", "outside", "other_type",
                                     "refused", "compiler_crash", "compiler_hang", "good"});
  TuneReport report = run(all);
  EXPECT_EQ(report.trials, 12u);
  EXPECT_EQ(report.failures, 10u);
  EXPECT_FALSE(report.interrupted);
  ASSERT_EQ(report.kernels.size(), 1u);
  const KernelReport &tuned = report.kernels.front();
  EXPECT_EQ(tuned.error, "");
  EXPECT_EQ(tuned.points, 12u);
  EXPECT_EQ(tuned.schedule, "#sched.test<good, 0>");
  EXPECT_EQ(tuned.defaultSchedule, "#sched.test<slow, 0>");
  ASSERT_TRUE(tuned.bestNs && tuned.defaultNs);
  EXPECT_GT(*tuned.defaultNs, 20 * *tuned.bestNs);
  EXPECT_EQ(tuned.reason.find("fastest of 2: "), 0u) << tuned.reason;
  EXPECT_EQ(chosen(all), "#sched.test<good, 0>");

  std::map<std::string, std::string> outcomes;
  for (const Trial &trial : history(all))
    outcomes[trial.schedule] = statusText(trial.status).str() + " " + trial.detail;
  EXPECT_EQ(outcomes["#sched.test<slow, 0>"], "ok ");
  EXPECT_EQ(outcomes["#sched.test<good, 0>"], "ok ");
  EXPECT_EQ(outcomes["#sched.test<wrong, 0>"].find("wrong_result output 0, element 17"), 0u);
  EXPECT_EQ(outcomes["#sched.test<unwritten, 0>"].find("wrong_result output 0, element 4095"), 0u);
  EXPECT_EQ(outcomes["#sched.test<crash, 0>"], "crash signal 11 (Segmentation fault)");
  EXPECT_EQ(outcomes["#sched.test<hang, 0>"], "hang no answer within 4 s");
  EXPECT_EQ(outcomes["#sched.test<status, 0>"].find("runtime_error "), 0u);
  EXPECT_NE(outcomes["#sched.test<status, 0>"].find("index out of range"), std::string::npos);
  EXPECT_EQ(outcomes["#sched.test<outside, 0>"].find("out_of_bounds"), 0u);
  EXPECT_EQ(outcomes["#sched.test<other_type, 0>"].find("load_error"), 0u);
  EXPECT_EQ(outcomes["#sched.test<refused, 0>"], "compile_error expected a multiple of 4, but got 3");
  EXPECT_EQ(outcomes["#sched.test<compiler_crash, 0>"],
            "compile_error the compiler ended with signal 11 (Segmentation fault)");
  EXPECT_EQ(outcomes["#sched.test<compiler_hang, 0>"], "compile_error the compiler did not finish within 4 s");
  for (const Trial &trial : history(all))
    EXPECT_EQ(trial.artifactHash, trial.status == TrialStatus::CompileError ? "" : codeHash(trial.schedule));
  EXPECT_EQ(tuned.sameCode, 0u);
  EXPECT_TRUE(valueOf(database->verify()).empty());
}

TEST_F(SessionTest, TheBudgetGoesWhereTheModelSpendsItsTime) {
  std::vector<int64_t> numbers(64);
  std::iota(numbers.begin(), numbers.end(), 0);
  TunableKernel rare = kernel("rare", {"good"}, numbers), hot = kernel("hot", {"good"}, numbers);
  hot.dispatches = 1000;
  options.trials = 24;
  TuneReport report = run({rare, hot});
  EXPECT_EQ(report.trials, 24u);
  EXPECT_GE(report.kernels[0].trials, 1u);
  EXPECT_GT(report.kernels[1].trials, 2 * report.kernels[0].trials);
}

TEST_F(SessionTest, ACorruptedCandidateIsRecordedAndNeverChosen) {
  // Without the hook the second candidate would win by far.
  setenv("TEGULA_TEST_CORRUPT_CANDIDATE", "2", 1);
  TunableKernel two = kernel("two", {"slow", "good"});
  TuneReport report = run(two);
  unsetenv("TEGULA_TEST_CORRUPT_CANDIDATE");
  EXPECT_EQ(report.failures, 1u);
  std::vector<Trial> trials = history(two);
  ASSERT_EQ(trials.size(), 2u);
  EXPECT_EQ(trials[1].schedule, "#sched.test<good, 0>");
  EXPECT_EQ(trials[1].status, TrialStatus::WrongResult);
  EXPECT_EQ(report.kernels[0].schedule, "#sched.test<slow, 0>");
  EXPECT_EQ(chosen(two), "#sched.test<slow, 0>");
}

TEST_F(SessionTest, ASecondSessionGoesOnWithoutMeasuringTwice) {
  TunableKernel many = kernel("many", {"slow", "good"}, {0, 1, 2, 3, 4, 5, 6, 7});
  options.trials = 5;
  EXPECT_EQ(run(many).trials, 5u);
  EXPECT_EQ(run(many).trials, 5u);
  options.trials = 100;
  TuneReport last = run(many);
  EXPECT_EQ(last.trials, 6u);
  EXPECT_EQ(last.kernels[0].trials, 16u);
  std::set<std::string> configurations;
  for (const Trial &trial : history(many))
    EXPECT_TRUE(configurations.insert(trial.configuration).second) << trial.configuration;
  EXPECT_EQ(configurations.size(), 16u);
  EXPECT_EQ(chosen(many).find("#sched.test<good"), 0u);
  // Nothing left to do: the choice stands.
  EXPECT_EQ(run(many).trials, 0u);
  EXPECT_EQ(chosen(many).find("#sched.test<good"), 0u);
}

TEST_F(SessionTest, TheSameCodeIsMeasuredOnce) {
  codeHash = [](llvm::StringRef schedule) { return llvm::toHex(schedule.split(',').first); };
  TunableKernel same = kernel("same", {"good", "slow"}, {0, 1, 2, 3});
  options.trials = 5;
  EXPECT_EQ(run(same).kernels[0].sameCode, 3u);
  options.trials = 100;
  TuneReport report = run(same);
  EXPECT_EQ(report.trials, 3u);
  EXPECT_EQ(report.kernels[0].sameCode, 3u);
  std::map<std::string, const Trial *> originals;
  std::vector<Trial> trials = history(same);
  ASSERT_EQ(trials.size(), 8u);
  for (const Trial &trial : trials) {
    auto [original, isNew] = originals.try_emplace(trial.artifactHash, &trial);
    EXPECT_EQ(trial.detail, isNew ? "" : "same code as " + original->second->configuration);
    EXPECT_EQ(trial.samplesNs, original->second->samplesNs);
  }
  EXPECT_EQ(originals.size(), 2u);
  // Each code stands in the finals once.
  EXPECT_EQ(report.kernels[0].reason.find("default is the fastest of 2: "), 0u) << report.kernels[0].reason;
}

TEST_F(SessionTest, CodeThatFailedIsMeasuredAgain) {
  codeHash = [](llvm::StringRef schedule) { return llvm::toHex(schedule.split(',').first); };
  TunableKernel broken = kernel("broken", {"good", "wrong"}, {0, 1});
  TuneReport report = run(broken);
  EXPECT_EQ(report.kernels[0].failures, 2u);
  EXPECT_EQ(report.kernels[0].sameCode, 1u);
  for (const Trial &trial : history(broken))
    EXPECT_EQ(trial.status == TrialStatus::WrongResult, trial.schedule.find("wrong") != std::string::npos);
}

TEST_F(SessionTest, OtherConditionsAreOtherExperiments) {
  TunableKernel one = kernel("one", {"good", "slow"});
  EXPECT_EQ(run(one).trials, 2u);
  options.threads = 2;
  EXPECT_EQ(run(one).trials, 2u);
  options.target = "x86-64-v4";
  EXPECT_EQ(run(one).trials, 2u);
}

TEST_F(SessionTest, StoppingKeepsWhatWasMeasured) {
  std::atomic<bool> stop{false};
  options.stop = &stop;
  options.progress = [&](const TuneProgress &progress) { stop = progress.trials == 3; };
  TunableKernel many = kernel("many", {"slow", "good"}, {0, 1, 2, 3, 4, 5, 6, 7});
  TuneReport report = run(many);
  EXPECT_TRUE(report.interrupted);
  EXPECT_EQ(report.trials, 3u);
  EXPECT_EQ(history(many).size(), 3u);
  EXPECT_NE(report.kernels[0].schedule, "");
  EXPECT_EQ(chosen(many), report.kernels[0].schedule);
}

TEST_F(SessionTest, KernelsShareTheBudgetAndOneWithoutReferenceHarmsNoOther) {
  TunableKernel unbuilt = kernel("unbuilt", {"good", "slow"});
  unbuilt.workload.family = "no_reference";
  TunableKernel broken = kernel("broken", {"good", "slow"});
  broken.workload.family = "bad_reference";
  std::vector<int64_t> numbers;
  for (int64_t number = 0; number < 64; ++number)
    numbers.push_back(number);
  std::vector<TunableKernel> kernels = {unbuilt, kernel("a", {"good", "wrong"}, numbers), broken,
                                        kernel("b", {"good", "wrong"}, numbers)};
  options.trials = 20;
  TuneReport report = run(kernels);
  EXPECT_EQ(report.trials, 20u);
  ASSERT_EQ(report.kernels.size(), 4u);
  EXPECT_EQ(report.kernels[0].error, "the reference cannot be built: no reference for this one");
  EXPECT_NE(report.kernels[2].error.find("expected the reference to be computed, but got signal 11"),
            std::string::npos);
  EXPECT_EQ(report.kernels[0].trials + report.kernels[2].trials, 0u);
  EXPECT_EQ(report.kernels[1].trials + report.kernels[3].trials, 20u);
  EXPECT_GE(report.kernels[1].trials, 4u);
  EXPECT_GE(report.kernels[3].trials, 4u);
  EXPECT_EQ(chosen(kernels[3]).find("#sched.test<good"), 0u);
}

TEST_F(SessionTest, ABudgetOfSecondsIsKept) {
  std::vector<int64_t> numbers;
  for (int64_t number = 0; number < 1000; ++number)
    numbers.push_back(number);
  TunableKernel endless = kernel("endless", {"slow", "good"}, numbers);
  options.trials.reset();
  options.seconds = 1.5;
  TuneReport report = run(endless);
  EXPECT_GT(report.trials, 3u);
  EXPECT_GT(report.elapsedSeconds, 1.2);
  EXPECT_LT(report.elapsedSeconds, 4);
  EXPECT_EQ(chosen(endless).find("#sched.test<good"), 0u);

  options.seconds.reset();
  llvm::Expected<TuneReport> unlimited =
      tune(*database, {}, [](const Workload &, llvm::StringRef) { return CompiledKernel(); }, options);
  EXPECT_EQ(message(std::move(unlimited)), "expected a budget of trials or seconds, but got none");
}

TEST_F(SessionTest, SizesAreWrittenAsNestedLists) {
  EXPECT_EQ(sizesText({}), "");
  EXPECT_EQ(sizesText({{128, 768}, {}, {768}}), "[[128,768],[],[768]]");
}

} // namespace
