// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "RuntimeTest.h"
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;
using namespace tegula_test;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace {

std::string artifact(const std::string &name) { return std::string(TEGULA_TEST_ARTIFACTS) + "/" + name + ".so"; }

class LoadTest : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) / ("tegula_load_" + std::to_string(getpid()));
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  fs::path copy(const std::string &name, const std::string &newName) {
    fs::copy_file(artifact(name), folder / newName, fs::copy_options::overwrite_existing);
    return folder / newName;
  }
  void writeWeights(std::vector<float> values) {
    std::ofstream(folder / "weights.bin", std::ios::binary)
        .write(reinterpret_cast<const char *>(values.data()), static_cast<std::streamsize>(values.size() * 4));
  }
  static tegula_error load(const fs::path &path, ModelPointer &model, const tegula_model_options *options = nullptr) {
    tegula_model *raw = nullptr;
    tegula_error error = tegula_model_load(path.c_str(), options, &raw);
    model.reset(raw);
    return error;
  }
  static void expectScales(tegula_model *model) {
    ContextPointer context = makeContext(model, 1);
    std::vector<float> x = {1, 2, 3, 4, 5, 6};
    int64_t shape[] = {2, 3};
    tegula_tensor input = {x.data(), Float, 2, shape}, output = {};
    ASSERT_EQ(tegula_context_run(context.get(), &input, 1, &output, 1), TEGULA_ERROR_NONE) << tegula_last_error();
    EXPECT_THAT(floats(output), testing::ElementsAre(3, 5, 7, 9, 11, 13));
  }

  fs::path folder;
  ModelPointer model;
};

