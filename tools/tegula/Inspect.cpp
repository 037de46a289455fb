// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tegula inspect: what is in a model: inputs, outputs, operators, parameters, kernels.
#include "CommandLine.h"
#include "Commands.h"
#include "LoadedModel.h"
#include "OpenModel.h"
#include "Report.h"
#include "tegula/Import/ONNX/Model.h"
#include "tegula/TestData/TestData.h"
#include "llvm/Support/FormatVariadic.h"

#include "onnx/onnx_pb.h"

#include <map>
#include <set>

using namespace tegula;
using namespace tegula::tool;

static const OptionSpec options[] = {
    {"freeze-defaults", nullptr, "of an ONNX model: leave out inputs that --freeze-defaults makes constants"},
    {"json", nullptr, "report as JSON"},
};
static const CommandSpec spec{
    "inspect", "MODEL.onnx|MODEL.so",
    "Shows what is in a model. ONNX: inputs, outputs, operators, parameters. Compiled: also target, levels and\n"
    "kernels (of several levels those of the one that runs here), each kernel with its family, its schedule and\n"
    "where that came from, and the ONNX nodes in it.",
    "tegula inspect model.onnx\ntegula inspect model.so --json", options};

namespace {
struct TensorDescription {
  std::string name, type, shape;
  std::vector<llvm::json::Value> extents; // numbers, names, or null where nothing is known
  bool hasDefault = false;                // of an input that a run may leave out
};

struct KernelDescription {
  std::string name, family, schedule, provenance, key, nodes;
  int64_t phases, workspaceBytes;
};

struct LevelDescription {
  std::string target, features;
  bool isChosen;
};

struct ModelDescription {
  std::string name, kind, producer;
  std::string target, features, provenance, sidecar; // compiled models
  int64_t irVersion = 0, nodeCount = 0, parameterCount = 0, parameterBytes = 0, arenaBytes = 0, constantBytes = 0;
  std::vector<TensorDescription> inputs, outputs;
  std::map<std::string, int64_t> opsets, operators;
  std::vector<LevelDescription> levels; // where there are several
  std::vector<KernelDescription> kernels;
};
} // namespace

static void addExtent(TensorDescription &tensor, int64_t extent, llvm::StringRef symbol) {
  if (!tensor.extents.empty())
    tensor.shape += ", ";
  if (extent >= 0) {
    tensor.shape += std::to_string(extent);
    tensor.extents.push_back(extent);
  } else if (!symbol.empty()) {
    tensor.shape += symbol;
    tensor.extents.push_back(llvm::json::fixUTF8(symbol));
  } else {
    tensor.shape += "?";
    tensor.extents.push_back(nullptr);
  }
}

/// `type` is that of a value that is no tensor.
static TensorDescription describe(const tegula_tensor_info &info, const tegula_value_type *type) {
  static const char *const kinds[] = {"tensor", "sequence", "optional", "map"};
  if (type)
    return {info.name, kinds[type->kind], "", {}};
  TensorDescription tensor{info.name, elementTypeName(static_cast<ElementType>(info.element_type)).str(), "", {}};
  for (int32_t axis = 0; axis < info.rank; ++axis)
    addExtent(tensor, info.shape[axis], info.symbols && info.symbols[axis] ? info.symbols[axis] : "");
  tensor.shape = info.rank < 0 ? "[*]" : "[" + tensor.shape + "]";
  return tensor;
}

static TensorDescription describe(const onnx::ValueInfoProto &value) {
  TensorDescription tensor;
  tensor.name = value.name();
  if (!value.type().has_tensor_type()) {
    tensor.type = value.type().has_sequence_type()   ? "sequence"
                  : value.type().has_optional_type() ? "optional"
                  : value.type().has_map_type()      ? "map"
                                                     : "unknown";
    return tensor;
  }
  const auto &type = value.type().tensor_type();
  tensor.type = elementTypeName(static_cast<ElementType>(type.elem_type())).str();
  for (const auto &dim : type.shape().dim())
    addExtent(tensor, dim.has_dim_value() ? dim.dim_value() : -1, dim.dim_param());
  tensor.shape = type.has_shape() ? "[" + tensor.shape + "]" : "[*]";
  return tensor;
}

static void countNodes(const onnx::GraphProto &graph, ModelDescription &model) {
  for (const onnx::TensorProto &tensor : graph.initializer()) {
    std::vector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
    auto type = static_cast<ElementType>(tensor.data_type());
    model.parameterCount += elementCount(shape).value_or(0);
    model.parameterBytes += tensorBytes(type, shape).value_or(0);
  }
  for (const onnx::NodeProto &node : graph.node()) {
    bool standard = node.domain().empty() || node.domain() == "ai.onnx";
    ++model.operators[standard ? node.op_type() : node.domain() + "." + node.op_type()];
    ++model.nodeCount;
    for (const onnx::AttributeProto &attribute : node.attribute()) {
      if (attribute.has_g())
        countNodes(attribute.g(), model);
      for (const onnx::GraphProto &inner : attribute.graphs())
        countNodes(inner, model);
    }
  }
}

