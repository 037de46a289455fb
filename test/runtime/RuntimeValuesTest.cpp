// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Values of the C API, and programs that pass handles around.
#include "RuntimeTest.h"

using namespace tegula_test;
using testing::HasSubstr;

namespace {

struct ReleaseValue {
  void operator()(tegula_value *value) const { tegula_value_release(value); }
};
using ValuePointer = std::unique_ptr<tegula_value, ReleaseValue>;

ValuePointer makeFloats(std::vector<float> elements) {
  int64_t shape[] = {int64_t(elements.size())};
  tegula_tensor tensor = {elements.data(), Float, 1, shape};
  tegula_value *value = nullptr;
  EXPECT_EQ(tegula_value_from_tensor(&tensor, &value), TEGULA_ERROR_NONE) << tegula_last_error();
  return ValuePointer(value);
}

tegula_error makeStrings(std::vector<std::string> texts, ValuePointer &result) {
  std::vector<tegula_string> strings;
  for (const std::string &text : texts)
    strings.push_back({text.data(), int64_t(text.size())});
  int64_t shape[] = {int64_t(strings.size())};
  tegula_tensor tensor = {strings.data(), TEGULA_ELEMENT_STRING, 1, shape};
  tegula_value *value = nullptr;
  tegula_error error = tegula_value_from_tensor(&tensor, &value);
  result.reset(value);
  return error;
}

ValuePointer makeSequence(std::vector<tegula_value *> elements) {
  tegula_value *value = nullptr;
  EXPECT_EQ(tegula_value_from_elements(elements.data(), int64_t(elements.size()), &value), TEGULA_ERROR_NONE);
  return ValuePointer(value);
}

TEST(ValuesTest, ElementsOutliveTheirMaker) {
  ValuePointer sequence;
  {
    ValuePointer first = makeFloats({1, 2}), second = makeFloats({});
    sequence = makeSequence({first.get(), second.get()});
  }
  EXPECT_EQ(tegula_value_kind_of(sequence.get()), TEGULA_SEQUENCE);
  ASSERT_EQ(tegula_value_count(sequence.get()), 2);
  const tegula_tensor *first = tegula_value_tensor(tegula_value_element(sequence.get(), 0));
  ASSERT_TRUE(first);
  EXPECT_EQ(static_cast<const float *>(first->data)[1], 2);
  EXPECT_EQ(tegula_value_element(sequence.get(), 2), nullptr);
  EXPECT_EQ(tegula_value_element(sequence.get(), -1), nullptr);
  EXPECT_EQ(tegula_value_tensor(sequence.get()), nullptr);
  EXPECT_EQ(tegula_value_kind_of(nullptr), TEGULA_OPTIONAL);
}

TEST(ValuesTest, StringsAreCopiedAndChecked) {
  ValuePointer value;
  ASSERT_EQ(makeStrings({"a", "", "\xC3\xA9"}, value), TEGULA_ERROR_NONE);
  auto *strings = static_cast<const tegula_string *>(tegula_value_tensor(value.get())->data);
  EXPECT_EQ(std::string(strings[2].data, strings[2].size), "\xC3\xA9");
  // Overlong, surrogate, cut off, beyond the last code point, a lone following byte.
  for (const char *bad : {"\xC0\x80", "\xED\xA0\x80", "\xE2\x82", "\xF4\x90\x80\x80", "\x80"}) {
    EXPECT_EQ(makeStrings({"a", bad}, value), TEGULA_ERROR_INVALID_ARGUMENT);
    EXPECT_THAT(tegula_last_error(), HasSubstr("string 1 is not"));
  }
}

TEST(ValuesTest, MapsHaveAValueForEachKey) {
  ValuePointer keys, values = makeFloats({1, 2}), three = makeFloats({1, 2, 3});
  ASSERT_EQ(makeStrings({"a", "b"}, keys), TEGULA_ERROR_NONE);
  tegula_value *map = nullptr;
  EXPECT_EQ(tegula_value_from_map(keys.get(), three.get(), &map), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("expected 2 values, one for each key, but got 3"));
  ASSERT_EQ(tegula_value_from_map(keys.get(), values.get(), &map), TEGULA_ERROR_NONE);
  ValuePointer owner(map);
  EXPECT_EQ(tegula_value_element(map, 1), values.get());
}

const tegula_value_type floats = {TEGULA_TENSOR, Float, nullptr};
const tegula_value_type sequenceOfFloats = {TEGULA_SEQUENCE, 0, &floats};
const tegula_value_type *const oneSequence[] = {&sequenceOfFloats};

/// Inserts its first element again, then takes what is at position 5, and hands the longer sequence out.
int32_t insertAndTake(void *context, const tegula_services *services, void *, const void *, void *const *inputs,
                      const int64_t *) {
  int64_t zero = 0, five = 5;
  void *operands[] = {inputs[0], services->box(context, Int64, 0, nullptr, &zero), nullptr}, *element, *longer;
  if (int32_t status = services->host(context, "sequence_at", operands, 2, &element, 1))
    return services->fail(context, status, 0);
  void *toInsert[] = {inputs[0], element, nullptr};
  if (int32_t status = services->host(context, "sequence_insert", toInsert, 3, &longer, 1))
    return services->fail(context, status, 0);
  services->output_value(context, 0, longer);
  void *toTake[] = {longer, services->box(context, Int64, 0, nullptr, &five)}, *taken;
  if (int32_t status = services->host(context, "sequence_at", toTake, 2, &taken, 1))
    return services->fail(context, status, 1);
  // What is not dropped here, the runtime gives back.
  services->drop(context, longer);
  return TEGULA_OK;
}

TestModel sequenceModel() {
  TestModel model;
  model.input("s", 0, {}).output("t", 0, {}).nodes({"node 'first'", "node 'second'"}).program(insertAndTake);
  model.artifact.input_types = oneSequence;
  model.artifact.output_types = oneSequence;
  return model;
}

TEST(ValuesTest, HandlesOfAProgram) {
  TestModel tables = sequenceModel();
  ModelPointer model = tables.load();
  EXPECT_EQ(tegula_model_input_type(model.get(), 0)->kind, TEGULA_SEQUENCE);
  EXPECT_EQ(tegula_model_input_type(model.get(), 1), nullptr);
  ContextPointer context = makeContext(model.get(), 1);
  ValuePointer element = makeFloats({7}), sequence = makeSequence(std::vector<tegula_value *>(6, element.get()));
  tegula_tensor input = {sequence.get(), 0, 0, nullptr}, output = {};
  for (int run = 0; run < 3; ++run) // the outputs may be handed over as they are
    ASSERT_EQ(tegula_context_run(context.get(), &input, 1, &output, 1), TEGULA_ERROR_NONE) << tegula_last_error();
  auto *result = static_cast<tegula_value *>(output.data);
  EXPECT_EQ(tegula_value_count(result), 7);
  EXPECT_EQ(tegula_context_host_dispatch_count(context.get()), 9);
  EXPECT_EQ(tegula_context_dispatch_count(context.get()), 0);
  EXPECT_EQ(tegula_context_take_output(context.get(), 0), nullptr);
  tegula_value_retain(result);
  context.reset();
  EXPECT_EQ(tegula_value_element(result, 6), element.get());
  tegula_value_release(result);
}

TEST(ValuesTest, AFailedRunNamesTheNodeAndLeavesNothing) {
  TestModel tables = sequenceModel();
  ModelPointer model = tables.load();
  ContextPointer context = makeContext(model.get(), 1);
  ValuePointer element = makeFloats({7}), sequence = makeSequence({element.get()}), none = makeSequence({});
  tegula_tensor input = {sequence.get(), 0, 0, nullptr}, output = {};
  ASSERT_EQ(tegula_context_run(context.get(), &input, 1, &output, 1), TEGULA_ERROR_RUN_FAILED);
  EXPECT_STREQ(tegula_last_error(), "node 'second': index out of range: position 5 in a sequence of 2");
  input.data = none.get();
  ASSERT_EQ(tegula_context_run(context.get(), &input, 1, &output, 1), TEGULA_ERROR_RUN_FAILED);
  EXPECT_STREQ(tegula_last_error(), "node 'first': index out of range: position 0 in a sequence of 0");
}

TEST(ValuesTest, InputsOfAnotherTypeAreRefused) {
  TestModel tables = sequenceModel();
  ModelPointer model = tables.load();
  ContextPointer context = makeContext(model.get(), 1);
  ValuePointer strings, floats = makeFloats({1});
  ASSERT_EQ(makeStrings({"a"}, strings), TEGULA_ERROR_NONE);
  ValuePointer wrong = makeSequence({strings.get()});
  float number = 1;
  tegula_tensor output = {};
  for (tegula_tensor input : {tegula_tensor{wrong.get(), 0, 0, nullptr}, tegula_tensor{floats.get(), 0, 0, nullptr},
                              tegula_tensor{nullptr, 0, 0, nullptr}, tegula_tensor{&number, Float, 0, nullptr}}) {
    EXPECT_EQ(tegula_context_run(context.get(), &input, 1, &output, 1), TEGULA_ERROR_INVALID_ARGUMENT);
    EXPECT_THAT(tegula_last_error(), HasSubstr("input 's': expected a sequence"));
  }
}

TEST(ValuesTest, StringsInAndOut) {
  TestModel tables;
  tables.input("x", TEGULA_ELEMENT_STRING, {-1}).output("y", TEGULA_ELEMENT_STRING, {2});
  tables.program(
      [](void *context, const tegula_services *services, void *, const void *, void *const *inputs, const int64_t *) {
        int64_t shape[] = {2};
        auto *result = static_cast<int64_t *>(services->output(context, 0, 1, shape));
        auto *numbers = static_cast<const int64_t *>(inputs[0]);
        // Equal strings have one number, the empty string has 0.
        if (numbers[0] != numbers[2] || numbers[1] != 0)
          return int32_t(TEGULA_INVALID_VALUE);
        result[0] = numbers[0];
        result[1] = numbers[1];
        return int32_t(TEGULA_OK);
      });
  ModelPointer model = tables.load();
  ContextPointer context = makeContext(model.get(), 1);
  std::string long_text(100000, 'x');
  tegula_string strings[] = {
      {long_text.data(), int64_t(long_text.size())}, {nullptr, 0}, {long_text.data(), int64_t(long_text.size())}};
  int64_t shape[] = {3};
  tegula_tensor input = {strings, TEGULA_ELEMENT_STRING, 1, shape}, output = {};
  for (int run = 0; run < 2; ++run)
    ASSERT_EQ(tegula_context_run(context.get(), &input, 1, &output, 1), TEGULA_ERROR_NONE) << tegula_last_error();
  auto *taken = static_cast<tegula_string *>(tegula_context_take_output(context.get(), 0));
  ASSERT_TRUE(taken);
  context.reset();
  EXPECT_EQ(std::string(taken[0].data, taken[0].size), long_text);
  EXPECT_EQ(taken[1].size, 0);
  tegula_free(taken);
}

} // namespace
