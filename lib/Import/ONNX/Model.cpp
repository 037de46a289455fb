// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/Model.h"
#include "tegula/Import/ONNX/ContribSchemas.h"
#include "tegula/Import/ONNX/TopologicalOrder.h"

#include "onnx/checker.h"
#include "onnx/defs/schema.h"
#include "onnx/inliner/inliner.h"
#include "onnx/onnx_pb.h"
#include "onnx/shape_inference/implementation.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <set>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>
#include <vector>

using namespace tegula;

/// More dimensions than any real tensor has.
constexpr int64_t maxRank = 1024;

OnnxModel::OnnxModel() : proto(std::make_unique<onnx::ModelProto>()), defaults(std::make_unique<onnx::GraphProto>()) {}
OnnxModel::~OnnxModel() = default;

int tegula::getSchemaVersion(const std::string &domain, const std::string &opType, int opset) {
  const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(opType, opset, domain);
  return schema ? schema->SinceVersion() : 0;
}

namespace {
struct FunctionsWithoutRow : onnx::inliner::FunctionIdSet {
  const HasNodeRow &hasRow;
  explicit FunctionsWithoutRow(const HasNodeRow &hasRow) : hasRow(hasRow) {}
  bool Contains(const std::string &domain, const std::string &name) const override { return !hasRow(domain, name); }
};
} // namespace

static std::map<std::string, int> getOpsets(const onnx::ModelProto &proto) {
  std::map<std::string, int> opsets;
  for (const auto &import : proto.opset_import())
    opsets[import.domain() == "ai.onnx" ? "" : import.domain()] = int(import.version());
  return opsets;
}

/// Calls `see(name, shape)` for the declared shape of every value of a graph.
template <typename See> static void forEachDeclaredShape(const onnx::GraphProto &graph, See see) {
  for (const auto *values : {&graph.input(), &graph.output(), &graph.value_info()})
    for (const onnx::ValueInfoProto &value : *values)
      if (value.type().has_tensor_type() && value.type().tensor_type().has_shape())
        see(value.name(), value.type().tensor_type().shape());
}

/// Whether operand `i` has one element per dimension of a tensor, in ONNX's own words for such operands.
static bool isPerDimension(const onnx::OpSchema &schema, int i) {
  static const std::set<std::string> names{"shape", "axes",   "starts", "ends", "steps",   "sizes",
                                           "size",  "scales", "roi",    "pads", "repeats", "output_shape"};
  return names.count(schema.inputs()[i].GetName()) || schema.Name() == "ConstantOfShape";
}

/// The message about the first declared shape that no memory can hold, or operand for more dimensions than a tensor has
/// (inference and lowering make something for each); "" when there is none.
static std::string findOversizedShape(const onnx::GraphProto &graph, const std::map<std::string, int> &opsets) {
  constexpr int64_t limit = int64_t(1) << 48; // elements; what a 64-bit processor addresses in bytes
  std::string error;
  std::map<std::string, int64_t> lengths; // of declared one-dimensional values
  forEachDeclaredShape(graph, [&](const std::string &name, const onnx::TensorShapeProto &shape) {
    int64_t elements = 1;
    for (const auto &dim : shape.dim())
      if (dim.has_dim_value() && dim.dim_value() > 0 && error.empty() &&
          (__builtin_mul_overflow(elements, dim.dim_value(), &elements) || elements > limit))
        error = "value '" + name + "': expected at most 2^48 elements, but its shape has more";
    if (shape.dim_size() == 1)
      lengths[name] = shape.dim(0).dim_value();
  });
  for (const onnx::NodeProto &node : graph.node()) {
    auto opset = opsets.find(node.domain() == "ai.onnx" ? "" : node.domain());
    const onnx::OpSchema *schema =
        opset == opsets.end() ? nullptr : onnx::OpSchemaRegistry::Schema(node.op_type(), opset->second, opset->first);
    for (int i = 0; schema && error.empty() && i < std::min<int>(node.input_size(), schema->inputs().size()); ++i) {
      auto found = lengths.find(node.input(i));
      if (found != lengths.end() && found->second > maxRank && isPerDimension(*schema, i))
        error = "node '" + node.name() + "' (" + node.op_type() + "): expected '" + schema->inputs()[i].GetName() +
                "' for at most " + std::to_string(maxRank) + " dimensions, but '" + found->first + "' has " +
                std::to_string(found->second);
    }
  }
  return error;
}

