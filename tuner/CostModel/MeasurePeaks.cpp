// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Measures the peaks of this machine: loops of single instructions, written down as such, so that what is measured does
// not depend on the compiler; one function for each instruction and width of vectors, which runs only where the machine
// has it.
//
#include "tegula/Tuner/CostModel/MachinePeaks.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <sched.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace tegula;
using namespace tegula::tuner;

using Clock = std::chrono::steady_clock;

static double nanosecondsOf(const std::function<void()> &work) {
  Clock::time_point begin = Clock::now();
  work();
  return std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

namespace {
template <int bits> using Vector = float __attribute__((vector_size(bits / 8)));

/// Runs `rounds` rounds of a chain, or of twelve independent ones.
using InstructionLoop = void (*)(int64_t rounds, bool chain);
constexpr int chains = 12;

struct MeasuredInstruction {
  Instruction instruction;
  int64_t bits;
  bool exists;
  InstructionLoop loop;
};
} // namespace

/// `text` computes %0 of itself, of %1 and of %2, and may use %3; `features` are the target's that it needs.
#define TEGULA_INSTRUCTION_LOOP(name, bits, features, register, text)                                                  \
  __attribute__((target(features))) static void name(int64_t rounds, bool chain) {                                     \
    Vector<bits> x = {}, y = {}, rest, sums[chains] = {};                                                              \
    __asm__ volatile("" : "+" register(x), "+" register(y));                                                           \
    if (chain) {                                                                                                       \
      for (int64_t round = 0; round < rounds; ++round)                                                                 \
        __asm__ volatile(text : "+" register(sums[0]), "+" register(x), "+" register(y), "=&" register(rest));         \
      return;                                                                                                          \
    }                                                                                                                  \
    for (int64_t round = 0; round < rounds; ++round)                                                                   \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < chains; ++i) __asm__ volatile(                            \
          text : "+" register(sums[i]), "+" register(x), "+" register(y), "=&" register(rest));                        \
  }

#if defined(__x86_64__)

TEGULA_INSTRUCTION_LOOP(multiplyAdd128, 128, "sse2", "x", "movaps %1, %3\n\tmulps %2, %3\n\taddps %3, %0")
TEGULA_INSTRUCTION_LOOP(multiplyAdd256, 256, "avx2,fma", "x", "vfmadd231ps %1, %2, %0")
TEGULA_INSTRUCTION_LOOP(multiplyAdd512, 512, "avx512f", "v", "vfmadd231ps %1, %2, %0")
TEGULA_INSTRUCTION_LOOP(double128, 128, "sse2", "x", "movaps %1, %3\n\tmulpd %2, %3\n\taddpd %3, %0")
TEGULA_INSTRUCTION_LOOP(double256, 256, "avx2,fma", "x", "vfmadd231pd %1, %2, %0")
TEGULA_INSTRUCTION_LOOP(double512, 512, "avx512f", "v", "vfmadd231pd %1, %2, %0")
TEGULA_INSTRUCTION_LOOP(integer128, 128, "sse4.1", "x", "movaps %1, %3\n\tpmulld %2, %3\n\tpaddd %3, %0")
TEGULA_INSTRUCTION_LOOP(integer256, 256, "avx2", "x", "vpmulld %1, %2, %3\n\tvpaddd %3, %0, %0")
TEGULA_INSTRUCTION_LOOP(integer512, 512, "avx512f", "v", "vpmulld %1, %2, %3\n\tvpaddd %3, %0, %0")
TEGULA_INSTRUCTION_LOOP(pair128, 128, "sse2", "x", "movaps %1, %3\n\tpmaddwd %2, %3\n\tpaddd %3, %0")
TEGULA_INSTRUCTION_LOOP(pair256, 256, "avx2", "x", "vpmaddwd %1, %2, %3\n\tvpaddd %3, %0, %0")
TEGULA_INSTRUCTION_LOOP(pair512, 512, "avx512bw", "v", "vpmaddwd %1, %2, %3\n\tvpaddd %3, %0, %0")
TEGULA_INSTRUCTION_LOOP(byte256, 256, "avx512vnni,avx512vl", "v", "vpdpbusd %1, %2, %0")
TEGULA_INSTRUCTION_LOOP(byte512, 512, "avx512vnni", "v", "vpdpbusd %1, %2, %0")
TEGULA_INSTRUCTION_LOOP(bfloat512, 512, "avx512bf16", "v", "vdpbf16ps %1, %2, %0")
TEGULA_INSTRUCTION_LOOP(simple128, 128, "sse2", "x", "addps %1, %0")
TEGULA_INSTRUCTION_LOOP(simple256, 256, "avx2", "x", "vaddps %1, %0, %0")
TEGULA_INSTRUCTION_LOOP(simple512, 512, "avx512f", "v", "vaddps %1, %0, %0")

