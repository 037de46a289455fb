// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `--verify-against=reference`: every kernel that runs is run again as plain loops on the same buffers.
#ifndef TEGULA_TOOLS_TEGULA_VERIFYKERNELS_H
#define TEGULA_TOOLS_TEGULA_VERIFYKERNELS_H

#include "OpenModel.h"

namespace tegula::tool {

class KernelVerifier {
public:
  explicit KernelVerifier(Tolerance tolerance) : tolerance(tolerance) {}

  /// Compiles the same kernels for the reference target and hooks into the context. Returns an exit code, 0 to go on.
  int open(Arguments &arguments, OpenModel &opened, tegula_context *context);
  /// After the run: 0 when every kernel agreed (or nothing was verified), else says which differed first.
  int report();

private:
  void verify(int32_t kernel, void *const *buffers, const int64_t *dims);

  Tolerance tolerance;
  OpenModel *opened = nullptr;
  OpenModel reference;
  int64_t verified = 0;
  double largestError = 0;
  std::string first; // the first difference
};

} // namespace tegula::tool

#endif
