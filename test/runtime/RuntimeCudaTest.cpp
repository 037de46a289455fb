// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// GPU models on a driver made of host memory (Inputs/fake_cuda.c), and what is said where there is no driver or no GPU.
#include "RuntimeTest.h"
#include <cstdlib>
#include <dlfcn.h>

using namespace tegula_test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

void oneBlockForEach64(const int64_t *dims, int64_t *blocks) { blocks[0] = (dims[0] + 63) / 64; }

/// z[n] = 2 x[n] + 1 + c, with an intermediate of unknown size; kernel 0 has one phase, kernel 1 two (adds c twice).
class DeviceTestModel : public TestModel {
public:
  DeviceTestModel() {
    artifact.target = "nvptx:sm_90";
    artifact.arena_bytes = 256;
    artifact.constants = constants;
    artifact.constants_bytes = sizeof(constants);
    input("x", Float, {-1}, {"n"});
    output("z", Float, {-1}, {"n"});
    nodes({"scale (Mul)", "add (Add)"});
    program([](void *context, const tegula_services *services, void *, const void *constants, void *const *inputs,
               const int64_t *dims) {
      void *unused = services->allocate(context, 4 * dims[0]);
      void *z = services->output(context, 0, 1, dims);
      if (!unused || !z)
        return services->fail(context, TEGULA_OUT_OF_MEMORY, 1);
      services->release(context, unused);
      if (services->allocate(context, 4 * dims[0]) != unused)
        return services->fail(context, TEGULA_INVALID_VALUE, 1);
      void *scaleBuffers[] = {inputs[0], z}, *addBuffers[] = {z, const_cast<void *>(constants)};
      if (int32_t status = services->dispatch(context, 0, 0, scaleBuffers, dims))
        return status;
      return services->dispatch(context, 1, 0, addBuffers, dims);
    });
  }
  ModelPointer load() {
    finish();
    // The kernel table again, with PTX.
    kernels[0] = {"map_scale_0", "map", "", "default", "0", "scale", 1, 1, nullptr, ptx, 0};
    kernels[1] = {"map_add_1", "map", "", "default", "0", "add", 2, 1, nullptr, ptx, 64};
    deviceKernels[0] = {2, 1, scalePhases};
    deviceKernels[1] = {2, 1, addPhases};
    artifact.kernels = kernels;
    artifact.kernel_count = 2;
    artifact.device_kernels = deviceKernels;
    tegula_model *model = nullptr;
    EXPECT_EQ(tegula_model_from_artifact(&artifact, nullptr, &model), TEGULA_ERROR_NONE) << tegula_last_error();
    return ModelPointer(model);
  }

  const char *ptx = "fake";
  tegula_device_phase scalePhases[1] = {{"scale", {64, 1, 1}, 0, oneBlockForEach64}};
  tegula_device_phase addPhases[2] = {{"add", {64, 1, 1}, 65536, oneBlockForEach64},
                                      {"add", {64, 1, 1}, 0, oneBlockForEach64}};

private:
  alignas(64) float constants[16] = {100};
  tegula_kernel kernels[2];
  tegula_device_kernel deviceKernels[2];
};

tegula_error run(tegula_context *context, std::vector<float> x, tegula_tensor &z) {
  int64_t n = static_cast<int64_t>(x.size());
  tegula_tensor input = {x.data(), Float, 1, &n};
  return tegula_context_run(context, &input, 1, &z, 1);
}

tegula_error createError(tegula_model *model) {
  tegula_context *context = nullptr;
  tegula_error error = tegula_context_create(model, nullptr, &context);
  EXPECT_EQ(context, nullptr);
  return error;
}

class CudaTest : public testing::Test {
protected:
  void SetUp() override {
    driver = dlopen("libcuda.so.1", RTLD_NOW);
    ASSERT_TRUE(driver) << dlerror();
    ASSERT_TRUE(dlsym(driver, "fake_cuda_depth")) << "run by ctest, which puts the fake driver in the way";
  }
  void TearDown() override {
    for (const char *name : {"fake_cuda_allocations", "fake_cuda_modules", "fake_cuda_contexts", "fake_cuda_streams"})
      EXPECT_EQ(count(name), 0) << name;
    EXPECT_EQ(reinterpret_cast<int64_t (*)()>(dlsym(driver, "fake_cuda_depth"))(), 0);
  }
  int64_t count(const char *name) { return *static_cast<int64_t *>(dlsym(driver, name)); }

  void *driver = nullptr;
  DeviceTestModel description;
};

