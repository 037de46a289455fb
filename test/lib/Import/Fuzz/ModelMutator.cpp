// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ModelMutator.h"

#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {
/// Deep enough for every subgraph that a small model has.
constexpr int maxDepth = 40;

class Mutator {
public:
  Mutator(unsigned seed, const onnx::ModelProto &other) : random(seed), other(other) {}

  void mutate(onnx::ModelProto &model) {
    for (unsigned round = 0, rounds = 1 + pick(3); round < rounds; ++round) {
      messages.clear();
      collect(model, maxDepth);
      // Nodes, attributes and types are what a compiler looks at; the model's own few fields are reached often enough.
      Message &message = *messages[pick(messages.size())];
      const Descriptor &type = *message.GetDescriptor();
      if (type.field_count())
        change(message, *type.field(int(pick(type.field_count()))));
    }
  }

private:
  size_t pick(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); }

  void collect(Message &message, int depth) {
    messages.push_back(&message);
    const Reflection &reflection = *message.GetReflection();
    std::vector<const FieldDescriptor *> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor *field : fields) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || depth == 0)
        continue;
      if (!field->is_repeated())
        collect(*reflection.MutableMessage(&message, field), depth - 1);
      for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i)
        collect(*reflection.MutableRepeatedMessage(&message, field, i), depth - 1);
    }
  }

  void change(Message &message, const FieldDescriptor &field) {
    const Reflection &reflection = *message.GetReflection();
    if (!field.is_repeated()) {
      if (pick(6) == 0)
        reflection.ClearField(&message, &field);
      else
        set(message, field, -1);
      return;
    }
    int size = reflection.FieldSize(message, &field);
    switch (pick(size ? 6 : 2)) {
    case 0:
    case 1:
      add(message, field);
      break;
    case 2: // one more of what is there
      if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        std::unique_ptr<Message> copy(reflection.GetRepeatedMessage(message, &field, int(pick(size))).New());
        copy->CopyFrom(reflection.GetRepeatedMessage(message, &field, int(pick(size))));
        reflection.AddAllocatedMessage(&message, &field, copy.release());
        break;
      }
      add(message, field);
      break;
    case 3:
      reflection.SwapElements(&message, &field, int(pick(size)), size - 1);
      reflection.RemoveLast(&message, &field);
      break;
    case 4:
      reflection.SwapElements(&message, &field, int(pick(size)), int(pick(size)));
      break;
    default:
      set(message, field, int(pick(size)));
    }
  }

  /// Gives a repeated field one more element.
  void add(Message &message, const FieldDescriptor &field) {
    set(message, field, message.GetReflection()->FieldSize(message, &field));
  }

  /// Gives a field (element `index` of a repeated one, which may be the first behind the last) another value.
  void set(Message &message, const FieldDescriptor &field, int index) {
    const Reflection &reflection = *message.GetReflection();
    bool isRepeated = index >= 0, isNew = isRepeated && index == reflection.FieldSize(message, &field);
    auto put = [&](auto setOnly, auto setElement, auto addElement, auto value) {
      if (isNew)
        (reflection.*addElement)(&message, &field, value);
      else if (isRepeated)
        (reflection.*setElement)(&message, &field, index, value);
      else
        (reflection.*setOnly)(&message, &field, value);
    };
    switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      // First the copy: to touch one member of a oneof deletes the others, which may be the source.
      std::unique_ptr<Message> copy = copyOfAny(*field.message_type());
      Message &target = isNew        ? *reflection.AddMessage(&message, &field)
                        : isRepeated ? *reflection.MutableRepeatedMessage(&message, &field, index)
                                     : *reflection.MutableMessage(&message, &field);
      if (copy)
        target.GetReflection()->Swap(&target, copy.get());
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = chooseText(message, field);
      if (isNew)
        reflection.AddString(&message, &field, text);
      else if (isRepeated)
        reflection.SetRepeatedString(&message, &field, index, text);
      else
        reflection.SetString(&message, &field, text);
      break;
    }
    case FieldDescriptor::CPPTYPE_INT64:
      put(&Reflection::SetInt64, &Reflection::SetRepeatedInt64, &Reflection::AddInt64, chooseInteger());
      break;
    case FieldDescriptor::CPPTYPE_INT32: // element types mostly
      put(&Reflection::SetInt32, &Reflection::SetRepeatedInt32, &Reflection::AddInt32,
          int32_t(pick(4) ? pick(30) : chooseInteger()));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      put(&Reflection::SetUInt64, &Reflection::SetRepeatedUInt64, &Reflection::AddUInt64, uint64_t(chooseInteger()));
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      put(&Reflection::SetFloat, &Reflection::SetRepeatedFloat, &Reflection::AddFloat, float(chooseReal()));
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      put(&Reflection::SetDouble, &Reflection::SetRepeatedDouble, &Reflection::AddDouble, chooseReal());
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto &values = *field.enum_type();
      int number = values.value(int(pick(values.value_count())))->number();
      put(&Reflection::SetEnumValue, &Reflection::SetRepeatedEnumValue, &Reflection::AddEnumValue, number);
      break;
    }
    default: // ONNX has no other fields
      break;
    }
  }

  /// A copy of a message of this type from the model or the other one; null when there is none of a modest size.
  std::unique_ptr<Message> copyOfAny(const Descriptor &type) {
    std::vector<const Message *> found;
    for (const Message *message : messages)
      if (message->GetDescriptor() == &type)
        found.push_back(message);
    if (pick(2) || found.empty())
      collectOfType(other, type, found, maxDepth);
    if (found.empty())
      return nullptr;
    const Message &source = *found[pick(found.size())];
    if (source.ByteSizeLong() > 4096)
      return nullptr;
    std::unique_ptr<Message> copy(source.New());
    copy->CopyFrom(source);
    return copy;
  }

  static void collectOfType(const Message &message, const Descriptor &type, std::vector<const Message *> &found,
                            int depth) {
    if (message.GetDescriptor() == &type)
      found.push_back(&message);
    const Reflection &reflection = *message.GetReflection();
    std::vector<const FieldDescriptor *> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor *field : fields) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || depth == 0)
        continue;
      if (!field->is_repeated())
        collectOfType(reflection.GetMessage(message, field), type, found, depth - 1);
      for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i)
        collectOfType(reflection.GetRepeatedMessage(message, field, i), type, found, depth - 1);
    }
  }

  /// For an operator or attribute a name that ONNX knows, else a name that the model has.
  std::string chooseText(const Message &message, const FieldDescriptor &field) {
    static const std::vector<onnx::OpSchema> schemas = onnx::OpSchemaRegistry::get_all_schemas();
    const onnx::OpSchema &schema = schemas[pick(schemas.size())];
    if (field.name() == "op_type")
      return schema.Name();
    if (field.name() == "domain" && pick(4))
      return schema.domain();
    if (message.GetDescriptor()->name() == "AttributeProto" && field.name() == "name" && !schema.attributes().empty())
      return std::next(schema.attributes().begin(), long(pick(schema.attributes().size())))->first;
    if (field.name() == "raw_data")
      return std::string(pick(64), char(pick(256)));
    std::vector<std::string> names{"", "nowhere", "N"};
    for (const Message *other : messages)
      collectTexts(*other, names);
    return names[pick(names.size())];
  }

  static void collectTexts(const Message &message, std::vector<std::string> &texts) {
    const Reflection &reflection = *message.GetReflection();
    std::vector<const FieldDescriptor *> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor *field : fields) {
      if (field->type() != FieldDescriptor::TYPE_STRING)
        continue;
      if (!field->is_repeated())
        texts.push_back(reflection.GetString(message, field));
      for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i)
        texts.push_back(reflection.GetRepeatedString(message, field, i));
    }
  }

  int64_t chooseInteger() {
    static constexpr int64_t extremes[] = {std::numeric_limits<int64_t>::min(),
                                           std::numeric_limits<int64_t>::max(),
                                           std::numeric_limits<int32_t>::min(),
                                           std::numeric_limits<int32_t>::max(),
                                           int64_t(1) << 32,
                                           int64_t(1) << 40,
                                           1024,
                                           65536};
    return pick(4) ? int64_t(pick(12)) - 3 : extremes[pick(std::size(extremes))];
  }

  double chooseReal() {
    static constexpr double values[] = {0, -0.0, 1, -1, 0.5, 2, 1e-45, 1e38, -1e38, 1e300};
    size_t index = pick(std::size(values) + 2);
    return index < std::size(values)    ? values[index]
           : index == std::size(values) ? std::numeric_limits<double>::quiet_NaN()
                                        : std::numeric_limits<double>::infinity();
  }

  std::mt19937 random;
  const onnx::ModelProto &other;
  std::vector<Message *> messages; // of the model, in order
};
} // namespace

size_t tegula::mutateModel(uint8_t *data, size_t size, size_t maxSize, unsigned seed, const uint8_t *other,
                           size_t otherSize) {
  onnx::ModelProto model, second;
  if (!model.ParseFromArray(data, int(size))) {
    model.Clear();
    model.set_ir_version(10);
    model.add_opset_import()->set_version(18);
    model.mutable_graph()->set_name("g");
  }
  if (!second.ParseFromArray(other, int(otherSize)))
    second.Clear();
  Mutator(seed, second).mutate(model);
  std::string bytes;
  // A model that has grown too big stays as it was.
  if (!model.SerializePartialToString(&bytes) || bytes.size() > maxSize)
    return std::min(size, maxSize);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}
