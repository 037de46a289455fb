// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runner against hand-written artifacts (artifact.c), one for each fault.
//
#include "tegula/Tuner/Measure/Measure.h"

#include "../Fixtures.h"

#include <csignal>
#include <cstdlib>
#include <thread>

using namespace tegula::tuner;
using namespace tegula::tuner::test;

namespace {

/// Sets an environment variable for the life of the object.
class Hook {
public:
  Hook(const char *name, const char *value) : name(name) { setenv(name, value, 1); }
  ~Hook() { unsetenv(name); }

private:
  const char *name;
};

double median(const Measurement &measurement) {
  Trial trial;
  trial.samplesNs = measurement.samplesNs;
  return trial.medianNs();
}

class MeasureTest : public testing::Test {
protected:
  MeasureOptions options() {
    MeasureOptions options;
    options.runner = {runnerPath()};
    options.candidateLimitSeconds = 4;
    options.referenceLimitSeconds = 6;
    options.timingSeconds = 0.01;
    options.sampleSeconds = 0.0005;
    return options;
  }

  MeasureRequest request(const std::string &candidate, const std::string &reference = "good") {
    MeasureRequest request;
    request.artifact = artifactPath(candidate);
    request.reference = artifactPath(reference);
    request.referenceOutputs = folder.file(reference + ".reference");
    request.seed = 42;
    return request;
  }

  Measurement measure(Measurer &measurer, const MeasureRequest &request) {
    std::optional<Measurement> measurement = valueOf(measurer.measure(request));
    if (!measurement)
      ADD_FAILURE() << "stopped";
    return measurement.value_or(Measurement());
  }

