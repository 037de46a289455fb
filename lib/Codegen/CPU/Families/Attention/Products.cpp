// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The two products of a block: keys and values are packed where they must be, and register blocks of both are summed.
//
#include "Emitter.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::attention;
using namespace tegula::matmul;

void Emitter::packQueries() {
  loop(math.of(0), rowCount, 1, [&](Value row) {
    Index from = addressOf(q, math.add(firstRow, Index(row)), math.of(0)), to = math.mul(row, math.of(depth));
    int64_t main = IndexMath::isConstant(stepOf(q, 2), 1) ? depth / lanes * lanes : 0;
    loop(math.of(0), math.of(main), lanes, [&](Value element) {
      storeVector(loadVector(q.flat, math.add(from, Index(element)), q.integer), packedQueries,
                  math.add(to, Index(element)));
    });
    loop(math.of(main), math.of(depth), 1, [&](Value element) {
      Value x = loadScalar(q.flat, math.add(from, math.mul(element, stepOf(q, 2))), q.integer);
      storeScalar(x, packedQueries, math.add(to, Index(element)));
    });
  });
}

void Emitter::packKeys(Index key, Index keyCount) {
  overPanels(keyCount, [&](int64_t vectors, Index start) {
    Index first = math.add(key, start), destination = math.mul(start, math.of(depth));
    for (int64_t i = 0; i < vectors; ++i) {
      Index own = math.add(first, math.of(i * lanes));
      Matrix source{k.flat, math.add(k.start, math.mul(own, stepOf(k, 1))), stepOf(k, 1), stepOf(k, 2), k.integer};
      Index valid = vectors > 1 ? math.of(lanes) : blockSize(start, keyCount, lanes);
      packVector(source, valid, math.add(destination, math.of(i * lanes)), vectors * lanes);
    }
  });
}

/// The first `valid` rows of `source`, of keys, as columns that lie `step` apart. Nobody looks at other columns.
void Emitter::packVector(const Matrix &source, Index valid, Index destination, int64_t step) {
  Index last = math.sub(valid, math.of(1));
  auto target = [&](Index element) { return math.add(destination, math.mul(element, math.of(step))); };
  auto byElements = [&](Index begin) {
    loop(begin, math.of(depth), 1, [&](Value element) {
      Index from = math.add(source.base, math.mul(element, source.columnStep)), to = target(Index(element));
      loop(math.of(0), valid, 1, [&](Value lane) {
        Value x = loadScalar(source.flat, math.add(from, math.mul(lane, source.rowStep)), source.integer);
        storeScalar(x, packedKeys, math.add(to, Index(lane)));
      });
    });
  };
  if (IndexMath::isConstant(source.columnStep, 1)) {
    // Squares are transposed in registers; beyond the last key it is repeated.
    Index main = math.of(depth / lanes * lanes);
    Values starts;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Index own = IndexMath::isConstant(valid, lanes) ? math.of(lane) : math.min(math.of(lane), last);
      starts.push_back(math.value(math.add(source.base, math.mul(own, source.rowStep))));
    }
    loop(math.of(0), main, lanes, [&](Value element) {
      Values square;
      for (Value start : starts)
        square.push_back(loadVector(source.flat, math.add(start, Index(element)), source.integer));
      transposeSquare(b, loc, square);
      for (int64_t i = 0; i < lanes; ++i)
        storeVector(square[i], packedKeys, target(math.add(element, math.of(i))));
    });
    return byElements(main);
  }
  auto type = VectorType::get({lanes}, elementOf(source.flat));
  auto copy = [&] {
    loop(math.of(0), math.of(depth), 1, [&](Value element) {
      Index from = math.add(source.base, math.mul(element, source.columnStep));
      Value x = IndexMath::isConstant(valid, lanes)
                    ? loadVector(source.flat, from, source.integer)
                    : widen(vector::MaskedLoadOp::create(b, loc, type, source.flat, math.value(from), maskOf(valid),
                                                         zero(type)),
                            source.integer);
      storeVector(x, packedKeys, target(Index(element)));
    });
  };
  emitIf(b, loc, math.equal(source.rowStep, math.of(1)), copy, [&] { byElements(math.of(0)); });
}

