// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In a signature (tegula/Kernel/KernelSignature.h), extents stand in brackets right behind the name of a type, and the
// strides of an argument in braces behind those: `f32[128,768]{768,1}`, `tensor[4,?]f32`. Other lists follow a space or
// a bracket.
//
#include "KernelShape.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace tegula::tuner;

KernelShape tegula::tuner::shapeOf(llvm::StringRef signature) {
  KernelShape shape;
  llvm::StringRef rest = signature;
  /// Copies a list up to its end; true when that was a list of numbers and question marks.
  auto replaceList = [&](char end, bool areExtents) {
    auto [list, behind] = rest.split(end);
    if (list.size() == rest.size() || list.find_first_not_of("0123456789,?") != llvm::StringRef::npos)
      return false;
    llvm::SmallVector<llvm::StringRef> items;
    list.split(items, ',', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef item : items) {
      int64_t number = 0;
      bool isNumber = !item.getAsInteger(10, number) && (areExtents || number != 1);
      if (isNumber && areExtents)
        shape.extents.push_back(number);
      shape.pattern += isNumber ? "#" : item;
      shape.pattern += ",";
    }
    shape.pattern += end;
    rest = behind;
    return true;
  };
  while (!rest.empty()) {
    char last = shape.pattern.empty() ? ' ' : shape.pattern.back(), next = rest.front();
    shape.pattern += next;
    rest = rest.drop_front();
    if (next == '[' && llvm::isAlnum(last) && replaceList(']', /*areExtents=*/true) && rest.consume_front("{")) {
      shape.pattern += "{";
      replaceList('}', /*areExtents=*/false);
    }
  }
  return shape;
}

double tegula::tuner::distance(const KernelShape &a, const KernelShape &b) {
  assert(a.pattern == b.pattern && "no distance between kernels that compute other things");
  double sum = 0;
  // An empty tensor is as far from one element as that is from two.
  for (size_t index = 0; index < a.extents.size(); ++index)
    sum += std::abs(std::log(std::max(a.extents[index], int64_t(0)) + 1.0) -
                    std::log(std::max(b.extents[index], int64_t(0)) + 1.0));
  return sum;
}
