// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How long a warm lookup takes: `benchmark-lookup FILE`, a new database that it fills with 100 kernels of 2,000 trials
// each. Prints the median and the 99th percentile of single lookups, in microseconds, by the rung that answers.
//
#include "tegula/Tuner/Select/ScheduleLookup.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>

using namespace tegula::tuner;

static constexpr int kernelCount = 100, trialCount = 2000;
static const Device device{"device", "class", "{}"}, twin{"twin", "class", "{}"};

static std::string signatureOf(int kernel) {
  std::string extent = std::to_string(kernel + 16);
  return "tegula-kernel 1; operands f32[" + extent + ",48]{48,1}; v1 = tensor.empty() -> tensor[" + extent + ",48]f32";
}

/// Kernels by number modulo 4: selected here; not selected; selected with another toolchain; selected on a twin.
static llvm::Error fill(Database &database) {
  llvm::Error error = llvm::joinErrors(database.addDevice(device), database.addDevice(twin));
  error = llvm::joinErrors(std::move(error), database.addSpace("space", "space"));
  for (int kernel = 0; kernel < kernelCount && !error; ++kernel) {
    std::string key = "kernel" + std::to_string(kernel);
    error = database.addWorkload({key, "family", signatureOf(kernel)});
    for (int number = 0; number < trialCount && !error; ++number) {
      Trial trial;
      trial.conditions = {key, kernel % 4 == 3 ? twin.key : device.key, "target", "space", 1, ""};
      trial.toolchain = kernel % 4 == 2 ? "old" : "new";
      trial.configuration = trial.schedule = "#sched.test<tile = " + std::to_string(number) + ">";
      trial.samplesNs = {1e6 - number, 1e6 - number, 1e6, 1e6 + number, 1e6 + number};
      trial.createdMs = number + 1;
      llvm::Expected<int64_t> id = database.record(trial);
      if (!id)
        return id.takeError();
      if (kernel % 4 != 1 && number == trialCount / 2)
        error = database.select(*id, "of the benchmark");
    }
  }
  return error;
}

static llvm::Error measure(const Database &database) {
  ScheduleLookup lookup(database, {"", device, "target", 1, "new"});
  std::vector<double> times[6];
  for (int round = 0; round < 200; ++round)
    for (int kernel = 0; kernel < kernelCount + 20; ++kernel) {
      // Beyond the last there are kernels that nobody tuned.
      std::string key = "kernel" + std::to_string(kernel), signature = signatureOf(kernel);
      auto begin = std::chrono::steady_clock::now();
      llvm::Expected<std::vector<RungAnswer>> answers =
          lookup.ask(key, "family", [&] { return signature; }, [](llvm::StringRef) { return std::string(); });
      std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - begin;
      if (!answers)
        return answers.takeError();
      if (round > 0)
        times[static_cast<int>(answers->back().rung)].push_back(elapsed.count());
    }
  for (int rung = 0; rung < 6; ++rung) {
    std::vector<double> &sorted = times[rung];
    std::sort(sorted.begin(), sorted.end());
    if (!sorted.empty())
      llvm::outs() << llvm::format("%-16s median %6.1f us, 99 %% within %6.1f us\n",
                                   rungText(static_cast<Rung>(rung)).str().c_str(), sorted[sorted.size() / 2],
                                   sorted[sorted.size() * 99 / 100]);
  }
  return llvm::Error::success();
}

int main(int argumentCount, char **arguments) {
  if (argumentCount != 2) {
    llvm::errs() << "usage: benchmark-lookup FILE\n";
    return 2;
  }
  llvm::Expected<std::unique_ptr<Database>> database = Database::open(arguments[1], Database::Mode::ReadWrite);
  llvm::Error error = database ? fill(**database) : database.takeError();
  if (!error)
    error = measure(**database);
  if (error) {
    llvm::errs() << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  return 0;
}