static std::vector<MeasuredInstruction> findInstructions() {
  __builtin_cpu_init();
  bool sse41 = __builtin_cpu_supports("sse4.1"), avx2 = __builtin_cpu_supports("avx2"),
       fma = avx2 && __builtin_cpu_supports("fma"), avx512 = __builtin_cpu_supports("avx512f"),
       avx512bw = __builtin_cpu_supports("avx512bw"), vnni = __builtin_cpu_supports("avx512vnni"),
       vl = __builtin_cpu_supports("avx512vl"), bfloat = __builtin_cpu_supports("avx512bf16");
  return {{Instruction::MultiplyAdd32, 128, true, multiplyAdd128},
          {Instruction::MultiplyAdd32, 256, fma, multiplyAdd256},
          {Instruction::MultiplyAdd32, 512, avx512, multiplyAdd512},
          {Instruction::MultiplyAdd64, 128, true, double128},
          {Instruction::MultiplyAdd64, 256, fma, double256},
          {Instruction::MultiplyAdd64, 512, avx512, double512},
          {Instruction::MultiplyAddInteger, 128, sse41, integer128},
          {Instruction::MultiplyAddInteger, 256, avx2, integer256},
          {Instruction::MultiplyAddInteger, 512, avx512, integer512},
          {Instruction::PairDot, 128, true, pair128},
          {Instruction::PairDot, 256, avx2, pair256},
          {Instruction::PairDot, 512, avx512bw, pair512},
          {Instruction::ByteDot, 256, vnni && vl, byte256},
          {Instruction::ByteDot, 512, vnni, byte512},
          {Instruction::BFloatDot, 512, bfloat, bfloat512},
          {Instruction::Simple, 128, true, simple128},
          {Instruction::Simple, 256, avx2, simple256},
          {Instruction::Simple, 512, avx512, simple512}};
}

template <int bits> static inline __attribute__((always_inline)) void loadFrom(const char *address) {
  if constexpr (bits == 512)
    __asm__ volatile("vmovups %0, %%zmm0" : : "m"(*address) : "xmm0");
  else if constexpr (bits == 256)
    __asm__ volatile("vmovups %0, %%ymm0" : : "m"(*address) : "xmm0");
  else if constexpr (bits == 128)
    __asm__ volatile("movups %0, %%xmm0" : : "m"(*address) : "xmm0");
  else
    __asm__ volatile("movss %0, %%xmm0" : : "m"(*address) : "xmm0");
}

static void addDependent(int64_t rounds) {
  for (int64_t value = 0; rounds > 0; --rounds)
    __asm__ volatile("add %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\t"
                     "add %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\tadd %0, %0"
                     : "+r"(value));
}

#else // AArch64

TEGULA_INSTRUCTION_LOOP(multiplyAdd128, 128, "+simd", "w", "fmla %0.4s, %1.4s, %2.4s")
TEGULA_INSTRUCTION_LOOP(double128, 128, "+simd", "w", "fmla %0.2d, %1.2d, %2.2d")
TEGULA_INSTRUCTION_LOOP(integer128, 128, "+simd", "w", "mla %0.4s, %1.4s, %2.4s")
TEGULA_INSTRUCTION_LOOP(byte128, 128, "+dotprod", "w", "sdot %0.4s, %1.16b, %2.16b")
TEGULA_INSTRUCTION_LOOP(simple128, 128, "+simd", "w", "fadd %0.4s, %0.4s, %1.4s")

static std::vector<MeasuredInstruction> findInstructions() {
  __builtin_cpu_init();
  return {{Instruction::MultiplyAdd32, 128, true, multiplyAdd128},
          {Instruction::MultiplyAdd64, 128, true, double128},
          {Instruction::MultiplyAddInteger, 128, true, integer128},
          {Instruction::ByteDot, 128, bool(__builtin_cpu_supports("dotprod")), byte128},
          {Instruction::Simple, 128, true, simple128}};
}

template <int bits> static inline __attribute__((always_inline)) void loadFrom(const char *address) {
  if constexpr (bits == 128)
    __asm__ volatile("ldr q0, %0" : : "m"(*address) : "v0");
  else
    __asm__ volatile("ldr s0, %0" : : "m"(*address) : "v0");
}