/// The message about the first node with what ONNX's checker does not look for and its inference does not survive, or
/// "": an axis that no 32-bit number holds, an input that the schema asks for and the node leaves empty.
static std::string findBadNode(const onnx::GraphProto &graph, const std::map<std::string, int> &opsets) {
  for (const onnx::NodeProto &node : graph.node()) {
    const std::string place = "node '" + node.name() + "' (" + node.op_type() + "): ";
    for (const onnx::AttributeProto &attribute : node.attribute()) {
      if (attribute.has_g())
        if (std::string error = findBadNode(attribute.g(), opsets); !error.empty())
          return error;
      if (attribute.name() == "axis" && (attribute.i() < -maxRank || attribute.i() > maxRank))
        return place + "expected axis to be of a tensor of at most " + std::to_string(maxRank) +
               " dimensions, but got " + std::to_string(attribute.i());
    }
    auto opset = opsets.find(node.domain() == "ai.onnx" ? "" : node.domain());
    if (opset == opsets.end())
      continue;
    const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(node.op_type(), opset->second, opset->first);
    if (!schema || schema->inputs().empty())
      continue;
    for (int i = 0; i < node.input_size(); ++i) {
      const auto &formal = schema->inputs()[std::min<size_t>(i, schema->inputs().size() - 1)];
      if (node.input(i).empty() && formal.GetOption() != onnx::OpSchema::Optional)
        return place + "expected input " + std::to_string(i) + " ('" + formal.GetName() +
               "') to be given, but it is empty";
    }
  }
  return "";
}

/// The inliner drops an attribute of a function's body that refers to one the node leaves out, although its schema has
/// a default. So such nodes get all their defaults first.
static void spellOutDefaults(onnx::GraphProto &graph, const std::map<std::string, int> &opsets,
                             const HasNodeRow &hasRow) {
  for (onnx::NodeProto &node : *graph.mutable_node()) {
    for (onnx::AttributeProto &attribute : *node.mutable_attribute())
      if (attribute.has_g())
        spellOutDefaults(*attribute.mutable_g(), opsets, hasRow);
    auto opset = opsets.find(node.domain() == "ai.onnx" ? "" : node.domain());
    if (opset == opsets.end() || hasRow(node.domain(), node.op_type()))
      continue;
    const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(node.op_type(), opset->second, opset->first);
    if (!schema || !(schema->HasFunction() || schema->HasContextDependentFunction()))
      continue;
    for (const auto &[name, attribute] : schema->attributes()) {
      bool isGiven = std::any_of(node.attribute().begin(), node.attribute().end(),
                                 [&wanted = name](const auto &given) { return given.name() == wanted; });
      if (!isGiven && attribute.default_value.has_name())
        *node.add_attribute() = attribute.default_value;
    }
  }
}

/// Gives every initializer without a declared type a value_info: ONNX's inliner asks there alone what a function's
/// operands are.
static void declareInitializers(onnx::GraphProto &graph) {
  std::set<std::string> declared;
  for (const auto *values : {&graph.input(), &graph.value_info(), &graph.output()})
    for (const onnx::ValueInfoProto &value : *values)
      declared.insert(value.name());
  for (const onnx::TensorProto &tensor : graph.initializer()) {
    if (declared.count(tensor.name()))
      continue;
    onnx::ValueInfoProto &value = *graph.add_value_info();
    value.set_name(tensor.name());
    auto &type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(tensor.data_type());
    type.mutable_shape();
    for (int64_t extent : tensor.dims())
      type.mutable_shape()->add_dim()->set_dim_value(extent);
  }
  for (onnx::NodeProto &node : *graph.mutable_node())
    for (onnx::AttributeProto &attribute : *node.mutable_attribute())
      if (attribute.has_g())
        declareInitializers(*attribute.mutable_g());
}