TEST_F(LoadTest, DescribesAndRuns) {
  ASSERT_EQ(load(artifact("scale"), model), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_STREQ(tegula_model_name(model.get()), "scale");
  EXPECT_STREQ(tegula_model_target(model.get()), "x86-64-v2");
  EXPECT_STREQ(tegula_model_provenance(model.get()), "{\"compiler\": \"by hand\"}");
  ASSERT_EQ(tegula_model_input_count(model.get()), 1);
  const tegula_tensor_info *input = tegula_model_input(model.get(), 0);
  EXPECT_STREQ(input->name, "x");
  EXPECT_STREQ(input->symbols[0], "batch");
  EXPECT_EQ(tegula_model_input(model.get(), 1), nullptr);
  EXPECT_EQ(tegula_model_output(model.get(), -1), nullptr);
  ASSERT_EQ(tegula_model_kernel_count(model.get()), 1);
  EXPECT_STREQ(tegula_model_kernel(model.get(), 0)->name, "map_scale_0");
  expectScales(model.get());
}

TEST_F(LoadTest, RenamedFile) {
  ASSERT_EQ(load(copy("scale", "another name.bin"), model), TEGULA_ERROR_NONE) << tegula_last_error();
  expectScales(model.get());
}

TEST_F(LoadTest, RelativePathWithoutFolder) {
  copy("scale", "here.so");
  fs::path before = fs::current_path();
  fs::current_path(folder);
  tegula_error error = load("here.so", model);
  fs::current_path(before);
  ASSERT_EQ(error, TEGULA_ERROR_NONE) << tegula_last_error();
  expectScales(model.get());
}

// The dynamic loader would hand out the old library for a name that it knows.
TEST_F(LoadTest, FileReplacedWhileLoaded) {
  fs::path path = copy("scale", "model.so");
  ASSERT_EQ(load(path, model), TEGULA_ERROR_NONE);
  fs::rename(copy("changed", "temporary.so"), path);
  ModelPointer changed, again;
  ASSERT_EQ(load(path, changed), TEGULA_ERROR_NONE) << tegula_last_error();
  ASSERT_EQ(load(path, again), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_STREQ(tegula_model_features(model.get()), "");
  EXPECT_STREQ(tegula_model_features(changed.get()), "sse2");
  EXPECT_EQ(tegula_model_artifact(again.get()), tegula_model_artifact(changed.get()));
  model.reset();
  again.reset();
  expectScales(changed.get());
}

TEST_F(LoadTest, MissingFile) {
  EXPECT_EQ(load(folder / "absent.so", model), TEGULA_ERROR_FILE);
  EXPECT_THAT(tegula_last_error(), AllOf(HasSubstr("absent.so"), HasSubstr("No such file")));
  EXPECT_EQ(load(folder, model), TEGULA_ERROR_FILE);
  EXPECT_THAT(tegula_last_error(), HasSubstr("not a regular file"));
}

TEST_F(LoadTest, NotALibrary) {
  std::ofstream(folder / "text.so")
      << "This is text, long enough to be a header of sixty-four bytes or more, is it not?";
  EXPECT_EQ(load(folder / "text.so", model), TEGULA_ERROR_INVALID_ARTIFACT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("is not a compiled model"));
  std::ofstream(folder / "empty.so").flush();
  EXPECT_EQ(load(folder / "empty.so", model), TEGULA_ERROR_INVALID_ARTIFACT);
}

TEST_F(LoadTest, TruncatedAnywhere) {
  fs::path path = copy("scale", "short.so");
  uintmax_t size = fs::file_size(path);
  for (uintmax_t length = 0; length < size; length += 97) {
    copy("scale", "short.so");
    fs::resize_file(path, length);
    EXPECT_EQ(load(path, model), TEGULA_ERROR_INVALID_ARTIFACT) << length << " of " << size << " bytes";
  }
}

TEST_F(LoadTest, OtherProcessorArchitecture) {
  fs::path path = copy("scale", "foreign.so");
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(18);                          // e_machine
  file.put(static_cast<char>(243)).put(0); // RISC-V
  file.close();
  EXPECT_EQ(load(path, model), TEGULA_ERROR_INCOMPATIBLE);
  EXPECT_THAT(tegula_last_error(), AllOf(HasSubstr("another processor"), HasSubstr("243")));
}

TEST_F(LoadTest, QueryFunctionMissingOrAmbiguous) {
  EXPECT_EQ(load(artifact("no_query"), model), TEGULA_ERROR_INVALID_ARTIFACT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("exports no function ending in '_query'"));
  EXPECT_EQ(load(artifact("two_queries"), model), TEGULA_ERROR_INVALID_ARTIFACT);
  EXPECT_THAT(tegula_last_error(), AllOf(HasSubstr("scale_query"), HasSubstr("other_query")));
}

TEST_F(LoadTest, OtherAbiVersion) {
  EXPECT_EQ(load(artifact("other_abi"), model), TEGULA_ERROR_INCOMPATIBLE);
  std::string current = std::to_string(TEGULA_ABI_VERSION);
  EXPECT_THAT(tegula_last_error(), HasSubstr("expected ABI version " + current + ", but got 99"));
  EXPECT_EQ(load(artifact("serves_no_version"), model), TEGULA_ERROR_INCOMPATIBLE);
  EXPECT_THAT(tegula_last_error(), HasSubstr("cannot serve ABI version " + current));
}

// XOP existed only on processors of one maker, AMX only on those of another: no processor has both.
TEST_F(LoadTest, MissingProcessorFeatures) {
  EXPECT_EQ(load(artifact("other_processor"), model), TEGULA_ERROR_INCOMPATIBLE);
  std::string message = tegula_last_error();
  EXPECT_TRUE(message.find("xop") != message.npos || message.find("amx-tile") != message.npos) << message;
  EXPECT_THAT(message, AllOf(HasSubstr("future-feature (unknown to this runtime)"), Not(HasSubstr("sse2")),
                             Not(HasSubstr("avx"))));
}

#if defined(__x86_64__)
// The compiler's own knowledge of the processor agrees, as far as it goes.
TEST_F(LoadTest, ProcessorFeaturesAgreeWithTheCompiler) {
  auto loads = [](const char *features) {
    TestModel description;
    description.artifact.features = features;
    tegula_model *model = nullptr;
    tegula_error error = tegula_model_from_artifact(&description.finish(), nullptr, &model);
    tegula_model_release(model);
    if (error == TEGULA_ERROR_NONE)
      return true;
    EXPECT_EQ(error, TEGULA_ERROR_INCOMPATIBLE);
    EXPECT_THAT(tegula_last_error(), Not(HasSubstr("unknown to this runtime")));
    return false;
  };
#define EXPECT_AGREES(name) EXPECT_EQ(loads(name), bool(__builtin_cpu_supports(name))) << name
  EXPECT_AGREES("sse4.2");
  EXPECT_AGREES("popcnt");
  EXPECT_AGREES("avx");
  EXPECT_AGREES("avx2");
  EXPECT_AGREES("fma");
  EXPECT_AGREES("bmi2");
  EXPECT_AGREES("avx512f");
  EXPECT_AGREES("avx512dq");
  EXPECT_AGREES("avx512bw");
  EXPECT_AGREES("avx512vl");
  EXPECT_AGREES("avx512vnni");
  EXPECT_AGREES("avx512bf16");
  EXPECT_AGREES("avx512vp2intersect");
  EXPECT_AGREES("avxvnni");
  EXPECT_AGREES("amx-tile");
  EXPECT_AGREES("amx-int8");
  EXPECT_AGREES("gfni");
  EXPECT_AGREES("vaes");
  EXPECT_AGREES("fma4");
  EXPECT_AGREES("sse4a");
#undef EXPECT_AGREES
  EXPECT_TRUE(loads(""));
  EXPECT_TRUE(loads("+sse2, +cx8,-avx512f"));
}
#endif

class LevelsTest : public testing::Test {
protected:
  LevelsTest() {
    const char *const names[] = {"future", "best", "basic"}, *const features[] = {"xop,amx-tile,future-feature", "",
                                                                                  ""};
    for (int k = 0; k < 3; ++k) {
      models[k].artifact.target = names[k];
      models[k].artifact.features = features[k];
      models[k].artifact.levels = table;
      models[k].artifact.level_count = 3;
      table[k] = &models[k].finish();
    }
  }
  void TearDown() override { unsetenv("TEGULA_LEVEL"); }
  tegula_error load() {
    tegula_model *raw = nullptr;
    tegula_error error = tegula_model_from_artifact(table[0], nullptr, &raw);
    model.reset(raw);
    return error;
  }

  TestModel models[3];
  const tegula_artifact *table[3];
  ModelPointer model;
};

TEST_F(LevelsTest, TakesTheBestThatTheProcessorServes) {
  ASSERT_EQ(load(), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_STREQ(tegula_model_target(model.get()), "best");
  EXPECT_EQ(tegula_model_artifact(model.get()), table[1]);
}

TEST_F(LevelsTest, NoneIsServed) {
  models[1].artifact.features = models[2].artifact.features = "other-feature";
  EXPECT_EQ(load(), TEGULA_ERROR_INCOMPATIBLE);
  EXPECT_THAT(tegula_last_error(),
              AllOf(HasSubstr("compiled for future, best and basic, but this processor lacks: for future "),
                    HasSubstr("future-feature (unknown to this runtime); for best other-feature"),
                    HasSubstr("; for basic other-feature (unknown to this runtime); compile it with a lower")));
}

TEST_F(LevelsTest, VariableNamesOne) {
  setenv("TEGULA_LEVEL", "basic", 1);
  ASSERT_EQ(load(), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_STREQ(tegula_model_target(model.get()), "basic");
  setenv("TEGULA_LEVEL", "future", 1);
  EXPECT_EQ(load(), TEGULA_ERROR_INCOMPATIBLE);
  EXPECT_THAT(tegula_last_error(), AllOf(HasSubstr("for future "), HasSubstr("future-feature"),
                                         HasSubstr("or change TEGULA_LEVEL"), Not(HasSubstr("for basic"))));
  setenv("TEGULA_LEVEL", "absent", 1);
  EXPECT_EQ(load(), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("expected TEGULA_LEVEL to be a level of model 'test' (future, best and "
                                             "basic), but got 'absent'"));
  // An artifact of one level has no choice.
  models[2].artifact.levels = nullptr;
  table[0] = table[2];
  EXPECT_EQ(load(), TEGULA_ERROR_NONE) << tegula_last_error();
}

TEST_F(LevelsTest, InvalidTables) {
  models[0].artifact.level_count = 0;
  EXPECT_EQ(load(), TEGULA_ERROR_INVALID_ARTIFACT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("table of levels is empty"));
  models[0].artifact.level_count = 3;
  models[2].artifact.program = nullptr;
  EXPECT_EQ(load(), TEGULA_ERROR_INVALID_ARTIFACT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("no model name, target or program"));
}

TEST_F(LoadTest, Sidecar) {
  std::vector<float> weights(16);
  weights[0] = 2;
  weights[1] = 1;
  fs::path path = copy("sidecar", "model.so");
  EXPECT_EQ(load(path, model), TEGULA_ERROR_FILE);
  EXPECT_THAT(tegula_last_error(), AllOf(HasSubstr("weights.bin"), HasSubstr("No such file")));

  writeWeights(weights);
  ASSERT_EQ(load(path, model), TEGULA_ERROR_NONE) << tegula_last_error();
  expectScales(model.get());

  weights[15] = 1;
  writeWeights(weights);
  EXPECT_EQ(load(path, model), TEGULA_ERROR_INVALID_ARTIFACT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("expected XXH3 hash 9e70b12cbe41131b, but got"));
  tegula_model_options options = {sizeof(options), /*skip_sidecar_hash=*/1, nullptr};
  EXPECT_EQ(load(path, model, &options), TEGULA_ERROR_NONE) << tegula_last_error();

  weights.pop_back();
  writeWeights(weights);
  EXPECT_EQ(load(path, model, &options), TEGULA_ERROR_INVALID_ARTIFACT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("expected 64 bytes, but got 60"));
}

TEST_F(LoadTest, SidecarInAnotherFolder) {
  std::vector<float> weights(16);
  weights[0] = 2;
  weights[1] = 1;
  writeWeights(weights);
  std::string directory = folder.string();
  tegula_model_options options = {sizeof(options), 0, directory.c_str()};
  ASSERT_EQ(load(artifact("sidecar"), model, &options), TEGULA_ERROR_NONE) << tegula_last_error();
  expectScales(model.get());
}

TEST_F(LoadTest, SidecarOutsideTheFolder) {
  EXPECT_EQ(load(artifact("hostile_sidecar"), model), TEGULA_ERROR_INVALID_ARTIFACT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("not a plain file name: '../weights.bin'"));
}

TEST_F(LoadTest, InvalidDescriptors) {
  auto expectInvalid = [&](auto change, const char *message) {
    TestModel broken;
    change(broken);
    tegula_model *result = nullptr;
    EXPECT_NE(tegula_model_from_artifact(&broken.finish(), nullptr, &result), TEGULA_ERROR_NONE) << message;
    EXPECT_EQ(result, nullptr);
    EXPECT_THAT(tegula_last_error(), HasSubstr(message));
  };
  expectInvalid([](TestModel &m) { m.artifact.struct_size = 8; }, "too short");
  expectInvalid([](TestModel &m) { m.artifact.program = nullptr; }, "no model name, target or program");
  expectInvalid([](TestModel &m) { m.artifact.arena_bytes = -1; }, "a size is negative");
  expectInvalid([](TestModel &m) { m.artifact.constants_bytes = 64; }, "constants are missing");
  expectInvalid([](TestModel &m) { m.input("x", 77, {1}); }, "input 'x' has element type 77");
  expectInvalid([](TestModel &m) { m.input("s", 0, {}); }, "input 's' has element type 0");
  expectInvalid([](TestModel &m) { m.input("x", Float, {-2}); }, "input 'x' has extent -2");
  expectInvalid([](TestModel &m) { m.kernel("k", {}); }, "kernel 0 has no code");
  alignas(64) static char constants[128] = {};
  expectInvalid(
      [](TestModel &m) {
        m.artifact.constants = constants + 4;
        m.artifact.constants_bytes = 8;
      },
      "not aligned");
  auto withDefault = [&](std::vector<int64_t> shape, int64_t offset) {
    return [shape, offset](TestModel &m) {
      m.constants(constants, sizeof(constants)).input("x", Float, {-1, 2}).inputDefault(shape, offset);
    };
  };
  expectInvalid(withDefault({2}, 0), "a default is no tensor of its input's rank");
  expectInvalid(withDefault({2, 3}, 0), "a default does not have its input's shape");
  expectInvalid(withDefault({-1, 2}, 0), "a default does not have its input's shape");
  expectInvalid(withDefault({9, 2}, 64), "a default lies outside of the constants");
  expectInvalid(withDefault({1, 2}, 4), "a default lies outside of the constants");
  expectInvalid(withDefault({1, 2}, -64), "a default lies outside of the constants");
}

TEST_F(LoadTest, InvalidArguments) {
  tegula_model *result = nullptr;
  EXPECT_EQ(tegula_model_load(nullptr, nullptr, &result), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(tegula_model_from_artifact(nullptr, nullptr, &result), TEGULA_ERROR_INVALID_ARGUMENT);
  tegula_model_options options = {};
  EXPECT_EQ(tegula_model_load(artifact("scale").c_str(), &options, &result), TEGULA_ERROR_INVALID_ARGUMENT);
}

} // namespace
