// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  kernels with operations on tile registers (amx), on a target with `emulated_tiles`.
// Out: the same in vectors: a tile is a two-dimensional one, a row of memory a row of it. A product of two tiles goes
//      through memory row by row of the left one, whose groups of elements are broadcast one after the other.
//
// Before: %s = amx.tile_muli %a, %b, %c : !amx.tile<16x64xi8>, !amx.tile<16x64xi8>, !amx.tile<16x16xi32>
// After:  scf.for %row = %c0 to %c16 step %c1 {
//           %sum = vector.load %sums[%row, %c0] : memref<16x16xi32>, vector<16xi32>
//           ... for each group of four depths: the bytes of the left row, broadcast, times those of a right row
//           vector.store %next, %sums[%row, %c0]
//         }
#include "tegula/Codegen/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Transforms/DialectConversion.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_CODEGENEMULATETILESPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

namespace {
using Values = SmallVector<Value>;

VectorType rowOf(amx::TileType tile) { return VectorType::get({tile.getDimSize(1)}, tile.getElementType()); }

/// The indices of row `row` of a tile at `indices` of `memory`: `stride` elements further each, or a row of the memory.
Values indicesOf(OpBuilder &b, Location loc, ValueRange indices, Value stride, int64_t row) {
  Values result(indices);
  Value count = arith::ConstantIndexOp::create(b, loc, row);
  Value &moving = stride ? result.back() : result[result.size() - 2];
  Value step = stride ? arith::MulIOp::create(b, loc, stride, count).getResult() : count;
  moving = arith::AddIOp::create(b, loc, moving, step);
  return result;
}

struct ZeroPattern : OpConversionPattern<amx::TileZeroOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(amx::TileZeroOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    auto type = cast<VectorType>(getTypeConverter()->convertType(op.getType()));
    b.replaceOpWithNewOp<arith::ConstantOp>(op, type, cast<TypedAttr>(b.getZeroAttr(type)));
    return success();
  }
};

struct LoadPattern : OpConversionPattern<amx::TileLoadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(amx::TileLoadOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    auto type = cast<VectorType>(getTypeConverter()->convertType(op.getType()));
    Location loc = op.getLoc();
    Value tile = arith::ConstantOp::create(b, loc, type, cast<TypedAttr>(b.getZeroAttr(type)));
    for (int64_t row = 0; row < type.getDimSize(0); ++row) {
      Value loaded = vector::LoadOp::create(b, loc, rowOf(op.getTileType()), adaptor.getBase(),
                                            indicesOf(b, loc, adaptor.getIndices(), adaptor.getStride(), row));
      tile = vector::InsertOp::create(b, loc, loaded, tile, row);
    }
    b.replaceOp(op, tile);
    return success();
  }
};

struct StorePattern : OpConversionPattern<amx::TileStoreOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(amx::TileStoreOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    for (int64_t row = 0; row < op.getTileType().getDimSize(0); ++row)
      vector::StoreOp::create(b, loc, vector::ExtractOp::create(b, loc, adaptor.getVal(), row).getResult(),
                              adaptor.getBase(), indicesOf(b, loc, adaptor.getIndices(), adaptor.getStride(), row));
    b.eraseOp(op);
    return success();
  }
};

/// Element `i` of each group of 32 bits of a row.
Value takeElements(OpBuilder &b, Location loc, Value row, int64_t i) {
  auto type = cast<VectorType>(row.getType());
  int64_t group = 32 / int64_t(type.getElementTypeBitWidth());
  SmallVector<int64_t> lanes;
  for (int64_t lane = i; lane < type.getNumElements(); lane += group)
    lanes.push_back(lane);
  return vector::ShuffleOp::create(b, loc, row, row, lanes);
}

