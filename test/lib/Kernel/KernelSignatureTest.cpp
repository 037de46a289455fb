// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The golden text is a promise to every database and lock file: it changes only together with the version in it.
//
#include "tegula/Kernel/KernelSignature.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace tegula;

namespace {

class KernelSignature : public ::testing::Test {
protected:
  KernelSignature() {
    context.loadDialect<arith::ArithDialect, bufferization::BufferizationDialect, exec::ExecDialect, func::FuncDialect,
                        linalg::LinalgDialect, math::MathDialect, memref::MemRefDialect, tensor::TensorDialect>();
    context.disableMultithreading();
  }

  /// The module's kernel, kept alive by the fixture.
  exec::KernelOp parse(const std::string &text) {
    modules.push_back(parseSourceString<ModuleOp>(text, &context));
    if (!modules.back()) {
      ADD_FAILURE() << "not parsed:\n" << text;
      return nullptr;
    }
    return *modules.back()->getOps<exec::KernelOp>().begin();
  }
  std::string signature(const std::string &text, llvm::ArrayRef<bool> constant = {false, false}) {
    exec::KernelOp kernel = parse(text);
    return kernel ? getSignature(kernel, constant) : "";
  }

  MLIRContext context;
  std::vector<OwningOpRef<ModuleOp>> modules;
};

/// x + y, and an exponential, with what may vary between two kernels.
struct Kernel {
  std::string name = "map_add_0", node = "add", value = "%sum";
  std::string type = "4x?xf32", element = "f32", map = "(d0, d1) -> (d1)", iterator = "parallel";
  std::string constant = "1.0", flags, operation = "math.exp", low = "0";

  std::string text() const {
    return R"(exec.kernel @)" + name + R"( attributes {nodes = ["m.onnx: node ')" + node +
           R"('"], result_count = 1 : i64} {
      func.func @)" +
           name + R"((%x: memref<)" + type + R"(>, %b: memref<?x)" + element + R"(>, %y: memref<)" + type +
           R"(>, %n: index) {
        %one = arith.constant )" +
           constant + " : " + element + R"(
        %tx = bufferization.to_tensor %x restrict : memref<)" +
           type + R"(> to tensor<)" + type + R"(>
        %tb = bufferization.to_tensor %b restrict : memref<?x)" +
           element + R"(> to tensor<?x)" + element + R"(>
        %empty = tensor.empty(%n) : tensor<)" +
           type + R"(>
        %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<)" +
           map + R"(>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", ")" + iterator + R"("]}
            ins(%tx, %tb : tensor<)" +
           type + R"(>, tensor<?x)" + element + R"(>) outs(%empty : tensor<)" + type + R"(>) {
        ^bb0(%a: )" +
           element + ", %c: " + element + ", %o: " + element + R"():
          )" +
           value + " = arith.addf %a, %c" + flags + " : " + element + R"(
          %e = )" +
           operation + " " + value + " : " + element + R"(
          %z = arith.mulf %e, %one : )" +
           element + R"(
          linalg.yield %z : )" +
           element + R"(
        } -> tensor<)" +
           type + R"(>
        bufferization.materialize_in_destination %r in restrict writable %y : (tensor<)" +
           type + R"(>, memref<)" + type + R"(>) -> ()
        return
      }
    })";
  }
};

TEST_F(KernelSignature, GoldenText) {
  exec::KernelOp kernel = parse(Kernel().text());
  ASSERT_TRUE(kernel);
  std::string text = getSignature(kernel, {false, true});
  EXPECT_EQ(
      text,
      "tegula-kernel 1; precision f32; operands f32[4,?]{?,1}, const f32[?]{1}; results f32[4,?]{?,1}; scalars index; "
      "aligned element; alias none; "
      "v4 = arith.constant(){value = 0x3F800000 f32} -> f32; "
      "v5 = bufferization.to_tensor(v0){restrict = unit} -> tensor[4,?]f32; "
      "v6 = bufferization.to_tensor(v1){restrict = unit} -> tensor[?]f32; "
      "v7 = tensor.empty(v3) -> tensor[4,?]f32; "
      "v8 = linalg.generic(v5,v6,v7){indexing_maps = [(2,0)->(d0,d1), (2,0)->(d1), (2,0)->(d0,d1)], iterator_types = "
      "[parallel, parallel], operandSegmentSizes = [2,1]} (block(v9 f32, v10 f32, v11 f32); "
      "v12 = arith.addf(v9,v10) -> f32; v13 = math.exp(v12) -> f32; v14 = arith.mulf(v13,v4) -> f32; linalg.yield(v14))"
      " -> tensor[4,?]f32; "
      "bufferization.materialize_in_destination(v8,v2){restrict = unit, writable = unit}; func.return()");
  EXPECT_EQ(getSignatureKey(text), "d091835b6ee1ac2d");
}

TEST_F(KernelSignature, NamesDoNotMatter) {
  Kernel other;
  other.name = "map_other_7";
  other.node = "other";
  other.value = "%renamed";
  EXPECT_EQ(signature(Kernel().text()), signature(other.text()));
  // A kernel that is printed and read again is the same; so is one with flags that say nothing.
  exec::KernelOp kernel = parse(Kernel().text());
  std::string printed;
  llvm::raw_string_ostream(printed) << kernel;
  EXPECT_EQ(signature(Kernel().text()), signature(printed));
  other.flags = " fastmath<none>";
  EXPECT_EQ(signature(Kernel().text()), signature(other.text()));
}