static ModelDescription describe(const onnx::ModelProto &proto, bool freezeDefaults) {
  ModelDescription model;
  model.kind = "onnx";
  model.name = proto.graph().name();
  model.producer = proto.producer_name() + (proto.producer_version().empty() ? "" : " " + proto.producer_version());
  model.irVersion = proto.ir_version();
  for (const auto &import : proto.opset_import())
    model.opsets[import.domain().empty() ? "ai.onnx" : import.domain()] = import.version();
  std::set<std::string> initialized;
  for (const onnx::TensorProto &tensor : proto.graph().initializer())
    initialized.insert(tensor.name());
  constexpr int64_t firstVersionWithDefaults = 4;
  bool areConstant = freezeDefaults || proto.ir_version() < firstVersionWithDefaults;
  for (const onnx::ValueInfoProto &value : proto.graph().input()) {
    bool hasDefault = initialized.count(value.name());
    if (hasDefault && areConstant)
      continue;
    model.inputs.push_back(describe(value));
    model.inputs.back().hasDefault = hasDefault;
  }
  for (const onnx::ValueInfoProto &value : proto.graph().output())
    model.outputs.push_back(describe(value));
  countNodes(proto.graph(), model);
  return model;
}

static ModelDescription describe(const tegula_model *loaded) {
  const tegula_artifact *artifact = tegula_model_artifact(loaded);
  ModelDescription model;
  model.kind = "compiled";
  model.name = tegula_model_name(loaded);
  model.target = tegula_model_target(loaded);
  model.features = tegula_model_features(loaded);
  model.provenance = tegula_model_provenance(loaded);
  int32_t levelCount = artifact->struct_size >= sizeof(tegula_artifact) ? artifact->level_count : 0;
  for (int32_t index = 0; index < levelCount; ++index) {
    const tegula_artifact *level = artifact->levels[index];
    model.levels.push_back({level->target, level->features ? level->features : "", level == artifact});
  }
  model.sidecar = artifact->sidecar ? artifact->sidecar : "";
  model.arenaBytes = artifact->arena_bytes;
  model.constantBytes = artifact->constants_bytes;
  model.nodeCount = artifact->node_count;
  for (int32_t index = 0; index < artifact->input_count; ++index) {
    model.inputs.push_back(describe(artifact->inputs[index], tegula_model_input_type(loaded, index)));
    model.inputs.back().hasDefault = tegula_model_input_default(loaded, index) != nullptr;
  }
  for (int32_t index = 0; index < artifact->output_count; ++index)
    model.outputs.push_back(describe(artifact->outputs[index], tegula_model_output_type(loaded, index)));
  for (int32_t index = 0; index < artifact->kernel_count; ++index) {
    const tegula_kernel &kernel = artifact->kernels[index];
    model.kernels.push_back({kernel.name, kernel.family, kernel.schedule, kernel.provenance, kernel.key, kernel.nodes,
                             kernel.phase_count, kernel.workspace_per_worker});
  }
  return model;
}

static std::string bytesText(int64_t bytes) {
  if (bytes < 1 << 10)
    return std::to_string(bytes) + " bytes";
  if (bytes < 1 << 20)
    return llvm::formatv("{0:f1} KiB", static_cast<double>(bytes) / (1 << 10));
  return llvm::formatv("{0:f1} MiB", static_cast<double>(bytes) / (1 << 20));
}

