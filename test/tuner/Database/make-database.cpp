// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// make-database FILE: a small database for the tests of `tegula db`: two kernels, four trials of one, two failed.
//
#include "tegula/Tuner/Database/Database.h"

#include "llvm/Support/raw_ostream.h"

using namespace tegula::tuner;

static llvm::Error fill(llvm::StringRef path) {
  llvm::Expected<std::unique_ptr<Database>> database = Database::open(path, Database::Mode::ReadWrite);
  if (!database)
    return database.takeError();
  if (llvm::Error error = (*database)->addDevice({"cpu-a-8c16t", "cpu-a", "{\"cpu\":\"a\"}"}))
    return error;
  if (llvm::Error error = (*database)->addWorkload({"00aa", "cpu_matmul", "matmul 1 f32[64,64] f32[64,64]"}))
    return error;
  if (llvm::Error error = (*database)->addWorkload({"00bb", "cpu_map", "map 1 f32[64]"}))
    return error;
  if (llvm::Error error = (*database)->addSpace("5bace", "space test 1\n"))
    return error;
  struct Row {
    const char *schedule;
    TrialStatus status;
    double ns;
  };
  int64_t chosen = 0;
  for (const Row &row :
       {Row{"#sched.test<tile = 8>", TrialStatus::Ok, 2000}, Row{"#sched.test<tile = 16>", TrialStatus::Ok, 1000},
        Row{"#sched.test<tile = 32>", TrialStatus::WrongResult, 0},
        Row{"#sched.test<tile = 64>", TrialStatus::Hang, 0}}) {
    Trial trial;
    trial.conditions = {"00aa", "cpu-a-8c16t", "x86-64-v3", "5bace", 1, ""};
    trial.toolchain = "tegula 0.1.0";
    trial.configuration = row.schedule;
    trial.schedule = row.schedule;
    trial.status = row.status;
    if (row.status == TrialStatus::Ok)
      trial.samplesNs = {row.ns, row.ns + 1, row.ns - 1, row.ns + 2, row.ns - 2};
    trial.detail = row.status == TrialStatus::Ok ? "" : "as planned";
    trial.createdMs = 1700000000000;
    llvm::Expected<int64_t> id = (*database)->record(trial);
    if (!id)
      return id.takeError();
    if (row.ns == 1000)
      chosen = *id;
  }
  return (*database)->select(chosen, "fastest of 2: 1 us, default 2 us");
}

int main(int argumentCount, char **arguments) {
  if (argumentCount != 2)
    return 2;
  if (llvm::Error error = fill(arguments[1])) {
    llvm::errs() << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  return 0;
}