/// Several Constant nodes may make one value, against ONNX's rules: tools that rewrite a constant leave the old node
/// behind. As in ONNX Runtime the last counts. Removes the others and counts the values; `first` becomes one's name.
static int dropReplacedConstants(onnx::GraphProto &graph, std::string &first) {
  auto isConstant = [](const onnx::NodeProto &node) {
    return node.op_type() == "Constant" && (node.domain().empty() || node.domain() == "ai.onnx") &&
           node.output_size() == 1 && node.input_size() == 0;
  };
  std::map<std::string, std::vector<int>> producers;
  std::set<std::string> others; // values that something else makes too
  for (int i = 0; i < graph.node_size(); ++i) {
    onnx::NodeProto &node = *graph.mutable_node(i);
    for (const std::string &output : node.output())
      isConstant(node) ? (void)producers[output].push_back(i) : (void)others.insert(output);
  }
  int count = 0;
  std::vector<bool> isReplaced(graph.node_size(), false);
  for (const auto &[name, nodes] : producers) {
    if (nodes.size() == 1 || others.count(name))
      continue;
    for (size_t k = 0; k + 1 < nodes.size(); ++k)
      isReplaced[nodes[k]] = true;
    first = first.empty() ? name : first;
    ++count;
  }
  int kept = 0;
  for (int i = 0; i < graph.node_size(); ++i)
    if (!isReplaced[i])
      graph.mutable_node()->SwapElements(kept++, i);
  graph.mutable_node()->DeleteSubrange(kept, graph.node_size() - kept);
  for (onnx::NodeProto &node : *graph.mutable_node())
    for (onnx::AttributeProto &attribute : *node.mutable_attribute())
      if (attribute.has_g())
        count += dropReplacedConstants(*attribute.mutable_g(), first);
  return count;
}

/// From IR version 4 on an initializer that is an input too is only what the input is where a run gives none: nothing
/// may be inferred from it. Takes such initializers out of the graph.
static void separateDefaults(OnnxModel &model) {
  constexpr int64_t firstVersion = 4;
  if (model.proto->ir_version() < firstVersion)
    return;
  onnx::GraphProto &graph = *model.proto->mutable_graph();
  std::set<std::string> inputs;
  for (const onnx::ValueInfoProto &input : graph.input())
    inputs.insert(input.name());
  std::vector<onnx::TensorProto *> all(graph.initializer_size());
  graph.mutable_initializer()->ExtractSubrange(0, graph.initializer_size(), all.data());
  for (onnx::TensorProto *tensor : all)
    (inputs.count(tensor->name()) ? *model.defaults : graph).mutable_initializer()->AddAllocated(tensor);
}

/// The message about a domain that is imported at two versions, or at one that is newer than ONNX's library; "" when
/// there is none.
static std::string checkOpsets(const onnx::ModelProto &proto) {
  const auto &ranges = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  std::map<std::string, int64_t> versions;
  for (const auto &import : proto.opset_import()) {
    std::string domain = import.domain() == "ai.onnx" ? "" : import.domain();
    std::string shown = domain.empty() ? "ai.onnx" : domain;
    auto [entry, isNew] = versions.try_emplace(domain, import.version());
    if (!isNew && entry->second != import.version())
      return "expected one version of domain " + shown + ", but got opsets " + std::to_string(entry->second) + " and " +
             std::to_string(import.version());
    auto range = ranges.find(domain);
    if (range != ranges.end() && import.version() > range->second.second)
      return "expected opset " + std::to_string(range->second.second) + " or older of domain " + shown + ", but got " +
             std::to_string(import.version());
  }
  return "";
}

namespace {
/// Counts the nodes that a model has when its functions are inlined, which may be exponentially many: two calls in each
/// of sixty functions.
class InlinedNodes {
public:
  static constexpr int64_t limit = int64_t(1) << 20;

  explicit InlinedNodes(const onnx::ModelProto &proto) {
    for (const onnx::FunctionProto &function : proto.functions())
      functions[{function.domain(), function.name(), function.overload()}] = &function;
  }

  /// At most `limit` + 1.
  template <typename Nodes> int64_t count(const Nodes &nodes) {
    int64_t sum = 0;
    for (const onnx::NodeProto &node : nodes) {
      sum += 1 + countCall({node.domain(), node.op_type(), node.overload()});
      for (const onnx::AttributeProto &attribute : node.attribute()) {
        sum += count(attribute.g().node());
        for (const onnx::GraphProto &graph : attribute.graphs())
          sum += count(graph.node());
      }
      if (sum > limit)
        return limit + 1;
    }
    return sum;
  }

private:
  using Name = std::tuple<std::string, std::string, std::string>;