static void printText(const std::string &path, const ModelDescription &model) {
  llvm::raw_ostream &out = llvm::outs();
  bool compiled = model.kind == "compiled";
  out << path << ": " << (compiled ? "compiled model" : "ONNX model") << " '" << model.name << "'";
  if (compiled) {
    out << " for " << model.target << "\nfeatures: " << (model.features.empty() ? "none" : model.features);
    for (const LevelDescription &level : model.levels)
      out << "\nlevel: " << level.target << (level.isChosen ? " (runs here)" : "");
    out << "\nprovenance: " << model.provenance << "\narena: " << bytesText(model.arenaBytes)
        << "\nconstants: " << bytesText(model.constantBytes);
    if (!model.sidecar.empty())
      out << " in " << model.sidecar;
    out << "\n";
  } else {
    out << ", IR version " << model.irVersion << (model.producer.empty() ? "" : ", by " + model.producer)
        << "\nopsets:";
    for (const auto &[domain, version] : model.opsets)
      out << " " << domain << " " << version;
    out << "\nparameters: " << model.parameterCount << " (" << bytesText(model.parameterBytes) << ")\n";
  }
  auto printTensors = [&](llvm::StringRef title, const std::vector<TensorDescription> &tensors) {
    out << title << ":\n";
    for (const TensorDescription &tensor : tensors)
      out << "  " << tensor.name << ": " << tensor.type << tensor.shape << (tensor.hasDefault ? " (has a default)" : "")
          << "\n";
  };
  printTensors("inputs", model.inputs);
  printTensors("outputs", model.outputs);
  if (!compiled) {
    out << "operators: " << model.nodeCount << " nodes\n";
    std::vector<std::pair<std::string, int64_t>> sorted(model.operators.begin(), model.operators.end());
    llvm::sort(sorted, [](const auto &a, const auto &b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    for (const auto &[name, count] : sorted)
      out << llvm::formatv("{0,6} {1}\n", count, name);
    return;
  }
  out << "kernels: " << model.kernels.size() << "\n";
  for (const KernelDescription &kernel : model.kernels) {
    out << "  " << kernel.name << ": " << kernel.family << ", " << kernel.schedule << " from " << kernel.provenance
        << "\n    nodes: ";
    for (char c : kernel.nodes)
      c == '\n' ? out << ", " : out << c;
    out << "\n";
  }
}

static void writeTensors(llvm::json::OStream &out, llvm::StringRef key, const std::vector<TensorDescription> &tensors) {
  out.attributeArray(key, [&] {
    for (const TensorDescription &tensor : tensors)
      out.object([&] {
        out.attribute("name", llvm::json::fixUTF8(tensor.name));
        out.attribute("type", tensor.type);
        if (key == "inputs")
          out.attribute("has_default", tensor.hasDefault);
        out.attributeArray("shape", [&] {
          for (const llvm::json::Value &extent : tensor.extents)
            out.value(extent);
        });
      });
  });
}

static void writeCounts(llvm::json::OStream &out, llvm::StringRef key, const std::map<std::string, int64_t> &counts) {
  out.attributeObject(key, [&] {
    for (const auto &[name, count] : counts)
      out.attribute(llvm::json::fixUTF8(name), count);
  });
}

static void printJson(const std::string &path, const ModelDescription &model) {
  printReport("inspect", [&](llvm::json::OStream &out) {
    out.attribute("model", llvm::json::fixUTF8(path));
    out.attribute("kind", model.kind);
    out.attribute("name", llvm::json::fixUTF8(model.name));
    writeTensors(out, "inputs", model.inputs);
    writeTensors(out, "outputs", model.outputs);
    out.attribute("nodes", model.nodeCount);
    if (model.kind == "onnx") {
      out.attribute("ir_version", model.irVersion);
      out.attribute("producer", llvm::json::fixUTF8(model.producer));
      writeCounts(out, "opsets", model.opsets);
      writeCounts(out, "operators", model.operators);
      out.attribute("parameters", model.parameterCount);
      out.attribute("parameter_bytes", model.parameterBytes);
      return;
    }
    out.attribute("target", model.target);
    out.attribute("features", model.features);
    out.attributeArray("levels", [&] {
      for (const LevelDescription &level : model.levels)
        out.object([&] {
          out.attribute("target", level.target);
          out.attribute("features", level.features);
          out.attribute("runs_here", level.isChosen);
        });
    });
    out.attribute("provenance", model.provenance);
    out.attribute("arena_bytes", model.arenaBytes);
    out.attribute("constant_bytes", model.constantBytes);
    out.attribute("sidecar", model.sidecar);
    out.attributeArray("kernels", [&] {
      for (const KernelDescription &kernel : model.kernels)
        out.object([&] {
          out.attribute("name", kernel.name);
          out.attribute("family", kernel.family);
          out.attribute("schedule", kernel.schedule);
          out.attribute("provenance", kernel.provenance);
          out.attribute("key", kernel.key);
          out.attribute("phases", kernel.phases);
          out.attribute("workspace_per_worker_bytes", kernel.workspaceBytes);
          out.attributeArray("nodes", [&] {
            llvm::SmallVector<llvm::StringRef> nodes;
            llvm::StringRef(kernel.nodes).split(nodes, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
            for (llvm::StringRef node : nodes)
              out.value(llvm::json::fixUTF8(node));
          });
        });
    });
  });
}

int tegula::tool::runInspect(llvm::ArrayRef<const char *> words) {
  Arguments arguments(spec);
  if (std::optional<int> code = parseCommandLine(spec, words, arguments))
    return *code;
  const std::string &path = arguments.positional[0];
  ModelDescription model;
  if (isOnnxPath(path)) {
    onnx::ModelProto proto;
    std::string error;
    if (!tegula::parseOnnxModel(path, proto, error))
      return reportFault(path + ": " + error);
    if (!proto.has_graph())
      return reportFault(path + ": expected a model with a graph");
    model = describe(proto, arguments.has("freeze-defaults"));
  } else {
    tegula_model *loaded = nullptr;
    if (tegula_model_load(path.c_str(), /*options=*/nullptr, &loaded))
      return reportFault(tegula_last_error());
    ModelHandle handle(loaded);
    model = describe(loaded);
  }
  if (arguments.has("json"))
    printJson(path, model);
  else
    printText(path, model);
  return ExitOk;
}
