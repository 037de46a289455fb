// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One thread: what goes in and out of a run, what is refused, what the hooks see.
#include "RuntimeTest.h"
#include <cstring>
#include <limits>

using namespace tegula_test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// c[m, n] = a[m, k] + sum over k of b[k, n], element by element on one worker.
int32_t addColumnSums(int64_t gridId, int64_t, void *const *buffers, const int64_t *dims, void *) {
  const auto *a = static_cast<const float *>(buffers[0]), *b = static_cast<const float *>(buffers[1]);
  auto *c = static_cast<float *>(buffers[2]);
  int64_t m = dims[0], k = dims[1], n = dims[3];
  if (gridId != 0)
    return TEGULA_OK;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      float sum = a[i * k];
      for (int64_t l = 0; l < k; ++l)
        sum += b[l * n + j];
      c[i * n + j] = sum;
    }
  return TEGULA_OK;
}

int32_t addProgram(void *context, const tegula_services *services, void *, const void *, void *const *inputs,
                   const int64_t *dims) {
  int64_t shape[] = {dims[0], dims[3]};
  void *c = services->output(context, 0, 2, shape);
  if (!c)
    return services->fail(context, TEGULA_OUT_OF_MEMORY, -1);
  void *buffers[] = {inputs[0], inputs[1], c};
  return services->dispatch(context, 0, dims[0] * dims[1] * dims[3], buffers, dims);
}

class RunTest : public testing::Test {
protected:
  void SetUp() override {
    description.input("a", Float, {-1, -1}, {"rows", "depth"})
        .input("b", Float, {-1, 2}, {"depth", nullptr})
        .output("c", Float, {-1, 2}, {"rows", nullptr})
        .kernel("matmul_add_0", {addColumnSums}, "add\nsum")
        .program(addProgram);
    model = description.load();
    context = makeContext(model.get(), 1);
  }

  tegula_error run(std::vector<tegula_tensor> tensors, tegula_tensor *output = nullptr) {
    tegula_tensor ignored = {};
    return tegula_context_run(context.get(), tensors.data(), static_cast<int32_t>(tensors.size()),
                              output ? output : &ignored, 1);
  }
  tegula_tensor tensor(std::initializer_list<int64_t> shape, int32_t type = Float) {
    shapes.emplace_back(shape);
    return {values, type, static_cast<int32_t>(shapes.back().size()), shapes.back().data()};
  }

  TestModel description;
  ModelPointer model;
  ContextPointer context;
  std::deque<std::vector<int64_t>> shapes;
  alignas(64) float values[64] = {1, 2, 3, 4, 5, 6, 7, 8};
};

TEST_F(RunTest, DynamicShapes) {
  tegula_tensor c = {};
  ASSERT_EQ(run({tensor({2, 2}), tensor({2, 2})}, &c), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(shapeOf(c), ElementsAre(2, 2));
  EXPECT_THAT(floats(c), ElementsAre(5, 7, 7, 9));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(c.data) % TEGULA_ALIGNMENT, 0u);
  c = {};
  ASSERT_EQ(run({tensor({3, 1}), tensor({1, 2})}, &c), TEGULA_ERROR_NONE);
  EXPECT_THAT(shapeOf(c), ElementsAre(3, 2));
  EXPECT_THAT(floats(c), ElementsAre(2, 3, 3, 4, 4, 5));
  c = {};
  ASSERT_EQ(run({tensor({0, 5}), tensor({5, 2})}, &c), TEGULA_ERROR_NONE);
  EXPECT_THAT(shapeOf(c), ElementsAre(0, 2));
  EXPECT_NE(c.data, nullptr);
}

