// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_IMPORT_ONNX_TOPOLOGICALORDER_H
#define TEGULA_IMPORT_ONNX_TOPOLOGICALORDER_H

namespace onnx {
class GraphProto;
}

namespace tegula {

/// Puts the nodes of `graph` and its subgraphs into an order in which every value is made before it is used, as ONNX
/// asks but not every exporter does. Nodes that are in order already keep their places; a cycle is left as it is, for
/// the checker to report.
void sortTopologically(onnx::GraphProto &graph);

} // namespace tegula

#endif
