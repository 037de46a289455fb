// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_IMPORT_ONNX_CONTRIBSCHEMAS_H
#define TEGULA_IMPORT_ONNX_CONTRIBSCHEMAS_H

namespace tegula {

/// Tells ONNX's library the operators of com.microsoft (and those that ONNX Runtime's exporters put into ai.onnx) that
/// the node table serves, so that its checker accepts them and its inference knows their results' types. Does so once.
void registerContribSchemas();

} // namespace tegula

#endif
