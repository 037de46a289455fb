// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tests of the database share: three devices, two kernels, trials of the first.
//
#ifndef TEGULA_TEST_TUNER_DATABASE_DATABASEFIXTURES_H
#define TEGULA_TEST_TUNER_DATABASE_DATABASEFIXTURES_H

#include "../Fixtures.h"

#include "tegula/Tuner/Database/Database.h"

#include "llvm/Support/MemoryBuffer.h"

#include <sqlite3.h>

namespace tegula::tuner::test {

using Mode = Database::Mode;

const Device here{"cpu-a/8", "cpu-a", "{}"};
const Device twin{"cpu-a/4", "cpu-a", "{}"};
const Device other{"cpu-b/8", "cpu-b", "{}"};

inline std::unique_ptr<Database> openForWriting(const std::string &path) {
  std::unique_ptr<Database> database = valueOf(Database::open(path, Mode::ReadWrite));
  if (!database)
    return nullptr;
  for (const Device &device : {here, twin, other})
    EXPECT_EQ(message(database->addDevice(device)), "");
  EXPECT_EQ(message(database->addWorkload({"k1", "matmul", "matmul f32 [8,8]"})), "");
  EXPECT_EQ(message(database->addWorkload({"k2", "map", "map \"add\""})), "");
  EXPECT_EQ(message(database->addSpace("s1", "space test 1\n")), "");
  return database;
}

inline Trial goodTrial(const std::string &schedule, double ns, const Device &device = here) {
  Trial trial;
  trial.conditions = {"k1", device.key, "x86-64-v4", "s1", 1, ""};
  trial.toolchain = "tegula 0.1.0";
  trial.configuration = "tile = 1";
  trial.schedule = schedule;
  trial.samplesNs = {ns + 2, ns - 1, ns, ns + 1, ns - 2};
  trial.artifactHash = "c0de";
  trial.seed = 0xffffffffffffffffull;
  return trial;
}

inline Trial failedTrial(TrialStatus status) {
  Trial trial = goodTrial("#sched.bad", 1);
  trial.samplesNs.clear();
  trial.status = status;
  trial.detail = "signal 11";
  return trial;
}

/// Runs SQL on the file behind the library's back.
inline void tamper(const std::string &path, const char *sql) {
  sqlite3 *connection = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
  char *error = nullptr;
  EXPECT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, &error), SQLITE_OK) << error;
  sqlite3_close(connection);
}

inline std::string bytesOf(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

} // namespace tegula::tuner::test

#endif // TEGULA_TEST_TUNER_DATABASE_DATABASEFIXTURES_H
