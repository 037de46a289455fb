// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "CpuFeatures.h"
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace tegula {
namespace {

#if defined(__x86_64__)

// Which register file must the operating system save before an extension may be used (bits of XCR0)?
enum : uint32_t { saveNothing = 0, saveYmm = 0x6, saveZmm = 0xe6, saveTiles = 0x60000, saveApx = 0x80000 };

enum Register : uint8_t { A, B, C, D };

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register reg;
  uint8_t bit;
  uint32_t saved;
};

// CPUID bits by LLVM's feature names.
constexpr Feature features[] = {
    {"x87", 1, 0, D, 0, saveNothing},
    {"fpu", 1, 0, D, 0, saveNothing},
    {"cx8", 1, 0, D, 8, saveNothing},
    {"cmov", 1, 0, D, 15, saveNothing},
    {"mmx", 1, 0, D, 23, saveNothing},
    {"fxsr", 1, 0, D, 24, saveNothing},
    {"sse", 1, 0, D, 25, saveNothing},
    {"sse2", 1, 0, D, 26, saveNothing},
    {"sse3", 1, 0, C, 0, saveNothing},
    {"pclmul", 1, 0, C, 1, saveNothing},
    {"ssse3", 1, 0, C, 9, saveNothing},
    {"fma", 1, 0, C, 12, saveYmm},
    {"cx16", 1, 0, C, 13, saveNothing},
    {"sse4.1", 1, 0, C, 19, saveNothing},
    {"sse4.2", 1, 0, C, 20, saveNothing},
    {"crc32", 1, 0, C, 20, saveNothing},
    {"movbe", 1, 0, C, 22, saveNothing},
    {"popcnt", 1, 0, C, 23, saveNothing},
    {"aes", 1, 0, C, 25, saveNothing},
    {"xsave", 1, 0, C, 27, saveNothing}, // OSXSAVE: enabled, not only there
    {"avx", 1, 0, C, 28, saveYmm},
    {"f16c", 1, 0, C, 29, saveYmm},
    {"rdrnd", 1, 0, C, 30, saveNothing},
    {"fsgsbase", 7, 0, B, 0, saveNothing},
    {"sgx", 7, 0, B, 2, saveNothing},
    {"bmi", 7, 0, B, 3, saveNothing},
    {"rtm", 7, 0, B, 11, saveNothing},
    {"avx2", 7, 0, B, 5, saveYmm},
    {"bmi2", 7, 0, B, 8, saveNothing},
    {"invpcid", 7, 0, B, 10, saveNothing},
    {"avx512f", 7, 0, B, 16, saveZmm},
    {"evex512", 7, 0, B, 16, saveZmm},
    {"avx512dq", 7, 0, B, 17, saveZmm},
    {"rdseed", 7, 0, B, 18, saveNothing},
    {"adx", 7, 0, B, 19, saveNothing},
    {"avx512ifma", 7, 0, B, 21, saveZmm},
    {"clflushopt", 7, 0, B, 23, saveNothing},
    {"clwb", 7, 0, B, 24, saveNothing},
    {"avx512cd", 7, 0, B, 28, saveZmm},
    {"sha", 7, 0, B, 29, saveNothing},
    {"avx512bw", 7, 0, B, 30, saveZmm},
    {"avx512vl", 7, 0, B, 31, saveZmm},
    {"avx512vbmi", 7, 0, C, 1, saveZmm},
    {"pku", 7, 0, C, 4, saveNothing},
    {"waitpkg", 7, 0, C, 5, saveNothing},
    {"avx512vbmi2", 7, 0, C, 6, saveZmm},
    {"shstk", 7, 0, C, 7, saveNothing},
    {"gfni", 7, 0, C, 8, saveNothing},
    {"vaes", 7, 0, C, 9, saveYmm},
    {"vpclmulqdq", 7, 0, C, 10, saveYmm},
    {"avx512vnni", 7, 0, C, 11, saveZmm},
    {"avx512bitalg", 7, 0, C, 12, saveZmm},
    {"avx512vpopcntdq", 7, 0, C, 14, saveZmm},
    {"rdpid", 7, 0, C, 22, saveNothing},
    {"cldemote", 7, 0, C, 25, saveNothing},
    {"movdiri", 7, 0, C, 27, saveNothing},
    {"movdir64b", 7, 0, C, 28, saveNothing},
    {"enqcmd", 7, 0, C, 29, saveNothing},
    {"uintr", 7, 0, D, 5, saveNothing},
    {"avx512vp2intersect", 7, 0, D, 8, saveZmm},
    {"serialize", 7, 0, D, 14, saveNothing},
    {"tsxldtrk", 7, 0, D, 16, saveNothing},
    {"pconfig", 7, 0, D, 18, saveNothing},
    {"amx-bf16", 7, 0, D, 22, saveTiles},
    {"avx512fp16", 7, 0, D, 23, saveZmm},
    {"amx-tile", 7, 0, D, 24, saveTiles},
    {"amx-int8", 7, 0, D, 25, saveTiles},
    {"sha512", 7, 1, A, 0, saveYmm},
    {"sm3", 7, 1, A, 1, saveYmm},
    {"sm4", 7, 1, A, 2, saveYmm},
    {"raoint", 7, 1, A, 3, saveNothing},
    {"avxvnni", 7, 1, A, 4, saveYmm},
    {"avx512bf16", 7, 1, A, 5, saveZmm},
    {"cmpccxadd", 7, 1, A, 7, saveNothing},
    {"amx-fp16", 7, 1, A, 21, saveTiles},
    {"hreset", 7, 1, A, 22, saveNothing},
    {"avxifma", 7, 1, A, 23, saveYmm},
    {"movrs", 7, 1, A, 31, saveNothing},
    {"avxvnniint8", 7, 1, D, 4, saveYmm},
    {"avxneconvert", 7, 1, D, 5, saveYmm},
    {"amx-complex", 7, 1, D, 8, saveTiles},
    {"avxvnniint16", 7, 1, D, 10, saveYmm},
    {"prefetchi", 7, 1, D, 14, saveNothing},
    {"usermsr", 7, 1, D, 15, saveNothing},
    {"avx10.1", 7, 1, D, 19, saveZmm},
    {"avx10.2", 36, 0, B, 1, saveZmm}, // the low byte is AVX10's version: 2 or 3
    {"egpr", 7, 1, D, 21, saveApx},
    {"push2pop2", 7, 1, D, 21, saveApx},
    {"ppx", 7, 1, D, 21, saveApx},
    {"ndd", 7, 1, D, 21, saveApx},
    {"ccmp", 7, 1, D, 21, saveApx},
    {"nf", 7, 1, D, 21, saveApx},
    {"cf", 7, 1, D, 21, saveApx},
    {"zu", 7, 1, D, 21, saveApx},
    {"xsaveopt", 13, 1, A, 0, saveNothing},
    {"xsavec", 13, 1, A, 1, saveNothing},
    {"xsaves", 13, 1, A, 3, saveNothing},
    {"ptwrite", 20, 0, B, 4, saveNothing},
    {"kl", 25, 0, B, 0, saveNothing},
    {"widekl", 25, 0, B, 2, saveNothing},
    {"amx-fp8", 30, 1, A, 4, saveTiles},
    {"amx-tf32", 30, 1, A, 6, saveTiles},
    {"amx-avx512", 30, 1, A, 7, saveTiles},
    {"amx-movrs", 30, 1, A, 8, saveTiles},
    {"sahf", 0x80000001, 0, C, 0, saveNothing},
    {"lzcnt", 0x80000001, 0, C, 5, saveNothing},
    {"sse4a", 0x80000001, 0, C, 6, saveNothing},
    {"prfchw", 0x80000001, 0, C, 8, saveNothing},
    {"xop", 0x80000001, 0, C, 11, saveYmm},
    {"lwp", 0x80000001, 0, C, 15, saveNothing},
    {"fma4", 0x80000001, 0, C, 16, saveYmm},
    {"tbm", 0x80000001, 0, C, 21, saveNothing},
    {"mwaitx", 0x80000001, 0, C, 29, saveNothing},
    {"64bit", 0x80000001, 0, D, 29, saveNothing},
    {"clzero", 0x80000008, 0, B, 0, saveNothing},
    {"rdpru", 0x80000008, 0, B, 4, saveNothing},
    {"wbnoinvd", 0x80000008, 0, B, 9, saveNothing},
};

uint64_t enabledRegisterFiles() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27)))
    return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t(high) << 32) | low;
}