  TemporaryFolder folder;
};

TEST_F(MeasureTest, TimesACorrectCandidate) {
  Measurer measurer(options());
  Measurement fast = measure(measurer, request("good"));
  EXPECT_EQ(fast.status, TrialStatus::Ok) << fast.detail;
  EXPECT_GE(fast.samplesNs.size(), 5u);
  Measurement slow = measure(measurer, request("slow"));
  EXPECT_EQ(slow.status, TrialStatus::Ok) << slow.detail;
  // It does the work 100 times; 4096 multiply-adds take more than 50 ns.
  EXPECT_GT(median(fast), 50);
  EXPECT_GT(median(slow), 20 * median(fast));
  EXPECT_EQ(measurer.runnersStarted(), 1u);
}

TEST_F(MeasureTest, AClearLoserIsGivenFewSamples) {
  MeasureOptions patient = options();
  patient.timingSeconds = 0.2;
  Measurer measurer(patient);
  MeasureRequest slow = request("slow");
  EXPECT_GT(measure(measurer, slow).samplesNs.size(), 20u);
  slow.contenderNs = 1;
  EXPECT_EQ(measure(measurer, slow).samplesNs.size(), 1u);
  slow.contenderNs = median(measure(measurer, slow)) / 1.5;
  EXPECT_EQ(measure(measurer, slow).samplesNs.size(), 5u);
}

TEST_F(MeasureTest, EachFaultIsAStatusAndTheNextCandidateIsMeasured) {
  Measurer measurer(options());
  struct Case {
    const char *fault;
    TrialStatus status;
    const char *detail;
    unsigned runners;
  };
  const Case cases[] = {
      {"wrong", TrialStatus::WrongResult, "output 0, element 17: expected ", 1},
      {"drifting", TrialStatus::NonDeterministic, "a second run: output 0, element 17: expected ", 1},
      {"unwritten", TrialStatus::WrongResult, "output 0, element 4095: expected ", 1},
      {"two_outputs", TrialStatus::LoadError, "expected 2 outputs, but got 1", 1},
      {"status", TrialStatus::RuntimeError, "index out of range", 1},
      {"other_type", TrialStatus::LoadError, "input 'z': expected element type float64, but got float32", 1},
      {"absent", TrialStatus::LoadError, "No such file", 1},
      {"crash", TrialStatus::Crash, "signal 11", 1},
      {"hang", TrialStatus::Hang, "no answer within 4 s", 2},
      {"outside", TrialStatus::OutOfBounds, "the memory around a tensor has changed", 3},
      {"good", TrialStatus::Ok, "", 4},
  };
  for (const Case &expected : cases) {
    Measurement measurement = measure(measurer, request(expected.fault));
    EXPECT_EQ(measurement.status, expected.status) << expected.fault << ": " << measurement.detail;
    EXPECT_NE(measurement.detail.find(expected.detail), std::string::npos) << measurement.detail;
    EXPECT_EQ(measurement.samplesNs.empty(), expected.status != TrialStatus::Ok) << expected.fault;
    EXPECT_EQ(measurer.runnersStarted(), expected.runners) << expected.fault;
  }
}

TEST_F(MeasureTest, TestHooksActOnTheNumberedCandidates) {
  Hook corrupt("TEGULA_TEST_CORRUPT_CANDIDATE", "2,12");
  Hook crash("TEGULA_TEST_CRASH_CANDIDATE", "3");
  Hook hang("TEGULA_TEST_HANG_CANDIDATE", "4");
  Measurer measurer(options());
  std::vector<TrialStatus> statuses;
  for (uint64_t number : {1, 2, 3, 4, 5, 12}) {
    MeasureRequest numbered = request("good");
    numbered.candidate = number;
    statuses.push_back(measure(measurer, numbered).status);
  }
  EXPECT_EQ(statuses, (std::vector<TrialStatus>{TrialStatus::Ok, TrialStatus::WrongResult, TrialStatus::Crash,
                                                TrialStatus::Hang, TrialStatus::Ok, TrialStatus::WrongResult}));
}

TEST_F(MeasureTest, AFaultyReferenceIsAnError) {
  Measurer measurer(options());
  auto failure = [&](const char *reference) { return message(measurer.measure(request("good", reference))); };
  EXPECT_EQ(failure("crash"), artifactPath("crash") + ": expected the reference to be computed, but got signal 11 "
                                                      "(Segmentation fault)");
  EXPECT_EQ(failure("hang"),
            artifactPath("hang") + ": expected the reference to be computed, but got no answer within 6 s");
  std::string refused = failure("status");
  EXPECT_EQ(refused.find(artifactPath("status") + ": expected the reference to accept seeded inputs, but got: "), 0u);
  EXPECT_NE(refused.find("index out of range"), std::string::npos) << refused;
  EXPECT_EQ(failure("dynamic"), artifactPath("dynamic") +
                                    ": expected a static shape and an element type of fixed size for "
                                    "input 0, but got a dynamic shape or type 1");
  EXPECT_EQ(measure(measurer, request("good")).status, TrialStatus::Ok);
}

TEST_F(MeasureTest, TheReferenceIsComputedOnce) {
  Measurer first(options());
  EXPECT_EQ(measure(first, request("good")).status, TrialStatus::Ok);
  EXPECT_TRUE(llvm::sys::fs::exists(folder.file("good.reference")));
  // Another runner reads the file; the reference artifact is not needed any more.
  Measurer second(options());
  MeasureRequest without = request("good");
  without.reference = artifactPath("absent");
  EXPECT_EQ(measure(second, without).status, TrialStatus::Ok);
  without.artifact = artifactPath("wrong");
  EXPECT_EQ(measure(second, without).status, TrialStatus::WrongResult);
}

TEST_F(MeasureTest, TheToleranceIsRelativeToTheOutputsMagnitude) {
  Measurer measurer(options());
  MeasureRequest off = request("wrong");
  off.tolerance.relative = 1;
  EXPECT_EQ(measure(measurer, off).status, TrialStatus::Ok);
  off.tolerance.relative = 0;
  EXPECT_EQ(measure(measurer, off).status, TrialStatus::WrongResult);
}

TEST_F(MeasureTest, DynamicShapesAreGivenBySizes) {
  Measurer measurer(options());
  MeasureRequest sized = request("dynamic", "dynamic");
  sized.inputShapes = {{1000}, {1000}};
  EXPECT_EQ(measure(measurer, sized).status, TrialStatus::Ok);
  MeasureRequest odd = request("dynamic", "dynamic");
  odd.referenceOutputs = folder.file("odd.reference");
  odd.inputShapes = {{1000}};
  EXPECT_NE(message(measurer.measure(odd)).find("expected shapes of 2 inputs, but got 1"), std::string::npos);
}

TEST_F(MeasureTest, SeveralWorkersComputeTheSame) {
  Measurer measurer(options());
  MeasureRequest parallel = request("good");
  parallel.threads = 2;
  Measurement measurement = measure(measurer, parallel);
  EXPECT_EQ(measurement.status, TrialStatus::Ok) << measurement.detail;
}

TEST_F(MeasureTest, ARunnerThatCannotStartIsAnError) {
  MeasureOptions missing = options();
  missing.runner = {folder.file("no-such-program")};
  Measurer measurer(missing);
  EXPECT_EQ(message(measurer.measure(request("good"))),
            "expected the runner '" + folder.file("no-such-program") + "' to answer, but got exit code 127");
  Measurer empty((MeasureOptions()));
  EXPECT_EQ(message(empty.measure(request("good"))), "expected the command of a runner, but got none");
}

TEST_F(MeasureTest, StoppingAbandonsAHangingCandidateAtOnce) {
  std::atomic<bool> stop{false};
  MeasureOptions stoppable = options();
  stoppable.stop = &stop;
  stoppable.candidateLimitSeconds = 60;
  Measurer measurer(stoppable);
  std::thread interrupt([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop = true;
  });
  auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(valueOf(measurer.measure(request("hang"))));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  interrupt.join();
}

TEST(Device, DescribesThisMachineTheSameEveryTime) {
  Device device = describeHost();
  EXPECT_EQ(device.key, describeHost().key);
  EXPECT_EQ(device.key.find(device.deviceClass), 0u);
  EXPECT_NE(device.description.find("\"features\":["), std::string::npos);
}

} // namespace