TEST_F(KernelSignature, EveryPartMatters) {
  std::vector<std::string> texts{signature(Kernel().text()), signature(Kernel().text(), {true, false}),
                                 getSignature(parse(Kernel().text()), {false, false}, "bf16")};
  auto add = [&](std::string Kernel::*part, const std::string &value) {
    Kernel kernel;
    kernel.*part = value;
    texts.push_back(signature(kernel.text()));
  };
  add(&Kernel::type, "5x?xf32");
  add(&Kernel::map, "(d0, d1) -> (d0)");
  add(&Kernel::map, "(d0, d1) -> (d0 + d1)");
  add(&Kernel::iterator, "reduction");
  add(&Kernel::constant, "1.5");
  add(&Kernel::constant, "-1.0");
  add(&Kernel::constant, "0x7FC00000");
  add(&Kernel::flags, " fastmath<fast>");
  add(&Kernel::operation, "math.tanh");
  Kernel half;
  half.type = "4x?xf16";
  half.element = "f16";
  texts.push_back(signature(half.text()));
  Kernel brain;
  brain.type = "4x?xbf16";
  brain.element = "bf16";
  texts.push_back(signature(brain.text()));
  for (size_t a = 0; a < texts.size(); ++a)
    for (size_t b = 0; b < a; ++b) {
      EXPECT_NE(texts[a], texts[b]) << a << " and " << b;
      EXPECT_NE(getSignatureKey(texts[a]), getSignatureKey(texts[b])) << a << " and " << b;
    }
}

/// A kernel around one constant.
static std::string constantKernel(const std::string &value, const std::string &type) {
  return "exec.kernel @k attributes {nodes = [], result_count = 1 : i64} {\n  func.func @k(%y: memref<" + type +
         ">) {\n    %c = arith.constant " + value + " : tensor<" + type +
         ">\n    bufferization.materialize_in_destination %c in restrict writable %y : (tensor<" + type + ">, memref<" +
         type + ">) -> ()\n    return\n  }\n}\n";
}

TEST_F(KernelSignature, ConstantsByContent) {
  EXPECT_NE(signature(constantKernel("dense<[1, 2]>", "2xi32"), {}).find("value = tensor[2]i32 0x0100000002000000"),
            std::string::npos);
  // The last of many elements.
  std::string zeros, one;
  for (int index = 0; index < 100; ++index) {
    zeros += index ? ", 0" : "3";
    one += index == 99 ? ", 1" : index ? ", 0" : "3";
  }
  std::string first = signature(constantKernel("dense<[" + zeros + "]>", "100xi64"), {});
  std::string second = signature(constantKernel("dense<[" + one + "]>", "100xi64"), {});
  EXPECT_NE(first, second);
  EXPECT_LT(first.size(), 400u);
  // Data of a resource is content, its name is a name.
  auto resource = [&](const std::string &name, const std::string &bytes) {
    return signature(constantKernel("dense_resource<" + name + ">", "2xi32") + "{-# dialect_resources: { builtin: { " +
                         name + ": \"0x04000000" + bytes + "\" } } #-}",
                     {});
  };
  EXPECT_EQ(resource("a", "0100000002000000"), resource("b", "0100000002000000"));
  EXPECT_NE(resource("c", "0100000002000000"), resource("d", "0100000003000000"));
  EXPECT_EQ(first.find("printed"), std::string::npos);
}

TEST_F(KernelSignature, ConstantOperandsOfDispatches) {
  const char *text = R"(
    func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
      %c = arith.constant dense<1.0> : tensor<2xf32>
      %e = tensor.empty() : tensor<2xf32>
      %a = exec.dispatch @first ins(%x, %c) outs(%e) scalars() : (tensor<2xf32>, tensor<2xf32>), (tensor<2xf32>) -> tensor<2xf32>
      %b = exec.dispatch @second ins(%c, %c) outs(%e) scalars() : (tensor<2xf32>, tensor<2xf32>), (tensor<2xf32>) -> tensor<2xf32>
      %d = exec.dispatch @second ins(%c, %x) outs(%e) scalars() : (tensor<2xf32>, tensor<2xf32>), (tensor<2xf32>) -> tensor<2xf32>
      return %a, %d : tensor<2xf32>, tensor<2xf32>
    }
    exec.kernel @first attributes {nodes = [], result_count = 1 : i64} {
      func.func @first(%x: memref<2xf32>, %y: memref<2xf32>, %z: memref<2xf32>) { return }
    }
    exec.kernel @second attributes {nodes = [], result_count = 1 : i64} {
      func.func @second(%x: memref<2xf32>, %y: memref<2xf32>, %z: memref<2xf32>) { return }
    }
    exec.kernel @unused attributes {nodes = [], result_count = 1 : i64} {
      func.func @unused(%x: memref<2xf32>, %y: memref<2xf32>, %z: memref<2xf32>) { return }
    })";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  ConstantOperands constants(*module);
  auto of = [&](llvm::StringRef name) { return constants.of(module->lookupSymbol<exec::KernelOp>(name)); };
  EXPECT_EQ(of("first"), (llvm::SmallVector<bool>{false, true}));
  // In some dispatches only.
  EXPECT_EQ(of("second"), (llvm::SmallVector<bool>{true, false}));
  EXPECT_EQ(of("unused"), (llvm::SmallVector<bool>{false, false}));
}

} // namespace
