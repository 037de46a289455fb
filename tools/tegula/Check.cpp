// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tegula check: would this model compile, and what becomes of each node.
#include "CommandLine.h"
#include "Commands.h"
#include "Diagnostics.h"
#include "Report.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"
#include "tegula/Import/ONNX/Importer.h"
#include "tegula/Import/ONNX/Model.h"
#include "tegula/Import/ONNX/NodeTable.h"
#include "tegula/Pipelines/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringMap.h"

#include "onnx/onnx_pb.h"

#include <map>

using namespace mlir;
using namespace tegula::tool;

static const OptionSpec options[] = {
    {"dim", "NAME=N", "extent of a symbolic dimension"},
    {"external-data-root", "DIR", "folder that links of external data may lead into"},
    {"json", nullptr, "report as JSON"},
};
static const CommandSpec spec{
    "check", "MODEL.onnx",
    "Tells what becomes of each node, without generating code: native (one of Tegula's "
    "operators), decomposed (its ONNX\n"
    "function body), host (an operation of the runtime) or unsupported, and why. Exits 1 when "
    "the model would not compile.",
    "tegula check model.onnx\ntegula check model.onnx --json", options};

namespace {
struct NodeVerdict {
  std::string name, domain, opType, verdict, reason;
};
} // namespace

/// The nodes of a graph and of its subgraphs, as the model has them.
static void listNodes(const onnx::GraphProto &graph, std::vector<NodeVerdict> &nodes) {
  for (const onnx::NodeProto &node : graph.node()) {
    std::string name = node.name().empty() && node.output_size() ? node.output(0) : node.name();
    std::string domain = node.domain().empty() ? "ai.onnx" : node.domain();
    nodes.push_back({name, domain, node.op_type(), "", ""});
    for (const onnx::AttributeProto &attribute : node.attribute()) {
      if (attribute.has_g())
        listNodes(attribute.g(), nodes);
      for (const onnx::GraphProto &inner : attribute.graphs())
        listNodes(inner, nodes);
    }
  }
}

/// Carriers that import left, as "'name' (OpType" -> reason; that is how their locations begin.
static llvm::StringMap<std::string> listCarriers(ModuleOp module) {
  llvm::StringMap<std::string> carriers;
  module.walk([&](tegula::graph::OnnxOp carrier) {
    auto reason = carrier->getAttrOfType<StringAttr>("reason");
    carriers[locationText(carrier.getLoc())] = reason ? reason.str() : "no lowering for this operator";
  });
  return carriers;
}

static void judge(std::vector<NodeVerdict> &nodes, const llvm::StringMap<std::string> &carriers) {
  for (NodeVerdict &node : nodes) {
    std::string place = "node '" + node.name + "' (" + node.opType + ", ";
    for (const auto &carrier : carriers)
      if (carrier.getKey().contains(place)) {
        node.verdict = "unsupported";
        node.reason = carrier.getValue();
      }
    if (!node.verdict.empty())
      continue;
    std::string domain = node.domain == "ai.onnx" ? "" : node.domain;
    const tegula::NodeTable &table = tegula::NodeTable::get();
    node.verdict = !table.contains(domain, node.opType)    ? "decomposed"
                   : table.runsOnHost(domain, node.opType) ? "host"
                                                           : "native";
  }
}

int tegula::tool::runCheck(llvm::ArrayRef<const char *> words) {
  Arguments arguments(spec);
  if (std::optional<int> code = parseCommandLine(spec, words, arguments))
    return *code;
  ImportOptions importOptions;
  importOptions.externalDataRoot = arguments.get("external-data-root");
  importOptions.dimensions = arguments.getDimensions("dim");
  if (arguments.failed)
    return ExitUsage;
  const std::string &path = arguments.positional[0];

  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  DiagnosticPrinter diagnostics(context);
  std::vector<NodeVerdict> nodes;
  OwningOpRef<ModuleOp> module = importOnnxFile(context, path, importOptions);
  bool compiles = false;
  if (module) {
    onnx::ModelProto original;
    std::string error;
    if (tegula::parseOnnxModel(path, original, error))
      listNodes(original.graph(), nodes);
    judge(nodes, listCarriers(*module));
    PassManager passes(&context);
    passes.addNestedPass<func::FuncOp>(createGraphInferShapesPass());
    passes.addPass(createGraphListUnsupportedPass());
    passes.addPass(createGraphToLinalgPass());
    compiles = succeeded(passes.run(*module));
  }

  std::map<std::string, int64_t> counts{{"native", 0}, {"decomposed", 0}, {"host", 0}, {"unsupported", 0}};
  for (const NodeVerdict &node : nodes)
    ++counts[node.verdict];
  if (arguments.has("json")) {
    printReport("check", [&](llvm::json::OStream &out) {
      out.attribute("model", llvm::json::fixUTF8(path));
      out.attribute("compiles", compiles);
      for (const auto &[verdict, count] : counts)
        out.attribute(verdict, count);
      out.attributeArray("nodes", [&] {
        for (const NodeVerdict &node : nodes)
          out.object([&] {
            out.attribute("name", llvm::json::fixUTF8(node.name));
            out.attribute("domain", llvm::json::fixUTF8(node.domain));
            out.attribute("op_type", llvm::json::fixUTF8(node.opType));
            out.attribute("verdict", node.verdict);
            if (!node.reason.empty())
              out.attribute("reason", llvm::json::fixUTF8(node.reason));
          });
      });
      out.attributeArray("errors", [&] {
        for (const DiagnosticPrinter::Error &error : diagnostics.errors())
          out.object([&] {
            out.attribute("location", llvm::json::fixUTF8(error.location));
            out.attribute("message", llvm::json::fixUTF8(error.message));
          });
      });
    });
  } else if (module) {
    llvm::outs() << path << ": " << nodes.size() << " nodes: " << counts["native"] << " native, "
                 << counts["decomposed"] << " decomposed, " << counts["host"] << " host, " << counts["unsupported"]
                 << " unsupported; " << (compiles ? "compiles\n" : "would not compile\n");
  }
  if (compiles)
    return ExitOk;
  if (diagnostics.errors().empty())
    return reportFault(path + ": would not compile, and no pass said why; please report this"), ExitInternal;
  return ExitFault;
}
