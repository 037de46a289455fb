// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Common/BlockedConvolution.h"

#include "tegula/Codegen/Common/BFloatDot.h"
#include "tegula/Codegen/Common/IntegerDot.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;
using namespace tegula::matmul;

bool convolution::isForm(ArrayRef<int64_t> form, ArrayRef<std::pair<unsigned, int64_t>> terms) {
  SmallVector<int64_t> expected(form.size(), 0);
  for (auto [loop, coefficient] : terms)
    expected[loop] = coefficient;
  return form == ArrayRef<int64_t>(expected);
}

bool convolution::matchIntegers(const ContractionInfo &info, unsigned x, unsigned weight, int64_t group,
                                Grouping &form) {
  linalg::GenericOp op = info.op;
  auto isInteger = [&](unsigned operand, unsigned width) {
    return getElementTypeOrSelf(op->getOperand(operand).getType()).isInteger(width);
  };
  if ((group != 2 && group != 4) || !isInteger(x, 8) || !isInteger(weight, 32 / group) || !isInteger(2, 32))
    return false;
  auto left = matchIntegerFactor(info, x), right = matchIntegerFactor(info, weight);
  if (!left || !right || right->isUnsigned || right->zeroPoint != 0)
    return false;
  form = {group, /*isFloat=*/false, left->isUnsigned, group == 4 && !left->isUnsigned};
  return left->zeroPoint == (form.flips ? -128 : 0);
}

/// Whether the elements are f32 and the factors as they are: no conversions in the body.
static bool hasFloats(const ContractionInfo &info) {
  linalg::GenericOp op = info.op;
  return op.getBody()->getOperations().size() == 3 &&
         llvm::all_of(op->getOperandTypes(), [](Type type) { return getElementTypeOrSelf(type).isF32(); });
}

bool convolution::matchConvolution(const ContractionInfo &info, Convolution &convolution) {
  size_t loops = info.extents.size();
  bool hasParts = loops > Part;
  if ((loops != Part && loops != Part + 1) || info.coefficients.size() != 3)
    return false;
  convolution.info = info;
  convolution.weight = info.coefficients[1].size() > info.coefficients[0].size() ? 1 : 0;
  convolution.x = 1 - convolution.weight;
  if (hasParts && info.extents[Part] == 2 && allowsBFloatDot(info))
    convolution.grouping = {2, /*isFloat=*/true};
  else if (hasParts ? !matchIntegers(info, convolution.x, convolution.weight, info.extents[Part], convolution.grouping)
                    : !hasFloats(info))
    return false;
  ArrayRef<SmallVector<int64_t>> x = info.coefficients[convolution.x], weight = info.coefficients[convolution.weight];
  ArrayRef<SmallVector<int64_t>> y = info.coefficients[2];
  if (x.size() != 5u + hasParts || weight.size() != 6u + hasParts || y.size() != 5)
    return false;
  if (hasParts && (!isForm(x[5], {{Part, 1}}) || !isForm(weight[6], {{Part, 1}})))
    return false;
  static const Loop weightLoops[] = {Outer, Inner, KernelRow, KernelColumn, Channel, Lane};
  for (auto [form, loop] : llvm::zip(weight.take_front(6), weightLoops))
    if (!isForm(form, {{loop, 1}}))
      return false;
  for (unsigned i = 0; i < 5; ++i)
    if (!isForm(y[i], {{i, 1}}))
      return false;
  for (unsigned i = 0; i < 2; ++i) {
    convolution.strides[i] = x[2 + i][Row + i];
    convolution.dilations[i] = x[2 + i][KernelRow + i];
    if (!isForm(x[2 + i], {{Row + i, convolution.strides[i]}, {KernelRow + i, convolution.dilations[i]}}))
      return false;
  }
  if (!isForm(x[0], {{Batch, 1}}) || !isForm(x[1], {{Inner, 1}}) || !isForm(x[4], {{Channel, 1}}))
    return false;
  for (unsigned loop : {Outer, Lane, Inner, KernelRow, KernelColumn, Channel})
    if (ShapedType::isDynamic(info.extents[loop]) || info.extents[loop] < 1)
      return false;
  int64_t lanes = info.extents[Lane];
  if (llvm::is_contained(info.extents, 0))
    return false;
  return lanes >= 4 && lanes <= 64 && llvm::isPowerOf2_64(lanes);
}

ConvolutionEmitter::ConvolutionEmitter(OpBuilder &builder, Location loc, KernelForm &form)
    : b(builder), loc(loc), math(builder, loc), form(form) {
  linalg::GenericOp op = form.info.op;
  Value result = op.getDpsInits()[0];
  vector = VectorType::get({form.info.extents[Lane]}, getElementTypeOrSelf(result.getType()));
  for (auto [loop, extent] : llvm::enumerate(form.info.extents))
    extents.push_back(ShapedType::isDynamic(extent) ? Index(b.createOrFold<memref::DimOp>(loc, result, int64_t(loop)))
                                                    : math.of(extent));
  for (Value buffer : form.stored)
    results[buffer] = makeAccess(buffer, form.info.coefficients[2]);
  forEachStepOperand(form, [&](OpOperand *operand, ArrayRef<SmallVector<int64_t>> forms) {
    operands[operand] = makeAccess(operand->get(), forms);
  });
  findBias();
}

