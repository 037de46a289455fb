// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which features of a list are missing, and when the operating system is asked for the tile registers.
//
#include "CpuFeatures.h"

#include "gtest/gtest.h"
#include <cerrno>
#include <cstring>
#include <string>
#include <unistd.h>
#if defined(__x86_64__)
#include <sys/syscall.h>
#endif

using namespace tegula;

namespace {

int answer = 0, questions = 0;

/// A machine with every feature of the 1990s and tile registers.
const FeatureSource machine = {[](const char *name, size_t length) {
                                 std::string text(name, length);
                                 if (text == "sse2" || text == "amx-tile" || text == "amx-int8")
                                   return FeatureState::Present;
                                 return text == "avx" ? FeatureState::Absent : FeatureState::Unknown;
                               },
                               [] {
                                 ++questions;
                                 return answer;
                               }};

class RuntimeFeatures : public testing::Test {
protected:
  void SetUp() override { answer = questions = 0; }

  std::string missing(const char *list, int expected) {
    Text text;
    EXPECT_EQ(missingCpuFeatures(list, text, machine), expected) << list;
    return text.get();
  }
};

TEST_F(RuntimeFeatures, GrantedTiles) {
  EXPECT_EQ(missing("sse2,amx-tile,amx-int8", 0), "");
  EXPECT_EQ(questions, 1);
}

TEST_F(RuntimeFeatures, DeniedTilesAreMissing) {
  answer = EPERM;
  EXPECT_EQ(missing("sse2, +amx-tile,amx-int8", 2),
            std::string("amx-tile (denied by the operating system: ") + strerror(EPERM) +
                "), amx-int8 (denied by the operating system: " + strerror(EPERM) + ")");
  answer = ENOSPC;
  EXPECT_EQ(missing("amx-tile", 1),
            "amx-tile (denied by the operating system: the signal stack of a thread is too small)");
  // The next level does without them.
  EXPECT_EQ(missing("sse2,-amx-tile", 0), "");
  EXPECT_EQ(questions, 2);
}

TEST_F(RuntimeFeatures, NobodyAsksForTilesInVain) {
  EXPECT_EQ(missing("sse2", 0), "");
  EXPECT_EQ(missing("", 0), "");
  EXPECT_EQ(missing("avx,amx-tile", 1), "avx");
  EXPECT_EQ(missing("amx-tile,future", 1), "future (unknown to this runtime)");
  EXPECT_EQ(questions, 0);
}

#if defined(__x86_64__)
/// The operating system's own account of what it granted agrees with its answer.
TEST_F(RuntimeFeatures, ThisMachine) {
  bool granted = thisMachine.requestTiles() == 0;
  uint64_t permitted = 0;
  constexpr long getPermitted = 0x1022; // ARCH_GET_XCOMP_PERM
  if (syscall(SYS_arch_prctl, getPermitted, &permitted) != 0)
    permitted = 0;
  EXPECT_EQ(granted, bool(permitted >> 18 & 1));
  if (thisMachine.look("amx-tile", 8) != FeatureState::Present)
    EXPECT_FALSE(granted);
}
#endif

} // namespace
