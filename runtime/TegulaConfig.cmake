# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Tegula::runtime loads and runs compiled models; Tegula::compiler, where it is installed, makes them.
include(${CMAKE_CURRENT_LIST_DIR}/TegulaRuntimeTargets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/TegulaCompilerTargets.cmake OPTIONAL)
