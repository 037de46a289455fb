// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a function of any length.
// Out: a long one as a loop over pieces of it. What several of its blocks use lives in a frame, so that any block may
// be
//      in any piece. A piece gets the number of the block to begin with and returns that of the block, of another
//      piece, to go on with; after the last one comes `done`, which is no block's.
//
//   define i32 @tegula_program(ptr %context) {     =>   define i32 @tegula_program(ptr %context) {
//     ... 100,000 instructions                            %frame = alloca [8000 x i8]
//     ret i32 %status                                     store ptr %context, ptr %frame
//                                                       next:
//                                                         %block = phi i32 [0, %start], [%r0, %call0], ...
//                                                         switch i32 %block, label %call0 [...; done: label %leave]
//                                                       call0:
//                                                         %r0 = call i32 @tegula_program.0(ptr %frame, i32 %block)
#include "LongFunctions.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/Transforms/Scalar/DCE.h"
#include "llvm/Transforms/Scalar/InstSimplifyPass.h"
#include "llvm/Transforms/Utils/Local.h"

using namespace llvm;

/// What blocks pass goes through memory: each predecessor stores, whichever way it then goes.
static void demotePhi(PHINode *phi, BasicBlock::iterator start) {
  auto *slot = new AllocaInst(phi->getType(), 0, "passed", start);
  for (unsigned i = 0; i < phi->getNumIncomingValues(); ++i)
    new StoreInst(phi->getIncomingValue(i), slot, phi->getIncomingBlock(i)->getTerminator()->getIterator());
  auto *value = new LoadInst(phi->getType(), slot, "", phi->getParent()->getFirstInsertionPt());
  phi->replaceAllUsesWith(value);
  phi->eraseFromParent();
}

/// Afterwards a block uses its own values and stack slots only; the slots of the arguments are to be filled.
static SmallVector<AllocaInst *> keepValuesInMemory(Function &function) {
  BasicBlock &entry = function.getEntryBlock();
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

  SmallVector<AllocaInst *> arguments;
  for (Argument &argument : function.args()) {
    arguments.push_back(new AllocaInst(argument.getType(), 0, "argument", entry.begin()));
    for (Use &use : make_early_inc_range(argument.uses()))
      use.set(new LoadInst(argument.getType(), arguments.back(), "", cast<Instruction>(use.getUser())->getIterator()));
  }
  return arguments;
}

namespace {
class Cutting {
public:
  explicit Cutting(Function &function)
      : function(function), layout(function.getParent()->getDataLayout()), i32(Type::getInt32Ty(function.getContext())),
        pointer(PointerType::getUnqual(function.getContext())) {}

  void run() {
    SmallVector<AllocaInst *> arguments = keepValuesInMemory(function);
    layOutFrame();
    SmallVector<uint64_t> places;
    for (AllocaInst *argument : arguments)
      places.push_back(offsets.lookup(argument));
    uint64_t result = place(layout.getTypeAllocSize(function.getReturnType()), Align(8));
    divideBlocks();
    for (size_t k = 0; k < pieces.size(); ++k)
      finishPiece(k, result);
    for (auto [slot, offset] : offsets)
      slot->eraseFromParent();
    callPieces(places, result);
  }

private:
  static constexpr unsigned pieceLength = 2'000; // instructions
  static constexpr int32_t done = -1;

  uint64_t place(uint64_t bytes, Align alignment) {
    uint64_t offset = alignTo(frameBytes, alignment);
    frameBytes = offset + bytes;
    return offset;
  }

  void layOutFrame() {
    for (Instruction &instruction : function.getEntryBlock())
      if (auto *slot = dyn_cast<AllocaInst>(&instruction))
        offsets[slot] = place(slot->getAllocationSize(layout)->getFixedValue(), std::max(slot->getAlign(), Align(8)));
  }

  void divideBlocks() {
    unsigned length = pieceLength;
    for (BasicBlock &block : make_early_inc_range(function)) {
      if (length >= pieceLength) {
        auto *type = FunctionType::get(i32, {pointer, i32}, /*isVarArg=*/false);
        pieces.push_back(Function::Create(type, GlobalValue::InternalLinkage,
                                          function.getName() + "." + Twine(pieces.size()), function.getParent()));
        pieces.back()->addFnAttrs(AttrBuilder(function.getContext(), function.getAttributes().getFnAttrs()));
        pieces.back()->addFnAttr(Attribute::OptimizeNone);
        pieces.back()->addFnAttr(Attribute::NoInline);
        length = 0;
      }
      length += block.size();
      numbers[&block] = numbers.size();
      pieces.back()->splice(pieces.back()->end(), &function, block.getIterator());
    }
    // A piece is entered at its first block, and where another piece branches to.
    for (Function *piece : pieces)
      for (BasicBlock &block : *piece)
        for (BasicBlock *next : successors(&block))
          if (next->getParent() != piece)
            entries.insert(next);
    entries.insert(&pieces.front()->front());
  }

