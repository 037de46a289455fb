// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Codegen/Common/IndexMath.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula::matmul;

Value IndexMath::value(Index index) {
  if (auto known = getConstantIntValue(index))
    return constant(*known);
  return cast<Value>(index);
}

bool IndexMath::same(Index left, Index right) {
  auto a = getConstantIntValue(left), b = getConstantIntValue(right);
  return a || b ? a == b : left == right;
}

Index IndexMath::add(Index left, Index right) {
  auto a = getConstantIntValue(left), c = getConstantIntValue(right);
  if (a && c)
    return of(*a + *c);
  if (a == int64_t(0))
    return right;
  if (c == int64_t(0))
    return left;
  return arith::AddIOp::create(b, loc, value(left), value(right)).getResult();
}

Index IndexMath::sub(Index left, Index right) {
  auto a = getConstantIntValue(left), c = getConstantIntValue(right);
  if (a && c)
    return of(*a - *c);
  if (c == int64_t(0))
    return left;
  return arith::SubIOp::create(b, loc, value(left), value(right)).getResult();
}

Index IndexMath::mul(Index left, Index right) {
  auto a = getConstantIntValue(left), c = getConstantIntValue(right);
  if (a && c)
    return of(*a * *c);
  if (a == int64_t(0) || c == int64_t(1))
    return left;
  if (c == int64_t(0) || a == int64_t(1))
    return right;
  if (!remembersProducts)
    return arith::MulIOp::create(b, loc, value(left), value(right)).getResult();
  auto key = [&](Index index) {
    auto known = getConstantIntValue(index);
    return (known ? of(*known) : index).getOpaqueValue();
  };
  std::pair<void *, void *> factors{key(left), key(right)};
  if (std::less<void *>()(factors.second, factors.first))
    std::swap(factors.first, factors.second);
  Value &product = products[factors];
  if (!product)
    product = arith::MulIOp::create(b, loc, value(left), value(right));
  return product;
}

Index IndexMath::floorDiv(Index left, Index right) {
  auto a = getConstantIntValue(left), c = getConstantIntValue(right);
  if (a && c && *c > 0)
    return of(*a / *c);
  if (c == int64_t(1))
    return left;
  // Extents and indices are never negative.
  return arith::DivUIOp::create(b, loc, value(left), value(right)).getResult();
}

Index IndexMath::ceilDiv(Index left, Index right) {
  auto a = getConstantIntValue(left), c = getConstantIntValue(right);
  if (a && c && *c > 0)
    return of(llvm::divideCeil(*a, *c));
  if (c == int64_t(1))
    return left;
  return floorDiv(add(left, sub(right, of(1))), right);
}

Index IndexMath::rem(Index left, Index right) {
  auto a = getConstantIntValue(left), c = getConstantIntValue(right);
  if (a && c && *c > 0)
    return of(*a % *c);
  if (c == int64_t(1))
    return of(0);
  return arith::RemUIOp::create(b, loc, value(left), value(right)).getResult();
}

Index IndexMath::min(Index left, Index right) {
  auto a = getConstantIntValue(left), c = getConstantIntValue(right);
  if (a && c)
    return of(std::min(*a, *c));
  return arith::MinSIOp::create(b, loc, value(left), value(right)).getResult();
}

Index IndexMath::max(Index left, Index right) {
  auto a = getConstantIntValue(left), c = getConstantIntValue(right);
  if (a && c)
    return of(std::max(*a, *c));
  return arith::MaxSIOp::create(b, loc, value(left), value(right)).getResult();
}

Value IndexMath::truth(bool value) { return arith::ConstantIntOp::create(b, loc, value, 1); }

Value IndexMath::compare(arith::CmpIPredicate predicate, Index left, Index right) {
  auto a = getConstantIntValue(left), c = getConstantIntValue(right);
  if (a && c)
    return truth(arith::applyCmpPredicate(predicate, llvm::APInt(64, *a, true), llvm::APInt(64, *c, true)));
  return arith::CmpIOp::create(b, loc, predicate, value(left), value(right));
}

Value IndexMath::equal(Index left, Index right) {
  return same(left, right) ? truth(true) : compare(arith::CmpIPredicate::eq, left, right);
}
Value IndexMath::less(Index left, Index right) { return compare(arith::CmpIPredicate::slt, left, right); }
Value IndexMath::lessOrEqual(Index left, Index right) { return compare(arith::CmpIPredicate::sle, left, right); }

Value IndexMath::logicalAnd(Value left, Value right) {
  if (auto known = getConstantIntValue(left))
    return *known ? right : left;
  if (auto known = getConstantIntValue(right))
    return *known ? left : right;
  return arith::AndIOp::create(b, loc, left, right);
}
