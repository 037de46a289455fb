// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space and features of `cpu_matmul` schedules.
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_MATMUL_SCHEDULE_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_MATMUL_SCHEDULE_H

#include "tegula/Codegen/CPU/Families/MatMul.h"

namespace tegula::matmul {

/// Tile registers of the innermost loop, for MR x NR sums: these, and a tile for each 16 rows and each 16 columns of
/// the operands.
int64_t countTileRegisters(int64_t rows, int64_t columns);
constexpr int64_t tileRegisters = 8;

/// Vector registers of the innermost loop: the sums, one row of the right panel, one broadcast element.
int64_t countRegisters(int64_t rows, int64_t vectors);

/// Vectors of a row of the register block where the right operand is read once: few streams, which the hardware sees
/// coming, but more where each of them is short.
int64_t countStreams(const ContractionInfo &info);

mlir::LogicalResult verifySchedule(sched::CPUMatMulAttr schedule, const ContractionInfo &info,
                                   const MachineModel &machine, KernelFamily::EmitError emitError);
SearchSpace makeSpace(const ContractionInfo &info, const MachineModel &machine);
Configuration chooseDefault(const SearchSpace &space, const ContractionInfo &info, const MachineModel &machine);
sched::CPUMatMulAttr makeSchedule(const SearchSpace &space, const Configuration &point, const ContractionInfo &info);
std::optional<Configuration> findPoint(const SearchSpace &space, sched::CPUMatMulAttr schedule);
KernelFeatures computeFeatures(sched::CPUMatMulAttr schedule, const ContractionInfo &info, const MachineModel &machine);

} // namespace tegula::matmul

#endif
