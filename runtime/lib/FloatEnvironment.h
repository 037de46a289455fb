// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels compute in the default floating-point environment (round to nearest, denormals kept), whatever the thread
// they run on is set to: an application compiled with -ffast-math flushes denormals in every thread it starts.
#ifndef TEGULA_RUNTIME_FLOATENVIRONMENT_H
#define TEGULA_RUNTIME_FLOATENVIRONMENT_H

#include <stdint.h>

namespace tegula {

class DefaultFloatEnvironment {
public:
  DefaultFloatEnvironment() : saved(read()) {
    if ((saved & controlBits) != defaultControl)
      write((saved & ~controlBits) | defaultControl);
  }
  ~DefaultFloatEnvironment() {
    if ((saved & controlBits) != defaultControl)
      write(saved);
  }
  DefaultFloatEnvironment(const DefaultFloatEnvironment &) = delete;
  DefaultFloatEnvironment &operator=(const DefaultFloatEnvironment &) = delete;

private:
#if defined(__x86_64__)
  using Word = uint32_t;
  static constexpr Word controlBits = 0xffc0;    // MXCSR: flush to zero, rounding, masks, denormals are zero
  static constexpr Word defaultControl = 0x1f80; // all exceptions masked
  static Word read() { return __builtin_ia32_stmxcsr(); }
  static void write(Word value) { __builtin_ia32_ldmxcsr(value); }
#elif defined(__aarch64__)
  using Word = uint64_t;
  static constexpr Word controlBits = 0x7ff9f07; // FPCR: NaN mode, flush to zero, rounding, traps
  static constexpr Word defaultControl = 0;
  static Word read() {
    Word value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void write(Word value) { __asm__ volatile("msr fpcr, %0" : : "r"(value)); }
#endif
  Word saved;
};

} // namespace tegula
#endif