static void addDependent(int64_t rounds) {
  for (int64_t value = 0; rounds > 0; --rounds)
    __asm__ volatile("add %0, %0, %0\n\tadd %0, %0, %0\n\tadd %0, %0, %0\n\tadd %0, %0, %0\n\t"
                     "add %0, %0, %0\n\tadd %0, %0, %0\n\tadd %0, %0, %0\n\tadd %0, %0, %0"
                     : "+r"(value));
}

#endif

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Reads all of the block in vectors of `bits` bits: the first element of each when they are those of one element.
template <int bits> static void readAll(const char *memory, int64_t bytes) {
  constexpr int64_t step = 64, together = bits <= 64 ? 16 : step * 8 / bits;
  for (int64_t at = 0; at < bytes; at += step)
#pragma clang loop unroll(full)
    for (int64_t part = 0; part < together; ++part)
      loadFrom<bits>(memory + at + part * (step / together));
}

using Read = void (*)(const char *, int64_t);

static Read widestRead() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return readAll<512>;
  if (__builtin_cpu_supports("avx2"))
    return readAll<256>;
#endif
  return readAll<128>;
}

/// As Linux tells it of the first CPU; sysconf(3) multiplies shared caches on some virtual machines.
static std::array<int64_t, cacheLevels> findCaches() {
  MachineModel usual;
  std::array<int64_t, cacheLevels> bytes = {usual.l1Bytes, usual.l2Bytes, usual.l3Bytes};
  for (int index = 0; index < 8; ++index) {
    auto read = [&](const char *what) {
      std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/" + what);
      std::string text;
      file >> text;
      return text;
    };
    int64_t level = 0, kilobytes = 0;
    llvm::StringRef(read("level")).getAsInteger(10, level);
    llvm::StringRef(read("size")).rtrim('K').getAsInteger(10, kilobytes);
    if (level >= 1 && level <= int64_t(cacheLevels) && kilobytes > 0 && read("type") != "Instruction")
      bytes[level - 1] = kilobytes << 10;
  }
  bytes[2] = std::max(bytes[2], bytes[1]); // there may be no third one
  return bytes;
}

