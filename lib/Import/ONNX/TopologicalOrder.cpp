// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/TopologicalOrder.h"

#include "onnx/onnx_pb.h"

#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <vector>

using namespace tegula;

using Producers = std::unordered_map<std::string_view, int>;

/// The nodes of the outer graph that `node` needs, also through its subgraphs. A name that a subgraph makes itself can
/// at worst give an edge too many.
static void collectNeeds(const onnx::NodeProto &node, const Producers &producers, std::vector<int> &needs) {
  for (const std::string &input : node.input())
    if (auto found = producers.find(input); found != producers.end())
      needs.push_back(found->second);
  auto visit = [&](const onnx::GraphProto &graph) {
    for (const onnx::NodeProto &inner : graph.node())
      collectNeeds(inner, producers, needs);
    for (const onnx::ValueInfoProto &output : graph.output())
      if (auto found = producers.find(output.name()); found != producers.end())
        needs.push_back(found->second);
  };
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g())
      visit(attribute.g());
    for (const onnx::GraphProto &graph : attribute.graphs())
      visit(graph);
  }
}

void tegula::sortTopologically(onnx::GraphProto &graph) {
  for (onnx::NodeProto &node : *graph.mutable_node())
    for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        sortTopologically(*attribute.mutable_g());
      for (onnx::GraphProto &inner : *attribute.mutable_graphs())
        sortTopologically(inner);
    }
  int count = graph.node_size();
  Producers producers;
  for (int i = 0; i < count; ++i)
    for (const std::string &output : graph.node(i).output())
      if (!output.empty())
        producers.emplace(output, i);
  std::vector<std::vector<int>> users(count);
  std::vector<int> missing(count, 0);
  bool isSorted = true;
  for (int i = 0; i < count; ++i) {
    std::vector<int> needs;
    collectNeeds(graph.node(i), producers, needs);
    for (int need : needs) {
      if (need == i && graph.node(i).attribute_size())
        continue; // a subgraph may reuse the name of its own node's result
      users[need].push_back(i);
      ++missing[i];
      isSorted &= need < i;
    }
  }
  if (isSorted)
    return;
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (int i = 0; i < count; ++i)
    if (!missing[i])
      ready.push(i);
  std::vector<int> order;
  while (!ready.empty()) {
    int i = ready.top();
    ready.pop();
    order.push_back(i);
    for (int user : users[i])
      if (--missing[user] == 0)
        ready.push(user);
  }
  if (int(order.size()) != count)
    return;
  google::protobuf::RepeatedPtrField<onnx::NodeProto> sorted;
  sorted.Reserve(count);
  for (int i : order)
    sorted.Add()->Swap(graph.mutable_node(i));
  graph.mutable_node()->Swap(&sorted);
}