TEST_F(CudaTest, Runs) {
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1), other = makeContext(model.get(), 1);
  EXPECT_EQ(count("fake_cuda_modules"), 1); // the kernels share their text
  tegula_tensor z = {};
  ASSERT_EQ(run(context.get(), {1, 2, 3}, z), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(floats(z), ElementsAre(203, 205, 207));
  int64_t allocations = count("fake_cuda_allocations");
  z = {};
  ASSERT_EQ(run(context.get(), {5, 6}, z), TEGULA_ERROR_NONE);
  EXPECT_THAT(floats(z), ElementsAre(211, 213));
  EXPECT_EQ(count("fake_cuda_allocations"), allocations);
  ASSERT_EQ(run(other.get(), {0}, z = {}), TEGULA_ERROR_NONE);
  EXPECT_THAT(floats(z), ElementsAre(201));
  ASSERT_EQ(run(context.get(), {}, z = {}), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(shapeOf(z), ElementsAre(0));
  EXPECT_EQ(tegula_context_dispatch_count(context.get()), 6);
}

TEST_F(CudaTest, BoundOutputAndProfile) {
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  float result[2] = {};
  int64_t two = 2, dispatches = 0, nanoseconds = 0;
  tegula_tensor z = {result, Float, 1, &two};
  ASSERT_EQ(tegula_context_set_profiling(context.get(), 1), TEGULA_ERROR_NONE);
  ASSERT_EQ(run(context.get(), {1, 2}, z), TEGULA_ERROR_NONE) << tegula_last_error();
  EXPECT_THAT(result, ElementsAre(203, 205));
  ASSERT_EQ(tegula_context_profile(context.get(), 1, &dispatches, &nanoseconds), TEGULA_ERROR_NONE);
  EXPECT_EQ(dispatches, 1);
  EXPECT_EQ(run(context.get(), {1, 2, 3}, z), TEGULA_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("the result has shape [3], but the buffer given has [2]"));
}

TEST_F(CudaTest, KernelStatus) {
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  tegula_tensor z = {};
  EXPECT_EQ(run(context.get(), {1, -2}, z), TEGULA_ERROR_RUN_FAILED);
  EXPECT_STREQ(tegula_last_error(), "scale: index out of range (kernel map_scale_0)");
  z = {};
  EXPECT_EQ(run(context.get(), {1, 2}, z), TEGULA_ERROR_NONE) << "the status of the last run must be gone";
}

TEST_F(CudaTest, DriverErrors) {
  {
    description.scalePhases[0].entry = "crash";
    ModelPointer model = description.load();
    ContextPointer context = makeContext(model.get(), 1);
    tegula_tensor z = {};
    EXPECT_EQ(run(context.get(), {1}, z), TEGULA_ERROR_DEVICE);
    EXPECT_THAT(tegula_last_error(), HasSubstr("illegal memory access"));
  }
  {
    description.scalePhases[0] = {"scale", {1024, 2, 1}, 0, oneBlockForEach64};
    ModelPointer model = description.load();
    ContextPointer context = makeContext(model.get(), 1);
    tegula_tensor z = {};
    EXPECT_EQ(run(context.get(), {1}, z), TEGULA_ERROR_DEVICE);
    EXPECT_THAT(tegula_last_error(), HasSubstr("map_scale_0: CUDA error 1"));
    description.scalePhases[0] = {"scale", {64, 1, 1}, 0, [](const int64_t *, int64_t *blocks) { blocks[1] = 65536; }};
    z = {};
    EXPECT_EQ(run(context.get(), {1}, z), TEGULA_ERROR_DEVICE);
    EXPECT_THAT(tegula_last_error(), HasSubstr("1 x 65536 x 1 blocks"));
  }
  description.scalePhases[0].entry = "absent";
  EXPECT_EQ(createError(description.load().get()), TEGULA_ERROR_DEVICE);
  EXPECT_THAT(tegula_last_error(), AllOf(HasSubstr("absent"), HasSubstr("named symbol not found")));
  description.ptx = "nonsense";
  EXPECT_EQ(createError(description.load().get()), TEGULA_ERROR_DEVICE);
  EXPECT_THAT(tegula_last_error(), AllOf(HasSubstr("refuses kernel map_scale_0: line 1: unknown instruction"),
                                         HasSubstr("PTX JIT compilation failed")));
}

TEST_F(CudaTest, DeviceMemoryExhausted) {
  ModelPointer model = description.load();
  ContextPointer context = makeContext(model.get(), 1);
  setenv("FAKE_CUDA_MEMORY", "4096", 1);
  tegula_tensor z = {};
  EXPECT_EQ(run(context.get(), std::vector<float>(10000), z), TEGULA_ERROR_OUT_OF_MEMORY);
  EXPECT_THAT(tegula_last_error(), HasSubstr("out of memory"));
  context.reset();
  setenv("FAKE_CUDA_MEMORY", "500", 1);
  EXPECT_EQ(createError(model.get()), TEGULA_ERROR_OUT_OF_MEMORY);
  unsetenv("FAKE_CUDA_MEMORY");
}

TEST_F(CudaTest, InvalidDeviceKernel) {
  description.scalePhases[0].grid = nullptr;
  description.finish();
  tegula_kernel kernel = {"k", "", "", "", "", "", 1, 1, nullptr, "fake", 0};
  tegula_device_kernel deviceKernel = {2, 1, description.scalePhases};
  description.artifact.kernels = &kernel;
  description.artifact.kernel_count = 1;
  description.artifact.device_kernels = &deviceKernel;
  tegula_model *model = nullptr;
  EXPECT_EQ(tegula_model_from_artifact(&description.artifact, nullptr, &model), TEGULA_ERROR_INVALID_ARTIFACT);
  EXPECT_THAT(tegula_last_error(), HasSubstr("kernel 0 has no code"));
}

// These two run alone, in places made for them by ctest.
TEST(NoCudaTest, NoDriver) {
  DeviceTestModel description;
  ModelPointer model = description.load();
  EXPECT_STREQ(tegula_model_target(model.get()), "nvptx:sm_90"); // it can still be described
  EXPECT_EQ(createError(model.get()), TEGULA_ERROR_INCOMPATIBLE);
  EXPECT_THAT(tegula_last_error(),
              HasSubstr("model 'test' was compiled for nvptx:sm_90, but this machine has no CUDA driver ("));
}

TEST(NoCudaTest, NoDevice) {
  DeviceTestModel description;
  ModelPointer model = description.load();
  EXPECT_EQ(createError(model.get()), TEGULA_ERROR_INCOMPATIBLE);
  EXPECT_THAT(tegula_last_error(), HasSubstr("this machine has no usable GPU (the CUDA driver lists none)"));
}

} // namespace