/// Multiplies tiles; `multiplyRow` adds to a row of sums the products of a row of groups on the left, given one by one
/// and broadcast, with the rows on the right.
template <typename Multiply> struct MultiplyPattern : OpConversionPattern<Multiply> {
  using OpConversionPattern<Multiply>::OpConversionPattern;

  LogicalResult matchAndRewrite(Multiply op, typename Multiply::Adaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    amx::TileType leftType = op.getLhsTileType(), rightType = op.getRhsTileType(), sumType = op.getTileType();
    int64_t rows = sumType.getDimSize(0), groups = rightType.getDimSize(0);
    auto words = VectorType::get({groups}, b.getI32Type());
    Value left, sums;
    {
      // Memory of the function: that of a loop's body would grow with each round.
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&op->template getParentOfType<func::FuncOp>().getBody().front());
      left = memref::AllocaOp::create(b, loc, MemRefType::get({rows, groups}, b.getI32Type()));
      sums = memref::AllocaOp::create(b, loc, MemRefType::get(sumType.getShape(), sumType.getElementType()));
    }
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
    auto at = [&](int64_t row) { return Values{arith::ConstantIndexOp::create(b, loc, row), zero}; };
    Values right;
    for (int64_t k = 0; k < groups; ++k)
      right.push_back(vector::ExtractOp::create(b, loc, adaptor.getRhs(), k));
    for (int64_t row = 0; row < rows; ++row) {
      Value packed = vector::ExtractOp::create(b, loc, adaptor.getLhs(), row);
      vector::StoreOp::create(b, loc, vector::BitCastOp::create(b, loc, words, packed), left, at(row));
      vector::StoreOp::create(b, loc, vector::ExtractOp::create(b, loc, adaptor.getAcc(), row).getResult(), sums,
                              at(row));
    }
    auto loop = scf::ForOp::create(b, loc, zero, arith::ConstantIndexOp::create(b, loc, rows), one);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value row = loop.getInductionVar();
      Value sum = vector::LoadOp::create(b, loc, rowOf(sumType), sums, ValueRange{row, zero});
      Values broadcast;
      auto wordsOfRow = VectorType::get({sumType.getDimSize(1)}, b.getI32Type());
      for (int64_t k = 0; k < groups; ++k) {
        Value word = memref::LoadOp::create(b, loc, left, ValueRange{row, arith::ConstantIndexOp::create(b, loc, k)});
        Value all = vector::BroadcastOp::create(b, loc, wordsOfRow, word);
        broadcast.push_back(vector::BitCastOp::create(b, loc, rowOf(rightType), all));
      }
      sum = multiplyRow(b, loc, op, broadcast, right, sum);
      vector::StoreOp::create(b, loc, sum, sums, ValueRange{row, zero});
    }
    auto type = VectorType::get(sumType.getShape(), sumType.getElementType());
    Value result = arith::ConstantOp::create(b, loc, type, cast<TypedAttr>(b.getZeroAttr(type)));
    for (int64_t row = 0; row < rows; ++row)
      result = vector::InsertOp::create(
          b, loc, vector::LoadOp::create(b, loc, rowOf(sumType), sums, at(row)).getResult(), result, row);
    b.replaceOp(op, result);
    return success();
  }

private:
  /// As tdpbf16ps does: sums of the even and of the odd elements, and at last both together with what was there.
  static Value multiplyRow(OpBuilder &b, Location loc, amx::TileMulFOp op, ValueRange left, ValueRange right,
                           Value sum) {
    auto type = cast<VectorType>(sum.getType());
    Value halves[2];
    for (int64_t i : {0, 1}) {
      halves[i] = arith::ConstantOp::create(b, loc, type, cast<TypedAttr>(b.getZeroAttr(type)));
      auto widen = [&](Value row) -> Value {
        return arith::ExtFOp::create(b, loc, type, takeElements(b, loc, row, i));
      };
      for (auto [own, other] : llvm::zip(left, right))
        halves[i] = vector::FMAOp::create(b, loc, widen(own), widen(other), halves[i]);
    }
    return arith::AddFOp::create(b, loc, sum, arith::AddFOp::create(b, loc, halves[0], halves[1]));
  }

  static Value multiplyRow(OpBuilder &b, Location loc, amx::TileMulIOp op, ValueRange left, ValueRange right,
                           Value sum) {
    Type type = sum.getType();
    auto widen = [&](Value row, int64_t i, bool isUnsigned) -> Value {
      Value own = takeElements(b, loc, row, i);
      return isUnsigned ? arith::ExtUIOp::create(b, loc, type, own).getResult()
                        : arith::ExtSIOp::create(b, loc, type, own).getResult();
    };
    for (auto [own, other] : llvm::zip(left, right))
      for (int64_t i = 0; i < 4; ++i) {
        Value product =
            arith::MulIOp::create(b, loc, widen(own, i, op.getIsZextLhs()), widen(other, i, op.getIsZextRhs()));
        sum = arith::AddIOp::create(b, loc, sum, product);
      }
    return sum;
  }
};

struct CodegenEmulateTilesPass : tegula::impl::CodegenEmulateTilesPassBase<CodegenEmulateTilesPass> {
  void runOnOperation() override {
    Operation *root = getOperation();
    auto module = isa<ModuleOp>(root) ? cast<ModuleOp>(root) : root->getParentOfType<ModuleOp>();
    auto target = module ? module->getAttrOfType<exec::CPUTargetAttr>("exec.target") : nullptr;
    if (!target || !target.getEmulatedTiles())
      return;
    TypeConverter converter;
    converter.addConversion([](Type type) { return type; });
    converter.addConversion(
        [](amx::TileType tile) -> Type { return VectorType::get(tile.getShape(), tile.getElementType()); });
    RewritePatternSet patterns(&getContext());
    ConversionTarget legal(getContext());
    legal.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    legal.addIllegalDialect<amx::AMXDialect>();
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns, legal);
    patterns.add<ZeroPattern, LoadPattern, StorePattern, MultiplyPattern<amx::TileMulFOp>,
                 MultiplyPattern<amx::TileMulIOp>>(converter, &getContext());
    if (failed(applyPartialConversion(root, legal, std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