  /// Of a function that calls itself 0; ONNX's checker tells about it.
  int64_t countCall(const Name &name) {
    auto function = functions.find(name);
    if (function == functions.end())
      return 0;
    auto [known, isNew] = counts.try_emplace(name, 0);
    if (isNew) {
      int64_t nodes = count(function->second->node());
      counts[name] = nodes;
      return nodes;
    }
    return known->second;
  }

  std::map<Name, const onnx::FunctionProto *> functions;
  std::map<Name, int64_t> counts;
};
} // namespace

namespace {
/// ONNX's checker wants a shape on every output of the model, which exporters leave out where they know none. For as
/// long as this lives, such outputs have one.
struct WithOutputShapes {
  explicit WithOutputShapes(onnx::ModelProto &proto) {
    for (onnx::ValueInfoProto &output : *proto.mutable_graph()->mutable_output())
      if (output.type().has_tensor_type() && !output.type().tensor_type().has_shape()) {
        shapeless.push_back(output.mutable_type()->mutable_tensor_type());
        shapeless.back()->mutable_shape();
      }
  }
  ~WithOutputShapes() {
    for (onnx::TypeProto_Tensor *type : shapeless)
      type->clear_shape();
  }
  std::vector<onnx::TypeProto_Tensor *> shapeless;
};
} // namespace

namespace {
/// Takes the declared shapes of the graph's outputs away while ONNX's inference runs: it would believe them, and an
/// exporter's wrong extent (a batch of 1 that is dynamic elsewhere) would cut results. Afterwards an output of unknown
/// shape gets its declared one back, and a dimension without a name its declared name.
class OutputShapesAside {
public:
  explicit OutputShapesAside(onnx::GraphProto &graph) : graph(graph) {
    for (onnx::ValueInfoProto &output : *graph.mutable_output()) {
      declared.push_back(output.type());
      if (output.type().has_tensor_type())
        output.mutable_type()->mutable_tensor_type()->clear_shape();
    }
  }

  ~OutputShapesAside() {
    for (int i = 0; i < graph.output_size(); ++i) {
      if (!declared[i].has_tensor_type() || !declared[i].tensor_type().has_shape())
        continue;
      const onnx::TensorShapeProto &old = declared[i].tensor_type().shape();
      onnx::TypeProto::Tensor &type = *graph.mutable_output(i)->mutable_type()->mutable_tensor_type();
      if (!type.has_shape()) {
        *type.mutable_shape() = old;
        continue;
      }
      for (int d = 0; d < std::min(old.dim_size(), type.shape().dim_size()); ++d) {
        onnx::TensorShapeProto::Dimension &dimension = *type.mutable_shape()->mutable_dim(d);
        bool isNamed = dimension.has_dim_param() && dimension.dim_param().rfind("unk__", 0) != 0;
        if (!dimension.has_dim_value() && !isNamed && old.dim(d).has_dim_param())
          dimension.set_dim_param(old.dim(d).dim_param());
      }
    }
  }

private:
  onnx::GraphProto &graph;
  std::vector<onnx::TypeProto> declared;
};
} // namespace

