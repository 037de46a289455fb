// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runner as a program of its own, for tests of the tuner's libraries.
//
#include "tegula/Tuner/Measure/Measure.h"

#include <cstdlib>

int main(int argumentCount, char **arguments) {
  return argumentCount == 2 ? tegula::tuner::runnerMain(std::atoi(arguments[1])) : 2;
}
