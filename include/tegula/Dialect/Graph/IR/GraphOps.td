// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All ops of the graph dialect, one file per op group; the groups are the same in Import and GraphToLinalg.
#ifndef TEGULA_GRAPH_OPS
#define TEGULA_GRAPH_OPS

include "tegula/Dialect/Graph/IR/GraphBase.td"
include "tegula/Dialect/Graph/IR/GraphStructure.td"
include "tegula/Dialect/Graph/IR/GraphElementwise.td"
include "tegula/Dialect/Graph/IR/GraphActivation.td"
include "tegula/Dialect/Graph/IR/GraphReduction.td"
include "tegula/Dialect/Graph/IR/GraphQuantization.td"
include "tegula/Dialect/Graph/IR/GraphContraction.td"
include "tegula/Dialect/Graph/IR/GraphMovement.td"
include "tegula/Dialect/Graph/IR/GraphPooling.td"
include "tegula/Dialect/Graph/IR/GraphControlFlow.td"
include "tegula/Dialect/Graph/IR/GraphRecurrent.td"
include "tegula/Dialect/Graph/IR/GraphNormalization.td"
include "tegula/Dialect/Graph/IR/GraphIndexing.td"
include "tegula/Dialect/Graph/IR/GraphGeneration.td"
include "tegula/Dialect/Graph/IR/GraphResampling.td"
include "tegula/Dialect/Graph/IR/GraphSequence.td"
include "tegula/Dialect/Graph/IR/GraphText.td"
include "tegula/Dialect/Graph/IR/GraphMap.td"
include "tegula/Dialect/Graph/IR/GraphVision.td"

#endif
