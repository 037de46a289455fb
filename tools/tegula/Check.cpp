// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tegula check: would this model compile, and what becomes of each node.
#include "CommandLine.h"
#include "Commands.h"
#include "OpenModel.h"
#include "Report.h"
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Driver/CompilerSession.h"
#include "tegula/Import/ONNX/Model.h"
#include "tegula/Import/ONNX/NodeTable.h"
#include "tegula/Target/TargetBackend.h"

#include "llvm/ADT/StringMap.h"

#include "onnx/onnx_pb.h"

#include <map>

using namespace mlir;
using namespace tegula::tool;

static const OptionSpec options[] = {
    {"target", "NAME", "as for compile (default host)"},
    {"precision", "MODE", "as for compile (default f32)"},
    {"dim", "NAME=N", "extent of a symbolic dimension"},
    {"external-data-root", "DIR", "folder that links of external data may lead into"},
    {"freeze-defaults", nullptr, "as for compile: initializers that are inputs too are constants"},
    {"json", nullptr, "report as JSON"},
};
static const CommandSpec spec{
    "check", "MODEL.onnx",
    "Tells what becomes of each node, without generating code for its kernels: native (one of Tegula's operators),\n"
    "decomposed (its ONNX function body), host (an operation of the runtime) or unsupported, and why.\n"
    "Exits 1 when the model would not compile.",
    "tegula check model.onnx\ntegula check model.onnx --json", options};

/// The last stage that can find the model at fault; later ones make code of what is sound. On a GPU the host function
/// may not need computed values, which shows when its memory is separated from the device's. What `check` shares with a
/// compilation makes the verdict the compiler's, constants folded included.
static llvm::StringRef getLastStage(llvm::StringRef target) {
  return tegula::findTargetBackend(target).hasDevice() ? "buffers" : "linalg";
}

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

/// What stands in the way, by the place of the node.
using Reasons = llvm::StringMap<std::string>;

/// Carriers that import left.
static Reasons listCarriers(ModuleOp module) {
  Reasons carriers;
  module.walk([&](tegula::graph::OnnxOp carrier) {
    auto reason = carrier->getAttrOfType<StringAttr>("reason");
    carriers[tegula::CompilerSession::placeOf(carrier.getLoc())] =
        reason ? reason.str() : "no lowering for this operator";
  });
  return carriers;
}

static void judge(std::vector<NodeVerdict> &nodes, const Reasons &reasons) {
  for (NodeVerdict &node : nodes) {
    std::string place = "node '" + node.name + "' (" + node.opType + ", ";
    for (const auto &reason : reasons)
      if (reason.getKey().contains(place)) {
        node.verdict = "unsupported";
        node.reason = reason.getValue();
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
  tegula::CompileOptions compile =
      readCompileOptions(arguments, arguments.positional[0], arguments.get("target", "host"));
  compile.dimensions = arguments.getDimensions("dim");
  compile.replayDirectory.clear();
  if (arguments.failed)
    return ExitUsage;
  const std::string &path = arguments.positional[0];

  tegula::CompilerSession session(compile);
  std::vector<NodeVerdict> nodes;
  tegula::CompileStatus status = session.import();
  bool isImported = status == tegula::CompileStatus::Ok;
  if (isImported) {
    onnx::ModelProto original;
    std::string error;
    if (tegula::parseOnnxModel(path, original, error))
      listNodes(original.graph(), nodes);
    Reasons reasons = listCarriers(session.getModule());
    status = session.runStages(getLastStage(compile.target));
    for (const tegula::CompilerSession::Error &met : session.getErrors())
      reasons.try_emplace(met.place, met.message);
    judge(nodes, reasons);
  }
  llvm::errs() << session.getMessages();
  bool compiles = status == tegula::CompileStatus::Ok;

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
        for (const tegula::CompilerSession::Error &error : session.getErrors())
          out.object([&] {
            out.attribute("location", llvm::json::fixUTF8(error.place));
            out.attribute("message", llvm::json::fixUTF8(error.message));
          });
      });
    });
  } else if (isImported) {
    llvm::outs() << path << ": " << nodes.size() << " nodes: " << counts["native"] << " native, "
                 << counts["decomposed"] << " decomposed, " << counts["host"] << " host, " << counts["unsupported"]
                 << " unsupported; " << (compiles ? "compiles\n" : "would not compile\n");
  }
  return static_cast<int>(status);
}