bool isPresent(const Feature &feature) {
  if ((enabledRegisterFiles() & feature.saved) != feature.saved)
    return false;
  unsigned registers[4];
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &registers[A], &registers[B], &registers[C], &registers[D]))
    return false;
  return (registers[feature.reg] >> feature.bit) & 1;
}

#elif defined(__aarch64__)

struct Feature {
  const char *name;
  unsigned long capability; // AT_HWCAP or AT_HWCAP2
  uint64_t mask;
};

// Bits of the kernel's HWCAP words by LLVM's feature names.
constexpr Feature features[] = {
    {"fp-armv8", AT_HWCAP, 1u << 0},   {"neon", AT_HWCAP, 1u << 1},       {"aes", AT_HWCAP, 1u << 3},
    {"sha2", AT_HWCAP, 1u << 6},       {"crc", AT_HWCAP, 1u << 7},        {"lse", AT_HWCAP, 1u << 8},
    {"fullfp16", AT_HWCAP, 1u << 10},  {"rdm", AT_HWCAP, 1u << 12},       {"jsconv", AT_HWCAP, 1u << 13},
    {"complxnum", AT_HWCAP, 1u << 14}, {"rcpc", AT_HWCAP, 1u << 15},      {"sha3", AT_HWCAP, 1u << 17},
    {"sm4", AT_HWCAP, 1u << 19},       {"dotprod", AT_HWCAP, 1u << 20},   {"sve", AT_HWCAP, 1u << 22},
    {"fp16fml", AT_HWCAP, 1u << 23},   {"rcpc-immo", AT_HWCAP, 1u << 26}, {"flagm", AT_HWCAP, 1u << 27},
    {"sve2", AT_HWCAP2, 1u << 1},      {"i8mm", AT_HWCAP2, 1u << 13},     {"bf16", AT_HWCAP2, 1u << 14},
    {"sme", AT_HWCAP2, 1u << 23},
};