// What a run filled in is not taken for a buffer of the user's in the next.
TEST_F(RunTest, SameOutputsAgain) {
  tegula_tensor c = {};
  ASSERT_EQ(run({tensor({2, 2}), tensor({2, 2})}, &c), TEGULA_ERROR_NONE);
  ASSERT_EQ(run({tensor({3, 1}), tensor({1, 2})}, &c), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(shapeOf(c), ElementsAre(3, 2));
  EXPECT_THAT(floats(c), ElementsAre(2, 3, 3, 4, 4, 5));
}

TEST_F(RunTest, WrongCount) {
  EXPECT_EQ(run({tensor({2, 2})}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "expected 2 inputs, but got 1");
  tegula_tensor inputs[] = {tensor({2, 2}), tensor({2, 2})};
  EXPECT_EQ(tegula_context_run(context.get(), inputs, 2, nullptr, 0), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "expected 1 output, but got 0");
  EXPECT_EQ(tegula_context_run(context.get(), nullptr, 2, inputs, 1), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "expected 2 inputs, but got a null pointer");
}

// c = a + column sums of b, where b has a default of shape [2, 2].
class DefaultTest : public RunTest {
protected:
  void SetUp() override {
    description.input("a", Float, {-1, -1}, {"rows", "depth"})
        .input("b", Float, {-1, 2}, {"depth", nullptr})
        .inputDefault({2, 2}, 64)
        .output("c", Float, {-1, 2}, {"rows", nullptr})
        .kernel("matmul_add_0", {addColumnSums}, "add\nsum")
        .program(addProgram)
        .constants(constants, sizeof(constants));
    model = description.load();
    context = makeContext(model.get(), 1);
  }

  alignas(64) float constants[20] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 20, 30, 40};
};

TEST_F(DefaultTest, LeftOutAtTheEnd) {
  tegula_tensor c = {};
  ASSERT_EQ(run({tensor({2, 2})}, &c), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(floats(c), ElementsAre(41, 61, 43, 63));
}

TEST_F(DefaultTest, LeftOutByZeros) {
  tegula_tensor c = {};
  ASSERT_EQ(run({tensor({2, 2}), tegula_tensor{}}, &c), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(floats(c), ElementsAre(41, 61, 43, 63));
}

TEST_F(DefaultTest, Overridden) {
  tegula_tensor c = {};
  ASSERT_EQ(run({tensor({1, 1}), tensor({1, 2})}, &c), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(floats(c), ElementsAre(2, 3));
  // The next run has the default again.
  ASSERT_EQ(run({tensor({1, 2})}, &c), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(floats(c), ElementsAre(41, 61));
}

TEST_F(DefaultTest, SymbolsOfDefaults) {
  EXPECT_EQ(run({tensor({2, 3})}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "input 'b': expected 3 for dimension 0 ('depth'), as in input 'a', but got 2");
}

TEST_F(DefaultTest, NoDefault) {
  EXPECT_EQ(run({tegula_tensor{}}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "input 'a': expected a tensor, but got none, and it has no default");
  EXPECT_EQ(run({}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "expected 2 inputs, but got 0");
}

TEST_F(DefaultTest, Description) {
  EXPECT_EQ(tegula_model_input_default(model.get(), 0), nullptr);
  EXPECT_EQ(tegula_model_input_default(model.get(), 2), nullptr);
  const tegula_tensor *tensor = tegula_model_input_default(model.get(), 1);
  ASSERT_NE(tensor, nullptr);
  EXPECT_THAT(shapeOf(*tensor), ElementsAre(2, 2));
  EXPECT_THAT(floats(*tensor), ElementsAre(10, 20, 30, 40));
}

TEST_F(RunTest, WrongElementType) {
  EXPECT_EQ(run({tensor({2, 2}, Double), tensor({2, 2})}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "input 'a': expected element type float32, but got float64");
  EXPECT_EQ(run({tensor({2, 2}, 1000), tensor({2, 2})}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "input 'a': expected element type float32, but got an unknown one");
}

TEST_F(RunTest, WrongShape) {
  EXPECT_EQ(run({tensor({2, 2}), tensor({2})}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "input 'b': expected shape [depth, 2], but got [2]");
  EXPECT_EQ(run({tensor({2, 2}), tensor({2, 3})}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "input 'b': expected shape [depth, 2], but got [2, 3]");
  EXPECT_EQ(run({tensor({2, -3}), tensor({2, 2})}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("input 'a': expected shape [rows, depth]"));
}

TEST_F(RunTest, SymbolConflict) {
  EXPECT_EQ(run({tensor({2, 2}), tensor({3, 2})}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "input 'b': expected 2 for dimension 0 ('depth'), as in input 'a', but got 3");
}

TEST_F(RunTest, HugeShape) {
  int64_t big = std::numeric_limits<int64_t>::max() / 2;
  EXPECT_EQ(run({tensor({big, big}), tensor({2, 2})}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "input 'a': its size exceeds 64 bits");
}

TEST_F(RunTest, BadPointers) {
  tegula_tensor a = tensor({2, 2}), b = tensor({2, 2});
  a.data = nullptr;
  EXPECT_EQ(run({a, b}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "input 'a': expected 16 bytes, but got a null pointer");
  a.data = reinterpret_cast<char *>(values) + 2;
  EXPECT_EQ(run({a, b}), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("input 'a': expected data aligned to 4 bytes"));
  a = tensor({2, 2});
  a.shape = nullptr;
  EXPECT_EQ(run({a, b}), TEGULA_ERROR_INVALID_ARGUMENT);
}

TEST_F(RunTest, BoundOutput) {
  float result[4] = {};
  tegula_tensor c = tensor({2, 2});
  c.data = result;
  ASSERT_EQ(run({tensor({2, 2}), tensor({2, 2})}, &c), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(result, ElementsAre(5, 7, 7, 9));
  EXPECT_EQ(c.data, result);
  EXPECT_EQ(tegula_context_take_output(context.get(), 0), nullptr);

  c = tensor({3, 2});
  c.data = result;
  EXPECT_EQ(run({tensor({2, 2}), tensor({2, 2})}, &c), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "output 'c': the result has shape [2, 2], but the buffer given has [3, 2]");
  c = tensor({2, 3});
  c.data = result;
  EXPECT_EQ(run({tensor({2, 2}), tensor({2, 2})}, &c), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "output 'c': expected shape [rows, 2], but got [2, 3]");
  c = tensor({2, 2}, Int64);
  EXPECT_EQ(run({tensor({2, 2}), tensor({2, 2})}, &c), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "output 'c': expected element type float32, but got int64");
  c = tensor({2, 2});
  c.data = values + 3;
  EXPECT_EQ(run({tensor({2, 2}), tensor({2, 2})}, &c), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(tegula_last_error(), "output 'c' overlaps input 'a' in memory");
}

TEST_F(RunTest, TakenOutputOutlivesTheContext) {
  tegula_tensor c = {};
  ASSERT_EQ(run({tensor({2, 2}), tensor({2, 2})}, &c), TEGULA_ERROR_NONE);
  void *taken = tegula_context_take_output(context.get(), 0);
  EXPECT_EQ(taken, c.data);
  EXPECT_EQ(tegula_context_take_output(context.get(), 0), nullptr);
  EXPECT_EQ(tegula_context_take_output(context.get(), 1), nullptr);
  tegula_tensor other = {};
  ASSERT_EQ(run({tensor({1, 2}), tensor({2, 2})}, &other), TEGULA_ERROR_NONE);
  EXPECT_NE(other.data, taken);
  context.reset();
  EXPECT_EQ(static_cast<float *>(taken)[0], 5);
  tegula_free(taken);
}

TEST_F(RunTest, ContextKeepsModelAlive) {
  model.reset();
  EXPECT_EQ(run({tensor({2, 2}), tensor({2, 2})}), TEGULA_ERROR_NONE);
}

TEST_F(RunTest, ProfileAndHooks) {
  int64_t count = -1, nanoseconds = -1;
  EXPECT_EQ(tegula_context_profile(context.get(), 0, &count, &nanoseconds), TEGULA_ERROR_INVALID_ARGUMENT);
  struct Seen {
    std::string log;
    float lastOutput = 0;
  } seen;
  tegula_hooks hooks = {&seen,
                        [](void *user, int32_t kernel, void *const *, const int64_t *dims) {
                          static_cast<Seen *>(user)->log +=
                              "before " + std::to_string(kernel) + " " + std::to_string(dims[0]) + ";";
                        },
                        [](void *user, int32_t kernel, int32_t status, void *const *buffers, const int64_t *) {
                          auto *seen = static_cast<Seen *>(user);
                          seen->log += "after " + std::to_string(kernel) + " " + std::to_string(status) + ";";
                          seen->lastOutput = static_cast<float *>(buffers[2])[0];
                        }};
  tegula_context_set_hooks(context.get(), &hooks);
  ASSERT_EQ(tegula_context_set_profiling(context.get(), 1), TEGULA_ERROR_NONE);
  ASSERT_EQ(run({tensor({2, 2}), tensor({2, 2})}), TEGULA_ERROR_NONE);
  EXPECT_EQ(seen.log, "before 0 2;after 0 0;");
  EXPECT_EQ(seen.lastOutput, 5);
  tegula_context_set_hooks(context.get(), nullptr);
  ASSERT_EQ(run({tensor({2, 2}), tensor({2, 2})}), TEGULA_ERROR_NONE);
  EXPECT_EQ(seen.log, "before 0 2;after 0 0;");
  EXPECT_EQ(tegula_context_profile(context.get(), 0, &count, &nanoseconds), TEGULA_ERROR_NONE);
  EXPECT_EQ(count, 2);
  EXPECT_GT(nanoseconds, 0);
  EXPECT_EQ(tegula_context_dispatch_count(context.get()), 2);
  EXPECT_EQ(tegula_context_profile(context.get(), 1, &count, &nanoseconds), TEGULA_ERROR_INVALID_ARGUMENT);
  ASSERT_EQ(tegula_context_set_profiling(context.get(), 1), TEGULA_ERROR_NONE);
  EXPECT_EQ(tegula_context_profile(context.get(), 0, &count, &nanoseconds), TEGULA_ERROR_NONE);
  EXPECT_EQ(count, 0);
}

TEST(RunFailureTest, KernelStatusNamesItsNodes) {
  TestModel description;
  description
      .kernel("gather_0", {[](int64_t, int64_t, void *const *, const int64_t *, void *) {
                return int32_t(TEGULA_INDEX_OUT_OF_RANGE);
              }},
              "embed\nposition")
      .nodes({"embed (Gather)", "position (Gather)"});
  int32_t node = 0;
  {
    description.program([](void *context, const tegula_services *services, void *, const void *, void *const *,
                           const int64_t *) { return services->dispatch(context, 0, 1, nullptr, nullptr); });
    ModelPointer model = description.load();
    ContextPointer context = makeContext(model.get(), 1);
    EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_RUN_FAILED);
    EXPECT_STREQ(tegula_last_error(), "embed, position: index out of range (kernel gather_0)");
    EXPECT_EQ(tegula_context_failure(context.get(), &node), TEGULA_INDEX_OUT_OF_RANGE);
    EXPECT_EQ(node, -1);
  }
  {
    description.program(
        [](void *context, const tegula_services *services, void *, const void *, void *const *, const int64_t *) {
          return services->fail(context, services->dispatch(context, 0, 1, nullptr, nullptr), 1);
        });
    ModelPointer model = description.load();
    ContextPointer context = makeContext(model.get(), 1);
    EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_RUN_FAILED);
    EXPECT_STREQ(tegula_last_error(), "position (Gather): index out of range");
    EXPECT_EQ(tegula_context_failure(context.get(), &node), TEGULA_INDEX_OUT_OF_RANGE);
    EXPECT_EQ(node, 1);
  }
}

TEST(RunFailureTest, ProgramStatusAlone) {
  TestModel description;
  description.program(
      [](void *context, const tegula_services *services, void *, const void *, void *const *, const int64_t *) {
        // Neither a kernel nor an output that the tables do not have may crash.
        if (services->dispatch(context, 5, 1, nullptr, nullptr) == TEGULA_OK)
          return int32_t(TEGULA_OK);
        return int32_t(TEGULA_LOOP_LIMIT);
      });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_RUN_FAILED);
  EXPECT_STREQ(tegula_last_error(), "model 'test': loop iteration limit reached");
}

TEST(RunFailureTest, Interrupted) {
  static int kernelRuns;
  TestModel description;
  description
      .kernel("map_step_0", {[](int64_t, int64_t, void *const *, const int64_t *, void *) {
                ++kernelRuns;
                return int32_t(TEGULA_OK);
              }})
      .nodes({"a loop"})
      .program(
          [](void *context, const tegula_services *services, void *, const void *, void *const *, const int64_t *) {
            // Without end, first by its own question, then by the kernels'.
            int32_t status = TEGULA_OK;
            while (kernelRuns == 0 && status == TEGULA_OK)
              status = services->poll(context);
            while (kernelRuns > 0 && status == TEGULA_OK)
              status = services->dispatch(context, 0, 1, nullptr, nullptr);
            return services->fail(context, status, 0);
          });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  int32_t questions = 0;
  auto stopAtThird = [](void *user) { return int32_t(++*static_cast<int32_t *>(user) == 3); };
  tegula_context_set_poll(context.get(), stopAtThird, &questions);
  for (bool dispatches : {false, true}) {
    questions = 0;
    kernelRuns = dispatches;
    EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_INTERRUPTED);
    EXPECT_STREQ(tegula_last_error(), "a loop: the run was interrupted");
    EXPECT_EQ(tegula_context_failure(context.get(), nullptr), TEGULA_INTERRUPTED);
    EXPECT_EQ(questions, 3);
    EXPECT_EQ(kernelRuns > 1, dispatches);
  }
}

TEST(RunFailureTest, OutputNeverProduced) {
  TestModel description;
  description.output("y", Float, {1});
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  tegula_tensor y = {};
  EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, &y, 1), TEGULA_ERROR_INVALID_ARTIFACT);
  EXPECT_STREQ(tegula_last_error(), "the program did not produce output 'y'");
}

TEST(RunFailureTest, OutputOfWrongShape) {
  TestModel description;
  description.output("y", Float, {2, -1}, {nullptr, "n"})
      .program(
          [](void *context, const tegula_services *services, void *, const void *, void *const *, const int64_t *) {
            int64_t shape[] = {3, 1};
            return services->output(context, 0, 2, shape) ? 0 : services->fail(context, TEGULA_OUT_OF_MEMORY, 0);
          });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  tegula_tensor y = {};
  EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, &y, 1), TEGULA_ERROR_RUN_FAILED);
  EXPECT_STREQ(tegula_last_error(), "output 'y': expected shape [2, n], but got [3, 1]");
}

TEST(RunFailureTest, MemoryExhausted) {
  TestModel description;
  description.artifact.arena_bytes = int64_t(1) << 60;
  ModelPointer model = description.load();
  tegula_context *context = nullptr;
  EXPECT_EQ(tegula_context_create(model.get(), nullptr, &context), TEGULA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(context, nullptr);
  EXPECT_THAT(tegula_last_error(), HasSubstr("cannot allocate 1152921504606846976 bytes"));

  TestModel growing;
  growing.nodes({"tile (Tile)"}).outputOfAnyRank("y", Float);
  growing.program(
      [](void *context, const tegula_services *services, void *, const void *, void *const *, const int64_t *) {
        int64_t shape[] = {int64_t(1) << 40, int64_t(1) << 17};
        return services->output(context, 0, 2, shape) ? 0 : services->fail(context, TEGULA_OUT_OF_MEMORY, 0);
      });
  model = growing.load();
  ContextPointer second = makeContext(model.get(), 1);
  tegula_tensor y = {};
  EXPECT_EQ(tegula_context_run(second.get(), nullptr, 0, &y, 1), TEGULA_ERROR_OUT_OF_MEMORY);
  EXPECT_STREQ(tegula_last_error(), "tile (Tile): out of memory");
}

TEST(RunOutputTest, AnyRankAndSubByteTypes) {
  TestModel description;
  description.input("n", Int64, {1})
      .outputOfAnyRank("y", Int4)
      .program([](void *context, const tegula_services *services, void *, const void *, void *const *inputs,
                  const int64_t *) {
        int64_t rank = *static_cast<const int64_t *>(inputs[0]);
        std::vector<int64_t> shape(static_cast<size_t>(rank), 3);
        void *y = services->output(context, 0, static_cast<int32_t>(rank), shape.data());
        memset(y, 1, rank == 2 ? 9 : 1); // an element a byte
        return 0;
      });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  int64_t one = 1;
  for (int64_t rank : {2, 0}) {
    tegula_tensor n = {&rank, Int64, 1, &one}, y = {};
    ASSERT_EQ(tegula_context_run(context.get(), &n, 1, &y, 1), TEGULA_ERROR_NONE) << tegula_last_error();
    EXPECT_EQ(y.rank, rank);
    EXPECT_EQ(y.element_type, Int4);
    EXPECT_EQ(static_cast<char *>(y.data)[0], rank == 2 ? 0x11 : 0x01);
  }
}

TEST(ElementTypeTest, Sizes) {
  EXPECT_EQ(tegula_tensor_bytes(Float, 3), 12);
  EXPECT_EQ(tegula_tensor_bytes(Int4, 3), 2);
  EXPECT_EQ(tegula_tensor_bytes(26 /*int2*/, 5), 2);
  EXPECT_EQ(tegula_tensor_bytes(15 /*complex128*/, 2), 32);
  EXPECT_EQ(tegula_tensor_bytes(8 /*string*/, 2), -1);
  EXPECT_EQ(tegula_tensor_bytes(27, 2), -1);
  EXPECT_EQ(tegula_tensor_bytes(Float, -1), -1);
  EXPECT_EQ(tegula_tensor_bytes(Double, std::numeric_limits<int64_t>::max() / 8), -1);
  EXPECT_STREQ(tegula_element_type_name(16), "bfloat16");
  EXPECT_EQ(tegula_element_type_name(0), nullptr);
}

// Blocks come back to the cache, by release or with the run, also after a failure.
TEST(AllocatorTest, ReusesBlocksAndFreesThemWithTheRun) {
  static std::vector<void *> pointers;
  static int64_t sizes[] = {0, 1, 64, 65, 1000, int64_t(5) << 20};
  TestModel description;
  description.program(
      [](void *context, const tegula_services *services, void *, const void *, void *const *, const int64_t *) {
        pointers.clear();
        for (int64_t bytes : sizes) {
          void *pointer = services->allocate(context, bytes);
          if (!pointer || reinterpret_cast<uintptr_t>(pointer) % TEGULA_ALIGNMENT)
            return int32_t(TEGULA_OUT_OF_MEMORY);
          memset(pointer, 0xab, static_cast<size_t>(bytes));
          pointers.push_back(pointer);
        }
        services->release(context, nullptr);
        services->release(context, pointers[4]);
        if (services->allocate(context, 999) != pointers[4]) // same size class
          return int32_t(TEGULA_INVALID_VALUE);
        services->release(context, pointers[1]);
        services->release(context, pointers[5]);
        if (services->allocate(context, -1) || services->allocate(context, INT64_MAX))
          return int32_t(TEGULA_INVALID_VALUE);
        return int32_t(TEGULA_LOOP_LIMIT);
      });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_RUN_FAILED);
  EXPECT_THAT(tegula_last_error(), HasSubstr("loop iteration limit"));
  std::vector<void *> first = pointers;
  for (int k = 0; k < 3; ++k) {
    EXPECT_EQ(tegula_context_run(context.get(), nullptr, 0, nullptr, 0), TEGULA_ERROR_RUN_FAILED);
    EXPECT_THAT(tegula_last_error(), HasSubstr("loop iteration limit"));
    EXPECT_THAT(pointers, testing::UnorderedElementsAreArray(first));
  }
}

// Inside a program a 4-bit element is a byte: input and output are packed at its border, bound outputs too.
TEST(PackedTest, FourBitElements) {
  static std::vector<int> seen;
  seen.clear();
  TestModel description;
  description.input("x", Int4, {-1}, {nullptr}).output("y", Int4, {-1}, {nullptr});
  description.program([](void *context, const tegula_services *services, void *, const void *, void *const *inputs,
                         const int64_t *dims) {
    auto *x = static_cast<const int8_t *>(inputs[0]);
    auto *y = static_cast<int8_t *>(services->output(context, 0, 1, dims));
    for (int64_t k = 0; k < dims[0]; ++k) {
      seen.push_back(x[k]);
      y[k] = static_cast<int8_t>(-x[k] - 1);
    }
    return int32_t(TEGULA_OK);
  });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  int64_t shape[] = {5};
  uint8_t packed[] = {0x81, 0x7f, 0x03};
  tegula_tensor x = {packed, Int4, 1, shape}, y = {};
  ASSERT_EQ(tegula_context_run(context.get(), &x, 1, &y, 1), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(seen, ElementsAre(1, -8, -1, 7, 3));
  auto *result = static_cast<const uint8_t *>(y.data);
  EXPECT_THAT(std::vector<int>(result, result + 3), ElementsAre(0x7e, 0x80, 0x0c));
  uint8_t bound[4] = {0xff, 0xff, 0xff, 0xff};
  y = {bound, Int4, 1, shape};
  ASSERT_EQ(tegula_context_run(context.get(), &x, 1, &y, 1), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(std::vector<int>(bound, bound + 4), ElementsAre(0x7e, 0x80, 0x0c, 0xff));
}

TEST(RunTwiceTest, SecondRunInsideIsRefused) {
  static tegula_context *shared;
  static tegula_error inner;
  TestModel description;
  description.program([](void *, const tegula_services *, void *, const void *, void *const *, const int64_t *) {
    inner = tegula_context_run(shared, nullptr, 0, nullptr, 0);
    return 0;
  });
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  shared = context.get();
  EXPECT_EQ(tegula_context_run(shared, nullptr, 0, nullptr, 0), TEGULA_ERROR_NONE);
  EXPECT_EQ(inner, TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("already running"));
}

} // namespace
