// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the processor can do at most, as other benchmarks ask for it between their own turns:
//
//   benchmark-peak fma THREADS SECONDS     independent vector multiply-adds in registers: GFLOP/s of all threads
//   benchmark-peak read THREADS SECONDS    sums over a block of memory far bigger than the caches: GB/s of all threads
//
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int lanes = 16, sums = 24;
#elif defined(__AVX2__)
constexpr int lanes = 8, sums = 12;
#else
constexpr int lanes = 4, sums = 12;
#endif
using Vector = float __attribute__((vector_size(lanes * sizeof(float))));

/// Elements of the block that is read.
constexpr size_t blockElements = size_t(16) << 20;

/// A block in large pages, where the system has them.
static float *makeBlock() {
  size_t bytes = blockElements * sizeof(float);
  auto *memory = static_cast<float *>(std::aligned_alloc(size_t(2) << 20, bytes));
  madvise(memory, bytes, MADV_HUGEPAGE);
  std::fill_n(memory, blockElements, 1.0f);
  return memory;
}

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Keeps the value, and what the compiler knows of it from before is forgotten.
static void keep(Vector &value) {
#if defined(__x86_64__)
  __asm__ volatile("" : "+v"(value));
#else
  __asm__ volatile("" : "+w"(value));
#endif
}

/// Operations that were done.
static double multiplyAdd(int64_t rounds) {
  Vector x = {}, y = {}, sum[sums] = {};
  x += 1e-3f;
  y += 1e-3f;
  keep(x);
  keep(y);
#pragma clang loop unroll(full)
  for (int i = 0; i < sums; ++i)
    keep(sum[i]); // else equal sums become one
  for (int64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int i = 0; i < sums; ++i)
      sum[i] = __builtin_elementwise_fma(x, y, sum[i]);
#pragma clang loop unroll(full)
  for (int i = 0; i < sums; ++i)
    keep(sum[i]);
  return 2.0 * lanes * sums * static_cast<double>(rounds);
}

/// Bytes that were read.
static double readAll(const float *memory) {
  Vector sum[8] = {};
  for (size_t i = 0; i < blockElements; i += 8 * lanes)
#pragma clang loop unroll(full)
    for (size_t k = 0; k < 8; ++k) {
      Vector value;
      std::memcpy(&value, &memory[i + k * lanes], sizeof(value));
      sum[k] += value;
    }
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; ++i)
    keep(sum[i]);
  return static_cast<double>(blockElements * sizeof(float));
}

int main(int argc, char **argv) {
  bool reads = argc == 4 && !std::strcmp(argv[1], "read");
  if (argc != 4 || (!reads && std::strcmp(argv[1], "fma") != 0)) {
    std::fputs("usage: benchmark-peak fma|read THREADS SECONDS\n", stderr);
    return 2;
  }
  int count = std::max(1, std::atoi(argv[2]));
  double seconds = std::atof(argv[3]);
  std::vector<double> rates(static_cast<size_t>(count));
  std::atomic<int> waiting{count};
  std::vector<std::thread> threads;
  for (double &rate : rates)
    threads.emplace_back([&] {
      float *memory = reads ? makeBlock() : nullptr;
      multiplyAdd(1000000); // until the clock has settled
      for (--waiting; waiting.load() > 0;)
        ;
      // The median of many short turns: other programs that interrupt one do not count.
      std::vector<double> samples;
      for (double begin = now(), end = begin; samples.empty() || end < begin + seconds;) {
        double start = now(), done = reads ? readAll(memory) : multiplyAdd(10000);
        end = now();
        samples.push_back(done / (end - start) / 1e9);
      }
      std::free(memory);
      std::nth_element(samples.begin(), samples.begin() + static_cast<int64_t>(samples.size() / 2), samples.end());
      rate = samples[samples.size() / 2];
    });
  double all = 0;
  for (std::thread &thread : threads)
    thread.join();
  for (double rate : rates)
    all += rate;
  std::printf("%.3f\n", all);
  return 0;
}