bool isPresent(const Feature &feature) { return getauxval(feature.capability) & feature.mask; }

#endif

/// Calls body(name, length) for each required feature of the list.
template <typename Body> void forEachFeature(const char *list, Body body) {
  while (list && *list) {
    size_t length = strcspn(list, ",");
    const char *name = list;
    list += length;
    if (*list == ',')
      ++list;
    while (length > 0 && (*name == ' ' || *name == '+')) {
      ++name;
      --length;
    }
    while (length > 0 && name[length - 1] == ' ')
      --length;
    if (length > 0 && *name != '-')
      body(name, length);
  }
}

FeatureState look(const char *name, size_t length) {
  for (const Feature &feature : features)
    if (strlen(feature.name) == length && memcmp(feature.name, name, length) == 0)
      return isPresent(feature) ? FeatureState::Present : FeatureState::Absent;
  return FeatureState::Unknown;
}

int requestTiles() {
#if defined(__x86_64__)
  constexpr long requestPermission = 0x1023, tileData = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0 ? 0 : errno;
#else
  return ENOSYS;
#endif
}

bool needsTiles(const char *name, size_t length) { return length >= 4 && memcmp(name, "amx-", 4) == 0; }

} // namespace

const FeatureSource thisMachine = {look, requestTiles};

int missingCpuFeatures(const char *list, Text &missing, const FeatureSource &source) {
  int count = 0;
  bool tiles = false;
  forEachFeature(list, [&](const char *name, size_t length) {
    FeatureState state = source.look(name, length);
    if (state == FeatureState::Present) {
      tiles |= needsTiles(name, length);
      return;
    }
    missing.append("%s%.*s%s", count++ ? ", " : "", static_cast<int>(length), name,
                   state == FeatureState::Unknown ? " (unknown to this runtime)" : "");
  });
  if (count > 0 || !tiles)
    return count;
  // Last, because granted tile registers make the frame of every signal of the process larger for good.
  if (int error = source.requestTiles())
    forEachFeature(list, [&](const char *name, size_t length) {
      if (needsTiles(name, length))
        missing.append("%s%.*s (denied by the operating system: %s)", count++ ? ", " : "", static_cast<int>(length),
                       name, error == ENOSPC ? "the signal stack of a thread is too small" : strerror(error));
    });
  return count;
}

} // namespace tegula