/// Everything after parsing; ONNX's library reports by exceptions.
static bool prepare(OnnxModel &model, const LoadOptions &options, const HasNodeRow &hasRow, std::string &error) {
  onnx::ModelProto &proto = *model.proto;
  if (!model.external.load(proto, model.path, options.externalDataRoot, error))
    return false;
  std::string name;
  if (int count = dropReplacedConstants(*proto.mutable_graph(), name))
    model.warnings.push_back("value '" + name + "'" +
                             (count > 1 ? " and " + std::to_string(count - 1) + " others" : std::string()) +
                             ": expected one node that makes it, but got several of type Constant; the last counts");
  sortTopologically(*proto.mutable_graph());
  try {
    registerContribSchemas();
    error = checkOpsets(proto);
    if (error.empty() && InlinedNodes(proto).count(proto.graph().node()) > InlinedNodes::limit)
      error = "expected at most " + std::to_string(InlinedNodes::limit) +
              " nodes after the inlining of the model's functions, but they call each other more often";
    if (!error.empty())
      return false;
    {
      WithoutExternalTensors hidden(proto);
      WithOutputShapes shaped(proto);
      onnx::checker::check_model(proto);
    }
    error = findOversizedShape(proto.graph(), getOpsets(proto));
    if (error.empty())
      error = findBadNode(proto.graph(), getOpsets(proto));
    if (!error.empty())
      return false;
    if (!options.freezeDefaults)
      separateDefaults(model);
    onnx::inliner::InlineLocalFunctions(proto, /*convert_version=*/true);
    const std::map<std::string, int> opsets = getOpsets(proto);
    spellOutDefaults(*proto.mutable_graph(), opsets, hasRow);
    declareInitializers(*proto.mutable_graph());
    FunctionsWithoutRow selected(hasRow);
    // The inliner looks up the type of every input of a call, absent ones ("") too.
    proto.mutable_graph()->add_value_info();
    onnx::inliner::InlineSelectedFunctions(proto, selected, nullptr);
    auto &values = *proto.mutable_graph()->mutable_value_info();
    values.erase(std::remove_if(values.begin(), values.end(), [](const auto &value) { return value.name().empty(); }),
                 values.end());
    error = findBadNode(proto.graph(), opsets);
    if (!error.empty())
      return false;
    // Data propagation makes a message for each element of a one-dimensional value, whatever it means: ruinous for
    // data, and shape operands are followed by the graph dialect's own inference.
    onnx::ShapeInferenceOptions inference(/*check_type=*/true, /*strict_mode=*/1, /*data_prop=*/false);
    OutputShapesAside aside(*proto.mutable_graph());
    try {
      onnx::shape_inference::InferShapes(proto, onnx::OpSchemaRegistry::Instance(), inference);
    } catch (const std::exception &) {
      // Exporters leave wrong shapes on values between nodes. These are hints: what inference finds without them
      // counts.
      proto.mutable_graph()->clear_value_info();
      onnx::shape_inference::InferShapes(proto, onnx::OpSchemaRegistry::Instance(), inference);
    }
  } catch (const std::exception &exception) {
    error = exception.what();
    return false;
  }
  return true;
}

/// Graphs in graphs deeper than Protobuf's own limit would allow; each level takes three messages.
constexpr int maxMessageDepth = 1000;

/// `what` ("file is" or "bytes are") names the stream of `size` bytes in the message.
static bool parse(google::protobuf::io::ZeroCopyInputStream &stream, int64_t size, const char *what,
                  onnx::ModelProto &proto, std::string &error) {
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(INT_MAX);
  coded.SetRecursionLimit(maxMessageDepth);
  if (size > 0 && size <= INT_MAX && proto.ParseFromCodedStream(&coded) && coded.ConsumedEntireMessage())
    return true;
  error = std::string("expected an ONNX model, but the ") + what +
          " not a well-formed ModelProto (truncated, damaged, or nested too deeply?)";
  return false;
}

bool tegula::parseOnnxModel(const std::string &path, onnx::ModelProto &proto, std::string &error) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    error = std::string("cannot open: ") + std::strerror(errno);
    return false;
  }
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    error = "expected a regular file";
    close(file);
    return false;
  }
  google::protobuf::io::FileInputStream stream(file);
  stream.SetCloseOnDelete(true);
  return parse(stream, status.st_size, "file is", proto, error);
}

std::shared_ptr<OnnxModel> tegula::loadOnnxModel(const std::string &path, const LoadOptions &options,
                                                 const HasNodeRow &hasRow, std::string &error) {
  auto model = std::make_shared<OnnxModel>();
  model->path = path;
  return parseOnnxModel(path, *model->proto, error) && prepare(*model, options, hasRow, error) ? model : nullptr;
}

std::shared_ptr<OnnxModel> tegula::loadOnnxModelFromBytes(const char *data, size_t size, const LoadOptions &options,
                                                          const HasNodeRow &hasRow, std::string &error) {
  auto model = std::make_shared<OnnxModel>();
  model->path = "<memory>";
  google::protobuf::io::ArrayInputStream stream(data, int(std::min<size_t>(size, INT_MAX)));
  bool isParsed = parse(stream, int64_t(size), "bytes are", *model->proto, error);
  return isParsed && prepare(*model, options, hasRow, error) ? model : nullptr;
}
