// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Precision.h"

#include "tegula/Dialect/Graph/IR/Graph.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace tegula;

static constexpr StringLiteral attributeName = "graph.precision";
static constexpr std::pair<graph::Precision, StringLiteral> names[] = {
    {graph::Precision::F32, "f32"},
    {graph::Precision::F32Strict, "f32-strict"},
    {graph::Precision::BF16, "bf16"},
};

StringRef graph::getPrecisionName(Precision precision) {
  return llvm::find_if(names, [&](const auto &entry) { return entry.first == precision; })->second;
}

std::optional<graph::Precision> graph::parsePrecision(StringRef name) {
  const auto *found = llvm::find_if(names, [&](const auto &entry) { return entry.second == name; });
  return found == std::end(names) ? std::nullopt : std::optional(found->first);
}

StringRef graph::listPrecisions() { return "f32, f32-strict or bf16"; }

graph::Precision graph::getPrecision(Operation *op) {
  auto module = dyn_cast<ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<ModuleOp>();
  auto name = module ? module->getAttrOfType<StringAttr>(attributeName) : StringAttr();
  // The dialect verifies the attribute.
  return name ? *parsePrecision(name) : Precision::F32;
}

void graph::setPrecision(Operation *module, Precision precision) {
  module->setAttr(attributeName, StringAttr::get(module->getContext(), getPrecisionName(precision)));
}

LogicalResult graph::verifyPrecisionAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != attributeName)
    return success();
  auto name = dyn_cast<StringAttr>(attribute.getValue());
  if (!isa<ModuleOp>(op) || !name || !parsePrecision(name))
    return op->emitOpError("expected ") << attributeName << " to be " << listPrecisions() << " on a module, but got "
                                        << attribute.getValue();
  return success();
}