void Emitter::packValues(const Matrix &source, Index keyCount) {
  loop(math.of(0), keyCount, 1, [&](Value key) {
    Index from = math.add(source.base, math.mul(key, source.rowStep)), to = math.mul(key, math.of(paddedWidth));
    int64_t main = IndexMath::isConstant(source.columnStep, 1) ? width / lanes * lanes : 0;
    loop(math.of(0), math.of(main), lanes, [&](Value column) {
      storeVector(loadVector(source.flat, math.add(from, Index(column)), source.integer), packedValues,
                  math.add(to, Index(column)));
    });
    loop(math.of(main), math.of(width), 1, [&](Value column) {
      Value x = loadScalar(source.flat, math.add(from, math.mul(column, source.columnStep)), source.integer);
      storeScalar(x, packedValues, math.add(to, Index(column)));
    });
    loop(math.of(width), math.of(paddedWidth), 1,
         [&](Value column) { storeScalar(number(0), packedValues, math.add(to, Index(column))); });
  });
}

SmallVector<Value> Emitter::multiply(int64_t rows, const Matrix &left, const Matrix &right, Index count, Values sums) {
  int64_t vectors = int64_t(sums.size()) / rows, unroll = schedule.getUnroll();
  Values starts;
  for (int64_t row = 0; row < rows; ++row)
    starts.push_back(math.value(math.add(left.base, math.mul(math.of(row), left.rowStep))));
  auto rounds = [&](Index begin, Index end, int64_t steps) {
    if (IndexMath::same(begin, end))
      return;
    auto forOp = scf::ForOp::create(b, loc, math.value(begin), math.value(end), math.constant(steps), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(forOp.getBody());
    Values carried(forOp.getRegionIterArgs());
    for (int64_t step = 0; step < steps; ++step) {
      Index at = math.add(Index(forOp.getInductionVar()), math.of(step));
      Index rightAt = math.add(right.base, math.mul(at, right.rowStep)), leftAt = math.mul(at, left.columnStep);
      Values row;
      for (int64_t i = 0; i < vectors; ++i)
        row.push_back(loadVector(right.flat, math.add(rightAt, math.of(i * lanes)), right.integer));
      for (int64_t i = 0; i < rows; ++i) {
        Value factor = broadcast(loadScalar(left.flat, math.add(starts[i], leftAt), left.integer));
        for (int64_t j = 0; j < vectors; ++j) {
          Value &sum = carried[i * vectors + j];
          sum = vector::FMAOp::create(b, loc, factor, row[j], sum);
        }
      }
    }
    scf::YieldOp::create(b, loc, carried);
    sums.assign(forOp.result_begin(), forOp.result_end());
  };
  Index main = roundDown(count, unroll);
  rounds(math.of(0), main, unroll);
  if (unroll > 1)
    rounds(main, count, 1);
  return sums;
}

void Emitter::multiplyPanel(const Matrix &keys, int64_t vectors, Index start) {
  overRows([&](int64_t rows, Index row) {
    Matrix left = queriesFrom(row);
    Values products = multiply(rows, left, keys, math.of(depth), Values(rows * vectors, zeroVector()));
    for (int64_t i = 0; i < rows * vectors; ++i) {
      Index to = math.mul(math.add(row, math.of(i / vectors)), math.of(schedule.getKeys()));
      storeVector(products[i], scores, math.add(math.add(to, start), math.of(i % vectors * lanes)));
    }
  });
}

void Emitter::multiplyKeys(Index keyCount) {
  overPanels(keyCount, [&](int64_t vectors, Index start) {
    multiplyPanel({packedKeys, math.mul(start, math.of(depth)), math.of(vectors * lanes), math.of(1)}, vectors, start);
  });
}

/// The products of few queries, for which packing the keys would take longer than what it is for: keys are read where
/// they are.
void Emitter::multiplyFew(Index key, Index keyCount) {
  bool areColumns = IndexMath::isConstant(stepOf(k, 1), 1);
  if (!areColumns && IndexMath::isConstant(stepOf(k, 2), 1) &&
      IndexMath::isConstant(queriesFrom(math.of(0)).columnStep, 1))
    return multiplyDots(key, keyCount);
  overPanels(keyCount, [&](int64_t vectors, Index start) {
    Index own = math.add(k.start, math.mul(math.add(key, start), stepOf(k, 1)));
    Index valid = vectors > 1 ? math.of(lanes) : blockSize(start, keyCount, lanes);
    if (areColumns && IndexMath::isConstant(valid, lanes))
      return multiplyPanel({k.flat, own, stepOf(k, 2), math.of(1), k.integer}, vectors, start);
    for (int64_t i = 0; i < vectors; ++i) {
      Index from = math.add(own, math.mul(math.of(i * lanes), stepOf(k, 1)));
      packVector({k.flat, from, stepOf(k, 1), stepOf(k, 2), k.integer}, valid, math.of(i * lanes), vectors * lanes);
    }
    multiplyPanel({packedKeys, math.of(0), math.of(vectors * lanes), math.of(1)}, vectors, start);
  });
}

/// The same where a key's elements are neighbours: as many products as a vector has lanes side by side, each in lanes
/// that are summed in the end.
void Emitter::multiplyDots(Index key, Index keyCount) {
  Index last = math.sub(keyCount, math.of(1));
  int64_t main = depth / lanes * lanes;
  loop(math.of(0), rowCount, 1, [&](Value row) {
    Matrix query = queriesFrom(Index(row));
    loop(math.of(0), keyCount, lanes, [&](Value start) {
      Values starts;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        // Beyond the last key it is repeated.
        Index own = math.min(math.add(start, math.of(lane)), last);
        starts.push_back(math.value(math.add(k.start, math.mul(math.add(key, own), stepOf(k, 1)))));
      }
      auto forOp = scf::ForOp::create(b, loc, math.constant(0), math.constant(main), math.constant(lanes),
                                      Values(lanes, zeroVector()));
      {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToEnd(forOp.getBody());
        Values carried(forOp.getRegionIterArgs());
        Index at = Index(forOp.getInductionVar());
        Value factor = loadVector(query.flat, math.add(query.base, at), query.integer);
        for (auto [sum, from] : llvm::zip(carried, starts))
          sum = vector::FMAOp::create(b, loc, loadVector(k.flat, math.add(Index(from), at), k.integer), factor, sum);
        scf::YieldOp::create(b, loc, carried);
      }
      Values products(forOp.getResults());
      transposeSquare(b, loc, products);
      for (size_t count = products.size() / 2; count > 0; count /= 2)
        for (size_t i = 0; i < count; ++i)
          products[i] = arith::AddFOp::create(b, loc, products[i], products[i + count]);
      Value sum = products[0];
      for (int64_t element = main; element < depth; ++element) {
        Value column = zeroVector();
        for (auto [lane, from] : llvm::enumerate(starts))
          column = vector::InsertOp::create(
              b, loc, loadScalar(k.flat, math.add(Index(from), math.of(element)), k.integer), column, int64_t(lane));
        Value factor = broadcast(loadScalar(query.flat, math.add(query.base, math.of(element)), query.integer));
        sum = vector::FMAOp::create(b, loc, column, factor, sum);
      }
      Index to = math.mul(row, math.of(schedule.getKeys()));
      storeVector(sum, scores, math.add(to, Index(start)));
    });
  });
}

