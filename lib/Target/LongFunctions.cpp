// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a function of any length.
// Out: a long one without descriptors of memory, its every value used in the block that defines it. A register that
//      thousands of blocks use takes the register allocator, and what comes before it, the square of that.
//
//   define i32 @tegula_program(ptr %context) {   =>   %slot = alloca ptr
//     ...                                             store ptr %context, ptr %slot
//   next:                                           next:
//     call i32 %dispatch(ptr %context)                %reload = load ptr, ptr %slot
//                                                     call i32 %dispatch(ptr %reload)
#include "LongFunctions.h"

#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Transforms/Scalar/DCE.h"
#include "llvm/Transforms/Scalar/InstSimplifyPass.h"
#include "llvm/Transforms/Utils/Local.h"

using namespace llvm;

/// Block arguments go through memory: each predecessor stores, whichever way it then goes.
static void demotePhi(PHINode *phi, BasicBlock::iterator start) {
  auto *slot = new AllocaInst(phi->getType(), 0, "passed", start);
  for (unsigned i = 0; i < phi->getNumIncomingValues(); ++i)
    new StoreInst(phi->getIncomingValue(i), slot, phi->getIncomingBlock(i)->getTerminator()->getIterator());
  auto *value = new LoadInst(phi->getType(), slot, "", phi->getParent()->getFirstInsertionPt());
  phi->replaceAllUsesWith(value);
  phi->eraseFromParent();
}

static void keepValuesInMemory(Function &function) {
  BasicBlock &entry = function.getEntryBlock();
  BasicBlock::iterator start = entry.getFirstNonPHIOrDbgOrAlloca();
  for (Argument &argument : function.args()) {
    auto *copy = new BitCastInst(&argument, argument.getType(), "", start);
    argument.replaceUsesWithIf(copy, [&](Use &use) { return use.getUser() != copy; });
  }
  SmallVector<PHINode *> phis;
  for (BasicBlock &block : function)
    for (PHINode &phi : block.phis())
      phis.push_back(&phi);
  for (PHINode *phi : phis)
    demotePhi(phi, entry.begin());

  SmallVector<Instruction *> shared;
  for (Instruction &instruction : instructions(function))
    if (!isa<AllocaInst>(instruction) && instruction.isUsedOutsideOfBlock(instruction.getParent()))
      shared.push_back(&instruction);
  for (Instruction *instruction : shared)
    DemoteRegToStack(*instruction, /*VolatileLoads=*/false, entry.begin());
}

void tegula::simplifyLongFunctions(Module &module, FunctionAnalysisManager &functions) {
  constexpr unsigned limit = 50'000; // instructions
  for (Function &function : module) {
    if (function.getInstructionCount() <= limit)
      continue;
    InstSimplifyPass().run(function, functions);
    DCEPass().run(function, functions);
    keepValuesInMemory(function);
    functions.invalidate(function, PreservedAnalyses::none());
    function.addFnAttr(Attribute::OptimizeNone);
    function.addFnAttr(Attribute::NoInline);
  }
}