void ConvolutionEmitter::findBias() {
  linalg::GenericOp op = form.info.op;
  auto step = form.steps.empty() ? linalg::GenericOp() : dyn_cast<linalg::GenericOp>(form.steps.front());
  // The order of a sum matters to floats.
  if (!step || !vector.getElementType().isInteger(32))
    return;
  for (arith::AddIOp add : step.getBody()->getOps<arith::AddIOp>()) {
    auto left = dyn_cast<BlockArgument>(add.getLhs()), right = dyn_cast<BlockArgument>(add.getRhs());
    if (!left || !right || !left.hasOneUse() || !right.hasOneUse())
      continue;
    OpOperand *sum = step.getMatchingOpOperand(left), *other = step.getMatchingOpOperand(right);
    if (sum->get() != op.getDpsInits()[0])
      std::swap(sum, other);
    auto *entry = operands.find(other);
    if (sum->get() != op.getDpsInits()[0] || entry == operands.end())
      continue;
    const FlatAccess &access = entry->second;
    auto is = [&](unsigned loop, int64_t value) { return IndexMath::isConstant(access.steps[loop], value); };
    if (access.element.isInteger(32) && is(Batch, 0) && is(Row, 0) && is(Column, 0) && is(Lane, 1))
      bias = other;
  }
}

FlatAccess ConvolutionEmitter::makeAccess(Value buffer, ArrayRef<SmallVector<int64_t>> forms) {
  math.remembersProducts = true;
  FlatAccess access = makeFlatAccess(b, loc, math, buffer, forms, extents);
  math.remembersProducts = false;
  return access;
}

Value ConvolutionEmitter::loadScalar(Value flat, Index index) {
  return memref::LoadOp::create(b, loc, flat, math.value(index));
}

Value ConvolutionEmitter::loadVector(Value flat, Index index) {
  return vector::LoadOp::create(b, loc, vector, flat, math.value(index));
}

Value ConvolutionEmitter::zeroVector() {
  return arith::ConstantOp::create(b, loc, vector, cast<TypedAttr>(b.getZeroAttr(vector)));
}

Value ConvolutionEmitter::startVector(const Place &place) { return bias ? load(operands[bias], place) : zeroVector(); }

Value ConvolutionEmitter::makeFactors(Value bytes, const Grouping &grouping) {
  auto type = cast<VectorType>(bytes.getType());
  if (grouping.isFloat)
    return bytes;
  if (grouping.group == 4) {
    if (!grouping.flips)
      return bytes;
    Value highest = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, APInt(8, 0x80)));
    return arith::XOrIOp::create(b, loc, bytes, highest);
  }
  Type wide = VectorType::get(type.getShape(), b.getI16Type());
  return grouping.isUnsigned ? arith::ExtUIOp::create(b, loc, wide, bytes).getResult()
                             : arith::ExtSIOp::create(b, loc, wide, bytes).getResult();
}

Index ConvolutionEmitter::address(const FlatAccess &access, const Place &place) {
  Index at = math.add(access.base, math.mul(place.batch, access.steps[Batch]));
  at = math.add(at, math.mul(place.outer, access.steps[Outer]));
  at = math.add(at, math.mul(place.row, access.steps[Row]));
  return math.add(at, math.mul(place.column, access.steps[Column]));
}

Value ConvolutionEmitter::load(const FlatAccess &access, const Place &place) {
  Index at = address(access, place), step = access.steps[Lane];
  // The same for all lanes: stays a scalar until it meets a vector.
  if (IndexMath::isConstant(step, 0))
    return loadScalar(access.flat, at);
  int64_t lanes = vector.getNumElements();
  VectorType type = VectorType::get({lanes}, access.element);
  if (IndexMath::isConstant(step, 1))
    return vector::LoadOp::create(b, loc, type, access.flat, math.value(at));
  Value value = arith::ConstantOp::create(b, loc, type, cast<TypedAttr>(b.getZeroAttr(type)));
  for (int64_t lane = 0; lane < lanes; ++lane)
    value = vector::InsertOp::create(b, loc, loadScalar(access.flat, math.add(at, math.mul(math.of(lane), step))),
                                     value, lane);
  return value;
}

void ConvolutionEmitter::store(const FlatAccess &access, const Place &place, Value value) {
  Index at = address(access, place), step = access.steps[Lane];
  if (IndexMath::isConstant(step, 1)) {
    vector::StoreOp::create(b, loc, value, access.flat, math.value(at));
    return;
  }
  for (int64_t lane = 0; lane < vector.getNumElements(); ++lane)
    memref::StoreOp::create(b, loc, vector::ExtractOp::create(b, loc, value, lane), access.flat,
                            math.value(math.add(at, math.mul(math.of(lane), step))));
}

int64_t ConvolutionEmitter::countStepOps() const {
  int64_t ops = 0;
  for (Operation *step : form.steps)
    if (auto generic = dyn_cast<linalg::GenericOp>(step))
      ops += generic.getBody()->getOperations().size();
  return ops;
}

void ConvolutionEmitter::finish(const Place &place, Value sum) {
  auto define = [&](Value buffer, Value value) {
    if (!isa<VectorType>(value.getType()))
      value = vector::BroadcastOp::create(b, loc, VectorType::get(vector.getShape(), value.getType()), value);
    if (auto *entry = results.find(buffer); entry != results.end())
      store(entry->second, place, value);
    return value;
  };
  applySteps(form, sum,
             {[&](OpOperand &operand) { return &operand == bias ? zeroVector() : load(operands[&operand], place); },
              define, [&](Operation *op, IRMapping &mapping) { cloneElementwise(b, loc, op, mapping); }});
}