void Emitter::multiplyValues(const Matrix &values, Index keyCount, bool isOnly) {
  int64_t wide = vectors * lanes, main = paddedWidth / wide * wide;
  auto panel = [&](int64_t vectors, Index column) {
    Matrix right = values;
    right.base = math.add(right.base, column);
    overRows([&](int64_t rows, Index row) {
      Matrix left{scores, math.mul(row, math.of(schedule.getKeys())), math.of(schedule.getKeys()), math.of(1)};
      Values own, places;
      Value factor;
      for (int64_t i = 0; i < rows * vectors; ++i) {
        Index at = math.mul(math.add(row, math.of(i / vectors)), math.of(paddedWidth));
        places.push_back(math.value(math.add(math.add(at, column), math.of(i % vectors * lanes))));
        if (isOnly || kernel.isInteger) {
          own.push_back(zeroVector());
          continue;
        }
        if (i % vectors == 0)
          factor = broadcast(loadScalar(factors, math.add(row, math.of(i / vectors))));
        Value before = loadVector(sums, Index(places.back()));
        own.push_back(arith::MulFOp::create(b, loc, before, factor));
      }
      own = multiply(rows, left, right, keyCount, own);
      for (auto [value, place] : llvm::zip(own, places)) {
        if (!kernel.isInteger) {
          storeVector(value, sums, Index(place));
          continue;
        }
        // Exact within a block.
        Value integers = toIntegers(value);
        if (!isOnly) {
          Value before = vector::LoadOp::create(b, loc, cast<VectorType>(integers.getType()), integerSums, place);
          integers = arith::AddIOp::create(b, loc, integers, before);
        }
        storeVector(integers, integerSums, Index(place));
      }
    });
  };
  loop(math.of(0), math.of(main), wide, [&](Value column) { panel(vectors, Index(column)); });
  if (main < paddedWidth)
    panel((paddedWidth - main) / lanes, math.of(main));
}
