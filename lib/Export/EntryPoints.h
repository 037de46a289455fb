// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How the translations of an artifact's levels and its entry points find each other.
#ifndef TEGULA_EXPORT_ENTRYPOINTS_H
#define TEGULA_EXPORT_ENTRYPOINTS_H

#include "tegula/Export/Artifact.h"

namespace tegula {

/// The global that holds the descriptor of a level, until addEntryPoints makes it internal.
inline std::string getDescriptorName(const ExportOptions &options, unsigned level) {
  return options.symbol + ".level." + std::to_string(level);
}

/// The table of all levels, which each descriptor refers to where there are several.
inline std::string getLevelsName(const ExportOptions &options) { return options.symbol + ".levels"; }

} // namespace tegula

#endif
