// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Export/OperationCounts.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"

using namespace tegula;

static int64_t lanesOf(llvm::Type *type) {
  auto *vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  return vector ? vector->getNumElements() : 1;
}

/// Operations for each lane of the result of a call; 0 for what is no arithmetic.
static int64_t operationsOf(const llvm::IntrinsicInst &call) {
  switch (call.getIntrinsicID()) {
  case llvm::Intrinsic::fma:
  case llvm::Intrinsic::fmuladd:
    return 2;
  case llvm::Intrinsic::sqrt:
  case llvm::Intrinsic::minnum:
  case llvm::Intrinsic::maxnum:
  case llvm::Intrinsic::minimum:
  case llvm::Intrinsic::maximum:
  case llvm::Intrinsic::minimumnum:
  case llvm::Intrinsic::maximumnum:
  case llvm::Intrinsic::floor:
  case llvm::Intrinsic::ceil:
  case llvm::Intrinsic::trunc:
  case llvm::Intrinsic::rint:
  case llvm::Intrinsic::nearbyint:
  case llvm::Intrinsic::round:
  case llvm::Intrinsic::roundeven:
  case llvm::Intrinsic::exp:
  case llvm::Intrinsic::exp2:
  case llvm::Intrinsic::log:
  case llvm::Intrinsic::log2:
  case llvm::Intrinsic::log10:
  case llvm::Intrinsic::pow:
  case llvm::Intrinsic::sin:
  case llvm::Intrinsic::cos:
  case llvm::Intrinsic::tanh:
    return 1;
  default:
    break;
  }
  // x86's sums of products: dot products of four bytes or two 16-bit integers a lane, or pairs of products.
  llvm::StringRef name = call.getCalledFunction()->getName();
  if (name.contains(".vpdpbusd"))
    return 8;
  if (name.contains(".vpdpwssd"))
    return 4;
  if (name.contains(".pmadd"))
    return 3;
  return 0;
}

static void count(const llvm::Instruction &instruction, OperationCount &counted) {
  int64_t operations = 0, lanes = lanesOf(instruction.getType());
  if (auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction)) {
    switch (call->getIntrinsicID()) {
    case llvm::Intrinsic::vector_reduce_fadd:
    case llvm::Intrinsic::vector_reduce_fmul:
    case llvm::Intrinsic::vector_reduce_fmax:
    case llvm::Intrinsic::vector_reduce_fmin:
    case llvm::Intrinsic::vector_reduce_fmaximum:
    case llvm::Intrinsic::vector_reduce_fminimum:
      operations = 1;
      lanes = lanesOf(call->getArgOperand(call->arg_size() - 1)->getType());
      break;
    default:
      operations = operationsOf(*call);
    }
  } else if (auto *call = llvm::dyn_cast<llvm::CallInst>(&instruction)) {
    operations = call->getType()->getScalarType()->isFloatingPointTy(); // a function of the mathematics library
  } else if (llvm::isa<llvm::BinaryOperator>(instruction)) {
    operations = instruction.getType()->isFPOrFPVectorTy();
  }
  (lanes > 1 ? counted.inVectors : counted.alone) += operations * lanes;
}

void tegula::countOperations(llvm::Module &module, llvm::ArrayRef<std::string> kernels) {
  auto *i64 = llvm::Type::getInt64Ty(module.getContext());
  auto *row = llvm::ArrayType::get(i64, 2);
  auto *table = llvm::ArrayType::get(row, kernels.size());
  auto *counts = new llvm::GlobalVariable(module, table, /*isConstant=*/false, llvm::GlobalValue::ExternalLinkage,
                                          llvm::ConstantAggregateZero::get(table), operationCountsSymbol);
  for (auto [number, name] : llvm::enumerate(kernels)) {
    llvm::Function *function = module.getFunction(name);
    if (!function)
      continue;
    for (llvm::BasicBlock &block : *function) {
      OperationCount counted{0, 0};
      for (const llvm::Instruction &instruction : block)
        count(instruction, counted);
      llvm::IRBuilder<> builder(block.getTerminator());
      auto add = [&](uint64_t column, int64_t amount) {
        if (amount == 0)
          return;
        llvm::Value *slot = builder.CreateConstInBoundsGEP2_64(
            row, builder.CreateConstInBoundsGEP2_64(table, counts, 0, number), 0, column);
        builder.CreateStore(builder.CreateAdd(builder.CreateLoad(i64, slot), builder.getInt64(amount)), slot);
      };
      add(0, counted.inVectors);
      add(1, counted.alone);
    }
  }
}