  void finishPiece(size_t index, uint64_t result) {
    Function &piece = *pieces[index];
    IRBuilder<> builder(function.getContext());
    SmallVector<BasicBlock *> blocks(map_range(piece, [](BasicBlock &block) { return &block; }));
    DenseMap<BasicBlock *, BasicBlock *> leaving;
    for (BasicBlock *block : blocks) {
      for (Instruction &instruction : *block)
        for (Use &use : instruction.operands())
          if (auto *slot = dyn_cast<AllocaInst>(use)) {
            builder.SetInsertPoint(&instruction);
            use.set(inFrame(builder, piece.getArg(0), offsets.lookup(slot)));
          }
      Instruction *end = block->getTerminator();
      builder.SetInsertPoint(end);
      if (auto *leave = dyn_cast<ReturnInst>(end)) {
        builder.CreateStore(leave->getReturnValue(), inFrame(builder, piece.getArg(0), result));
        builder.CreateRet(builder.getInt32(done));
        leave->eraseFromParent();
        continue;
      }
      for (unsigned i = 0; i < end->getNumSuccessors(); ++i) {
        BasicBlock *next = end->getSuccessor(i);
        if (next->getParent() == &piece)
          continue;
        BasicBlock *&leave = leaving[next];
        if (!leave) {
          leave = BasicBlock::Create(function.getContext(), "leave", &piece);
          IRBuilder<>(leave).CreateRet(builder.getInt32(numbers.lookup(next)));
        }
        end->setSuccessor(i, leave);
      }
    }
    builder.SetInsertPoint(BasicBlock::Create(function.getContext(), "begin", &piece, blocks.front()));
    SwitchInst *begin = builder.CreateSwitch(piece.getArg(1), blocks.front());
    for (BasicBlock *block : ArrayRef(blocks).drop_front())
      if (entries.contains(block))
        begin->addCase(builder.getInt32(numbers.lookup(block)), block);
  }

  /// The new body of the function.
  void callPieces(ArrayRef<uint64_t> arguments, uint64_t result) {
    LLVMContext &context = function.getContext();
    auto *start = BasicBlock::Create(context, "start", &function),
         *next = BasicBlock::Create(context, "next", &function);
    auto *leave = BasicBlock::Create(context, "leave", &function);
    IRBuilder<> builder(start);
    AllocaInst *frame = builder.CreateAlloca(ArrayType::get(builder.getInt8Ty(), frameBytes), nullptr, "frame");
    frame->setAlignment(Align(64));
    for (auto [argument, offset] : zip(function.args(), arguments))
      builder.CreateStore(&argument, inFrame(builder, frame, offset));
    builder.CreateBr(next);
    builder.SetInsertPoint(next);
    PHINode *block = builder.CreatePHI(i32, pieces.size() + 1, "block");
    block->addIncoming(builder.getInt32(0), start);
    SwitchInst *choice = builder.CreateSwitch(block, leave);
    for (Function *piece : pieces) {
      auto *call = BasicBlock::Create(context, "call", &function, leave);
      builder.SetInsertPoint(call);
      block->addIncoming(builder.CreateCall(piece, {frame, block}), call);
      builder.CreateBr(next);
      for (BasicBlock &inner : *piece)
        if (entries.contains(&inner))
          choice->addCase(builder.getInt32(numbers.lookup(&inner)), call);
    }
    builder.SetInsertPoint(leave);
    builder.CreateRet(builder.CreateLoad(function.getReturnType(), inFrame(builder, frame, result)));
  }

  static Value *inFrame(IRBuilder<> &builder, Value *frame, uint64_t offset) {
    return builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), frame, offset);
  }

  Function &function;
  const DataLayout &layout;
  Type *i32, *pointer;
  SmallVector<Function *> pieces;
  DenseMap<BasicBlock *, int32_t> numbers;
  DenseSet<BasicBlock *> entries;
  DenseMap<AllocaInst *, uint64_t> offsets; // in the frame
  uint64_t frameBytes = 0;
};
} // namespace

void tegula::cutLongFunctions(Module &module, FunctionAnalysisManager &functions) {
  constexpr unsigned limit = 50'000; // instructions
  for (Function &function : make_early_inc_range(module)) {
    if (function.getInstructionCount() <= limit)
      continue;
    InstSimplifyPass().run(function, functions);
    DCEPass().run(function, functions);
    Cutting(function).run();
    functions.invalidate(function, PreservedAnalyses::none());
  }
}