namespace {
/// Memory in large pages, where the system has them.
class Block {
public:
  explicit Block(int64_t size) : bytes(size) {
    void *found =
        mmap(nullptr, size_t(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED)
      llvm::report_bad_alloc_error("no memory to measure");
    memory = static_cast<char *>(found);
    madvise(memory, size_t(bytes), MADV_HUGEPAGE);
    std::fill_n(memory, bytes, char(1));
  }
  ~Block() { munmap(memory, size_t(bytes)); }
  Block(const Block &) = delete;
  Block &operator=(const Block &) = delete;
  const char *get() const { return memory; }

private:
  int64_t bytes;
  char *memory;
};

/// The same figure again and again, of which the best counts.
struct Turn {
  std::function<double()> measure;
  double *best;
};
} // namespace

//===----------------------------------------------------------------------===//
// Calls and threads
//===----------------------------------------------------------------------===//

/// Stands for a kernel, as artifacts call them.
static __attribute__((noinline)) int32_t callee(int32_t, int32_t, void *const *, const int64_t *, void *) {
  __asm__ volatile("");
  return 0;
}

static double measureCall() {
  constexpr int64_t count = 10000;
  auto *volatile kernel = callee;
  return nanosecondsOf([&] {
           for (int64_t i = 0; i < count; ++i)
             kernel(0, 1, nullptr, nullptr, nullptr);
         }) /
         double(count);
}

/// Moves this thread to a CPU of its own: the one that it runs on, or with `other` another one, where there is one.
static void pinThread(int cpu, bool other) {
  cpu_set_t allowed, chosen;
  CPU_ZERO(&chosen);
  if (sched_getaffinity(0, sizeof(allowed), &allowed))
    return;
  for (int candidate = 0; candidate < CPU_SETSIZE; ++candidate)
    if (CPU_ISSET(candidate, &allowed) && (candidate == cpu) != other && CPU_COUNT(&chosen) == 0)
      CPU_SET(candidate, &chosen);
  if (CPU_COUNT(&chosen) == 1)
    sched_setaffinity(0, sizeof(chosen), &chosen);
}

/// Nanoseconds until another thread that watches for work has seen some and its answer is here. The best of short
/// turns, since both threads may have to share their CPUs with other programs.
static double measureHandOver() {
  constexpr int64_t turns = 100, together = 16;
  cpu_set_t before;
  bool restores = !sched_getaffinity(0, sizeof(before), &before);
  int cpu = sched_getcpu();
  pinThread(cpu, /*other=*/false);
  auto await = [](const std::atomic<int64_t> &word, int64_t value) {
    for (int64_t turn = 1; word.load(std::memory_order_acquire) != value; ++turn)
      if (turn % 4096 == 0)
        std::this_thread::yield();
  };
  alignas(128) std::atomic<int64_t> posted{0};
  alignas(128) std::atomic<int64_t> done{0};
  std::thread worker([&] {
    if (restores)
      sched_setaffinity(0, sizeof(before), &before);
    pinThread(cpu, /*other=*/true);
    for (int64_t i = 1; i <= turns * together; ++i) {
      await(posted, i);
      done.store(i, std::memory_order_release);
    }
  });
  double best = std::numeric_limits<double>::infinity();
  int64_t number = 0;
  for (int64_t turn = 0; turn < turns; ++turn) {
    double all = nanosecondsOf([&] {
      for (int64_t i = 0; i < together; ++i) {
        posted.store(++number, std::memory_order_release);
        await(done, number);
      }
    });
    best = std::min(best, all / double(together));
  }
  worker.join();
  if (restores)
    sched_setaffinity(0, sizeof(before), &before);
  return best;
}

//===----------------------------------------------------------------------===//
// All of it
//===----------------------------------------------------------------------===//

MachinePeaks tuner::measurePeaks() {
  constexpr int rounds = 8;
  constexpr int64_t largest = int64_t(256) << 20;
  MachinePeaks peaks;
  peaks.cacheBytes = findCaches();
  std::vector<Turn> turns;
  auto add = [&](double *best, std::function<double()> measure) { turns.push_back({std::move(measure), best}); };

  for (const MeasuredInstruction &own : findInstructions()) {
    if (!own.exists)
      continue;
    MachinePeaks::Rate &rate = peaks.instructions[{own.instruction, own.bits}];
    constexpr int64_t count = 40000;
    add(&rate.throughputNs, [loop = own.loop] {
      return nanosecondsOf([&] { loop(count / chains, /*chain=*/false); }) / double(count / chains * chains);
    });
    add(&rate.latencyNs,
        [loop = own.loop] { return nanosecondsOf([&] { loop(count / 4, /*chain=*/true); }) / double(count / 4); });
  }
  add(&peaks.cycleNs, [] { return nanosecondsOf([] { addDependent(10000); }) / 80000; });

  // Of each level: a block between its size and that of the level before.
  const auto &caches = peaks.cacheBytes;
  int64_t beyond = std::min(2 * caches[2], largest);
  Block block(beyond);
  auto between = [](int64_t small, int64_t large) { return int64_t(std::sqrt(double(small) * double(large))); };
  const int64_t sizes[] = {caches[0] / 2, between(caches[0], caches[1]),
                           between(caches[1], std::min(caches[2], beyond)), beyond};
  auto read = [&](Read reader, int64_t bytes, int64_t total) {
    bytes = std::max<int64_t>(bytes / 64 * 64, 64);
    int64_t passes = std::max<int64_t>(total / bytes, 1);
    reader(block.get(), bytes); // into its cache
    double ns = nanosecondsOf([&] {
      for (int64_t pass = 0; pass < passes; ++pass)
        reader(block.get(), bytes);
    });
    return ns / double(passes * bytes);
  };
  std::array<double, cacheLevels + 1> nsPerByte = {};
  for (unsigned level = 0; level <= cacheLevels; ++level)
    add(&nsPerByte[level], [&, level] { return read(widestRead(), sizes[level], int64_t(16) << 20); });
  double elementNs = 0; // of a byte, as if 16 elements filled a line
  add(&elementNs, [&] { return read(readAll<32>, sizes[0], int64_t(1) << 20); });
  add(&peaks.callNs, measureCall);
  add(&peaks.handOverNs, measureHandOver);

  addDependent(1000000); // until the clock has settled
  for (int round = 0; round < rounds; ++round)
    for (const Turn &turn : turns) {
      double value = turn.measure();
      if (round == 0 || value < *turn.best)
        *turn.best = value;
    }
  for (auto [rate, ns] : llvm::zip(peaks.readBytesPerNs, nsPerByte))
    rate = 1 / ns;
  peaks.elementLoadNs = elementNs * 64 / 16;
  return peaks;
}
