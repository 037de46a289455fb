// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A recurrent layer becomes, per direction, one matrix product of all steps' inputs with W and an scf.for over the
// steps whose body multiplies the hidden state with R and computes the gates elementwise. Gates are taken out of their
// products (seen as [B, G, H]) by constant indexing maps, and so are directions out of W, R and bias: nothing is
// sliced. The last op of a step writes into the state that the loop carries, so that it is updated in place.
#include "tegula/Conversion/GraphToLinalg/Contraction.h"
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"
#include "tegula/Conversion/GraphToLinalg/Window.h"

#include "tegula/abi.h"

using namespace mlir;
using namespace tegula;

static Value applyActivation(OpBuilder &b, Location loc, StringRef name, double alpha, double beta, Value x) {
  Type type = x.getType();
  auto constant = [&](double value) { return constantScalar(b, loc, value, type); };
  auto add = [&](Value l, Value r) -> Value { return arith::AddFOp::create(b, loc, l, r); };
  auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(b, loc, l, r); };
  auto div = [&](Value l, Value r) -> Value { return arith::DivFOp::create(b, loc, l, r); };
  auto isPositive = [&](Value bound) -> Value {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, bound);
  };
  auto select = [&](Value condition, Value l, Value r) -> Value {
    return arith::SelectOp::create(b, loc, condition, l, r);
  };
  if (name == "Tanh")
    return math::TanhOp::create(b, loc, x);
  if (name == "Sigmoid") {
    Value exponential = math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, x));
    return div(constant(1), add(constant(1), exponential));
  }
  if (name == "Relu")
    return arith::MaximumFOp::create(b, loc, x, constant(0));
  if (name == "Affine")
    return add(mul(constant(alpha), x), constant(beta));
  if (name == "LeakyRelu")
    return select(isPositive(constant(0)), x, mul(constant(alpha), x));
  if (name == "ThresholdedRelu")
    return select(isPositive(constant(alpha)), x, constant(0));
  if (name == "ScaledTanh")
    return mul(constant(alpha), math::TanhOp::create(b, loc, mul(constant(beta), x)));
  if (name == "HardSigmoid") {
    Value line = add(mul(constant(alpha), x), constant(beta));
    return arith::MaximumFOp::create(b, loc, constant(0), arith::MinimumFOp::create(b, loc, constant(1), line));
  }
  if (name == "Elu")
    return select(isPositive(constant(0)), x, mul(constant(alpha), math::ExpM1Op::create(b, loc, x)));
  if (name == "Softsign")
    return div(x, add(constant(1), math::AbsFOp::create(b, loc, x)));
  assert(name == "Softplus" && "the verifier knows the names");
  // max(x, 0) + log(1 + exp(-|x|)) does not overflow.
  Value negative = arith::NegFOp::create(b, loc, math::AbsFOp::create(b, loc, x));
  Value rest = math::Log1pOp::create(b, loc, math::ExpOp::create(b, loc, negative));
  return add(arith::MaximumFOp::create(b, loc, x, constant(0)), rest);
}

namespace {
/// One layer's lowering; cells differ in `step` only.
template <typename OpTy> struct Layer {
  OpBuilder &b;
  OpTy op;
  Location loc;
  Value x, w, r, bias, lengths, initialH, initialC, peepholes; ///< converted; null when absent
  int64_t gates, states, hidden, direction = 0;
  Type element, compute;
  OpFoldResult steps, batches;

  AffineExpr d(int64_t i) { return b.getAffineDimExpr(i); }
  AffineExpr c(int64_t value) { return b.getAffineConstantExpr(value); }
  AffineMap map(int64_t loops, ArrayRef<AffineExpr> results) {
    return AffineMap::get(loops, 0, results, b.getContext());
  }
  OpFoldResult fixed(int64_t extent) { return b.getIndexAttr(extent); }

  /// Elementwise over `extents`; operands widen to the compute type (integers stay). The last results go into
  /// `destinations`, the others into new tensors.
  SmallVector<Value> elementwise(ArrayRef<OpFoldResult> extents, ValueRange operands, ArrayRef<AffineMap> operandMaps,
                                 ArrayRef<Type> resultElements,
                                 function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange)> body,
                                 ArrayRef<Value> destinations = {}) {
    SmallVector<Value> inits(destinations);
    SmallVector<AffineMap> maps(operandMaps);
    while (inits.size() < resultElements.size())
      inits.insert(inits.end() - destinations.size(),
                   makeEmpty(b, loc, extents, resultElements[inits.size() - destinations.size()]));
    maps.append(inits.size(), b.getMultiDimIdentityMap(extents.size()));
    SmallVector<utils::IteratorType> parallel(extents.size(), utils::IteratorType::parallel);
    auto generic = linalg::GenericOp::create(
        b, loc, TypeRange(ValueRange(inits)), operands, inits, maps, parallel,
        [&](OpBuilder &nested, Location at, ValueRange v) {
          SmallVector<Value> widened;
          for (Value value : v.take_front(operands.size()))
            widened.push_back(isa<FloatType>(value.getType()) ? castScalar(nested, at, value, value.getType(), compute)
                                                              : value);
          SmallVector<Value> results = body(nested, at, widened);
          for (auto [result, type] : llvm::zip(results, resultElements))
            result = castScalar(nested, at, result, result.getType(), type);
          linalg::YieldOp::create(nested, at, results);
        });
    return SmallVector<Value>(generic->getResults());
  }

  /// state [B, H] times the rows of `matrix` [D, N, H] in this direction, or of [N, H]: [B, N].
  Value multiply(Value state, Value matrix) {
    auto type = cast<RankedTensorType>(matrix.getType());
    SmallVector<utils::IteratorType> iterators{utils::IteratorType::parallel, utils::IteratorType::parallel,
                                               utils::IteratorType::reduction};
    AffineMap rows = type.getRank() == 3 ? map(3, {c(direction), d(1), d(2)}) : map(3, {d(1), d(2)});
    return buildContraction(b, loc, {state, matrix}, {compute, element},
                            {batches, fixed(type.getDimSize(type.getRank() - 2))},
                            {map(3, {d(0), d(2)}), rows, map(3, {d(0), d(1)})}, iterators, compute);
  }

  /// Rows [offset, offset + count) of R in this direction: [count, H].
  Value rowsOfR(int64_t offset, int64_t count) {
    auto type = RankedTensorType::get({count, hidden}, getStorageType(element));
    return tensor::ExtractSliceOp::create(
        b, loc, type, r, ArrayRef<OpFoldResult>{fixed(direction), fixed(offset), fixed(0)},
        ArrayRef<OpFoldResult>{fixed(1), fixed(count), fixed(hidden)}, SmallVector<OpFoldResult>(3, fixed(1)));
  }

  /// Dimension `dim` = n * rest of `tensor` as [n, rest].
  Value split(Value tensor, int64_t dim, int64_t n) {
    auto type = cast<RankedTensorType>(tensor.getType());
    SmallVector<int64_t> shape;
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      groups.push_back({int64_t(shape.size())});
      if (i == dim) {
        groups.back().push_back(shape.size() + 1);
        shape.append({n, type.getDimSize(i) / n});
      } else {
        shape.push_back(type.getDimSize(i));
      }
    }
    return tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), tensor, groups);
  }

  /// All steps' inputs times W plus the bias: [S, B, G * H]. The recurrent bias of the last gate stays out when
  /// `separateLast` (a GRU that resets after its product).
  Value projectInput(bool separateLast) {
    SmallVector<utils::IteratorType> iterators(3, utils::IteratorType::parallel);
    iterators.push_back(utils::IteratorType::reduction);
    SmallVector<OpFoldResult> extents{steps, batches, fixed(gates * hidden)};
    Value product =
        buildContraction(b, loc, {x, w}, {element, element}, extents,
                         {map(4, {d(0), d(1), d(3)}), map(4, {c(direction), d(2), d(3)}), map(4, {d(0), d(1), d(2)})},
                         iterators, compute);
    if (!bias)
      return product;
    Value halves = split(bias, 1, 2);
    Value sum = elementwise({fixed(gates * hidden)}, {halves, halves},
                            {map(1, {c(direction), c(0), d(0)}), map(1, {c(direction), c(1), d(0)})}, {compute},
                            [&](OpBuilder &nested, Location at, ValueRange v) -> SmallVector<Value> {
                              Value all = arith::AddFOp::create(nested, at, v[0], v[1]);
                              if (separateLast) {
                                Value place = linalg::IndexOp::create(nested, at, 0);
                                Value isLast = arith::CmpIOp::create(nested, at, arith::CmpIPredicate::sge, place,
                                                                     constantIndex(nested, at, (gates - 1) * hidden));
                                all = arith::SelectOp::create(nested, at, isLast, v[0], all);
                              }
                              return {all};
                            })[0];
    return elementwise(extents, {product, sum}, {map(3, {d(0), d(1), d(2)}), map(3, {d(2)})}, {compute},
                       [](OpBuilder &nested, Location at, ValueRange v) -> SmallVector<Value> {
                         return {arith::AddFOp::create(nested, at, v[0], v[1])};
                       })[0];
  }

  Value activate(OpBuilder &nested, Location at, int64_t which, Value value) {
    if (double clip = op.getClip().convertToFloat(); clip > 0) {
      value = arith::MinimumFOp::create(nested, at, value, constantScalar(nested, at, clip, compute));
      value = arith::MaximumFOp::create(nested, at, value, constantScalar(nested, at, -clip, compute));
    }
    size_t i = direction * (op.getActivations().size() / (op.getDirection() == "bidirectional" ? 2 : 1)) + which;
    return applyActivation(nested, at, cast<StringAttr>(op.getActivations()[i]).getValue(), op.getAlpha()[i],
                           op.getBeta()[i], value);
  }

  /// Initial state [B, H] of this direction in the compute type.
  Value initialState(Value given) {
    SmallVector<OpFoldResult> extents{batches, fixed(hidden)};
    if (!given)
      return makeFilled(b, loc, extents, constantScalar(b, loc, 0, compute));
    return elementwise(extents, given, map(2, {c(direction), d(0), d(1)}), {compute},
                       [](OpBuilder &, Location, ValueRange v) -> SmallVector<Value> { return {v[0]}; })[0];
  }

  /// `step(input, state, destinations)` computes the next states, [B, H] each, of `input` [B, G, H]; `prepare` builds
  /// what a direction's steps share. Returns y, then the final states.
  SmallVector<Value> run(bool separateLast, function_ref<void()> prepare,
                         function_ref<SmallVector<Value>(Value, ValueRange, ArrayRef<Value>)> step) {
    steps = getExtent(b, loc, x, 0);
    batches = getExtent(b, loc, x, 1);
    if (lengths) { // which the loop's body reads
      IndexMath math{b, loc};
      Value count = asValue(b, loc, getExtent(b, loc, lengths, 0));
      math.check(math.compare(arith::CmpIPredicate::eq, count, asValue(b, loc, batches)), TEGULA_SHAPE_MISMATCH);
    }
    int64_t directions = op.getDirection() == "bidirectional" ? 2 : 1;
    Type storage = getStorageType(element);
    SmallVector<OpFoldResult> stateExtents{fixed(directions), batches, fixed(hidden)};
    SmallVector<Value> results{makeEmpty(b, loc, {steps, fixed(directions), batches, fixed(hidden)}, storage)};
    for (int64_t i = 0; i < states; ++i)
      results.push_back(makeEmpty(b, loc, stateExtents, storage));

    for (direction = 0; direction < directions; ++direction) {
      bool isReverse = op.getDirection() == "reverse" || direction == 1;
      Value projected = projectInput(separateLast);
      if (prepare)
        prepare();
      SmallVector<Value> carried{results[0], initialState(initialH)};
      if (states == 2)
        carried.push_back(initialState(initialC));
      Value zero = constantIndex(b, loc, 0), one = constantIndex(b, loc, 1), count = asValue(b, loc, steps);
      auto loop = scf::ForOp::create(b, loc, zero, count, one, carried);
      keepInKernel(loop);
      b.setInsertionPointToStart(loop.getBody());
      Value time = loop.getInductionVar();
      if (isReverse)
        time = arith::SubIOp::create(b, loc, arith::SubIOp::create(b, loc, count, one), time);
      // [1, B, G * H] at this step, as [B, G * H].
      SmallVector<OpFoldResult> strides(3, fixed(1)), offsets{time, fixed(0), fixed(0)},
          sizes{fixed(1), batches, fixed(gates * hidden)};
      auto projectedType = cast<RankedTensorType>(projected.getType());
      auto inputType = RankedTensorType::get(projectedType.getShape().drop_front(), compute);
      Value input = tensor::ExtractSliceOp::create(b, loc, inputType, projected, offsets, sizes, strides);
      input = split(input, 1, gates);
      ValueRange state = loop.getRegionIterArgs().drop_front();
      // With lengths, finishStep is the one that writes the states.
      SmallVector<Value> next = step(input, state, lengths ? SmallVector<Value>() : SmallVector<Value>(state));
      Value shown = finishStep(next, state, time, storage);

      SmallVector<OpFoldResult> yOffsets{time, fixed(direction), fixed(0), fixed(0)}, yStrides(4, fixed(1)),
          ySizes{fixed(1), fixed(1), batches, fixed(hidden)};
      SmallVector<Value> yields{
          tensor::InsertSliceOp::create(b, loc, shown, loop.getRegionIterArgs()[0], yOffsets, ySizes, yStrides)};
      llvm::append_range(yields, next);
      scf::YieldOp::create(b, loc, yields);
      b.setInsertionPointAfter(loop);
      results[0] = loop.getResult(0);
      for (int64_t i = 0; i < states; ++i) {
        Value last =
            elementwise({batches, fixed(hidden)}, loop.getResult(i + 1), b.getMultiDimIdentityMap(2), {storage},
                        [](OpBuilder &, Location, ValueRange v) -> SmallVector<Value> { return {v[0]}; })[0];
        results[i + 1] = tensor::InsertSliceOp::create(
            b, loc, last, results[i + 1], ArrayRef<OpFoldResult>{fixed(direction), fixed(0), fixed(0)},
            ArrayRef<OpFoldResult>{fixed(1), batches, fixed(hidden)}, ArrayRef<OpFoldResult>(strides));
      }
    }
    return results;
  }

  /// Keeps the states of batches that are over, and returns what y shows: 0 there, else the hidden state.
  Value finishStep(SmallVector<Value> &next, ValueRange state, Value time, Type storage) {
    SmallVector<OpFoldResult> extents{batches, fixed(hidden)};
    AffineMap identity = b.getMultiDimIdentityMap(2);
    if (!lengths && storage == compute)
      return next[0];
    if (!lengths)
      return elementwise(extents, next[0], identity, {storage},
                         [](OpBuilder &, Location, ValueRange v) -> SmallVector<Value> { return {v[0]}; })[0];
    SmallVector<Value> operands{lengths};
    SmallVector<AffineMap> maps{map(2, {d(0)})};
    SmallVector<Type> types{storage};
    for (int64_t i = 0; i < states; ++i) {
      operands.append({next[i], state[i]});
      maps.append(2, identity);
      types.push_back(compute);
    }
    SmallVector<Value> results = elementwise(
        extents, operands, maps, types,
        [&](OpBuilder &nested, Location at, ValueRange v) -> SmallVector<Value> {
          Value length = toIndex(nested, at, v[0]);
          Value runs = arith::CmpIOp::create(nested, at, arith::CmpIPredicate::slt, time, length);
          Value zero = constantScalar(nested, at, 0, compute);
          SmallVector<Value> values{arith::SelectOp::create(nested, at, runs, v[1], zero)};
          for (int64_t i = 0; i < states; ++i)
            values.push_back(arith::SelectOp::create(nested, at, runs, v[1 + 2 * i], v[2 + 2 * i]));
          return values;
        },
        SmallVector<Value>(state));
    next.assign(results.begin() + 1, results.end());
    return results[0];
  }

  /// The map that takes gate `gate` out of [B, G, H].
  AffineMap gateMap(int64_t gate) { return map(2, {d(0), c(gate), d(1)}); }
};

template <typename OpTy>
FailureOr<Layer<OpTy>> makeLayer(OpBuilder &b, OpTy op, typename OpTy::Adaptor adaptor, int64_t gates, int64_t states) {
  auto r = dyn_cast<RankedTensorType>(adaptor.getR().getType());
  if (!r || r.isDynamicDim(2) || !isa<RankedTensorType>(adaptor.getX().getType()) ||
      !isa<RankedTensorType>(adaptor.getW().getType()))
    return failure();
  Layer<OpTy> layer{b,
                    op,
                    op.getLoc(),
                    adaptor.getX(),
                    adaptor.getW(),
                    adaptor.getR(),
                    adaptor.getBias(),
                    adaptor.getLengths(),
                    adaptor.getInitialH(),
                    nullptr,
                    nullptr,
                    gates,
                    states,
                    r.getDimSize(2)};
  layer.element = getElement(op.getX());
  layer.compute = getComputeType(layer.element);
  return layer;
}

static void replaceLayer(ConversionPatternRewriter &rewriter, Operation *op, ArrayRef<Value> results) {
  SmallVector<Value> cast;
  for (auto [result, value] : llvm::zip(op->getResults(), results))
    cast.push_back(castTo(rewriter, op->getLoc(), value, getStorageTensor(result.getType())));
  rewriter.replaceOp(op, cast);
}

struct LstmLowering : Lowering<graph::LstmOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::LstmOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto made = makeLayer(rewriter, op, adaptor, 4, 2);
    if (failed(made))
      return rewriter.notifyMatchFailure(op, "unknown ranks or hidden size");
    Layer<graph::LstmOp> &layer = *made;
    layer.initialC = adaptor.getInitialC();
    layer.peepholes = adaptor.getPeepholes();
    Value peepholes = layer.peepholes ? layer.split(layer.peepholes, 1, 3) : nullptr;
    auto step = [&](Value input, ValueRange state, ArrayRef<Value> destinations) {
      Value product = layer.split(layer.multiply(state[0], layer.r), 1, 4);
      // i, o, f, c of both products, the cell state, then the peepholes.
      SmallVector<Value> operands;
      SmallVector<AffineMap> maps;
      for (int64_t gate = 0; gate < 4; ++gate) {
        operands.append({input, product});
        maps.append(2, layer.gateMap(gate));
      }
      operands.push_back(state[1]);
      maps.push_back(rewriter.getMultiDimIdentityMap(2));
      for (int64_t i = 0; i < 3 && peepholes; ++i) {
        operands.push_back(peepholes);
        maps.push_back(layer.map(2, {layer.c(layer.direction), layer.c(i), layer.d(1)}));
      }
      SmallVector<OpFoldResult> extents{layer.batches, layer.fixed(layer.hidden)};
      return layer.elementwise(
          extents, operands, maps, {layer.compute, layer.compute},
          [&](OpBuilder &b, Location at, ValueRange v) -> SmallVector<Value> {
            auto add = [&](Value l, Value r) -> Value { return arith::AddFOp::create(b, at, l, r); };
            auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(b, at, l, r); };
            auto gate = [&](int64_t i) { return add(v[2 * i], v[2 * i + 1]); };
            auto peep = [&](int64_t i, Value value, Value cell) {
              return peepholes ? add(value, mul(v[9 + i], cell)) : value;
            };
            Value cell = v[8];
            Value in = layer.activate(b, at, 0, peep(0, gate(0), cell));
            Value forget = op.getInputForget()
                               ? Value(arith::SubFOp::create(b, at, constantScalar(b, at, 1, layer.compute), in))
                               : layer.activate(b, at, 0, peep(2, gate(2), cell));
            Value candidate = layer.activate(b, at, 1, gate(3));
            Value newCell = add(mul(forget, cell), mul(in, candidate));
            Value out = layer.activate(b, at, 0, peep(1, gate(1), newCell));
            return {mul(out, layer.activate(b, at, 2, newCell)), newCell};
          },
          destinations);
    };
    replaceLayer(rewriter, op, layer.run(false, nullptr, step));
    return success();
  }
};

struct GruLowering : Lowering<graph::GruOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::GruOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto made = makeLayer(rewriter, op, adaptor, 3, 1);
    if (failed(made))
      return rewriter.notifyMatchFailure(op, "unknown ranks or hidden size");
    Layer<graph::GruOp> &layer = *made;
    AffineMap identity = rewriter.getMultiDimIdentityMap(2);
    bool resetsAfter = op.getLinearBeforeReset();
    Value halves = layer.bias ? layer.split(layer.split(layer.bias, 1, 2), 2, 3) : nullptr;
    Value first, last; // rows of R: all of z and r, and of the last gate
    auto prepare = [&] {
      if (resetsAfter)
        return;
      first = layer.rowsOfR(0, 2 * layer.hidden);
      last = layer.rowsOfR(2 * layer.hidden, layer.hidden);
    };
    auto step = [&](Value input, ValueRange state, ArrayRef<Value> destinations) -> SmallVector<Value> {
      SmallVector<OpFoldResult> extents{layer.batches, layer.fixed(layer.hidden)};
      Value product = layer.multiply(state[0], resetsAfter ? layer.r : first);
      product = layer.split(product, 1, resetsAfter ? 3 : 2);
      auto mix = [&](OpBuilder &b, Location at, Value update, Value candidate, Value old) -> Value {
        // (1 - z) * n + z * h
        Value rest = arith::SubFOp::create(b, at, constantScalar(b, at, 1, layer.compute), update);
        Value fresh = arith::MulFOp::create(b, at, rest, candidate);
        return arith::AddFOp::create(b, at, fresh, arith::MulFOp::create(b, at, update, old));
      };
      auto gate = [&](OpBuilder &b, Location at, Value l, Value r) {
        return layer.activate(b, at, 0, arith::AddFOp::create(b, at, l, r));
      };
      SmallVector<Value> operands{input, product, input, product, state[0]};
      SmallVector<AffineMap> maps{layer.gateMap(0), layer.gateMap(0), layer.gateMap(1), layer.gateMap(1), identity};
      if (resetsAfter) {
        operands.append({input, product});
        maps.append(2, layer.gateMap(2));
        if (halves) {
          operands.push_back(halves); // [D, 2, G, H], of R's last gate
          maps.push_back(layer.map(2, {layer.c(layer.direction), layer.c(1), layer.c(2), layer.d(1)}));
        }
        return layer.elementwise(
            extents, operands, maps, {layer.compute},
            [&](OpBuilder &b, Location at, ValueRange v) -> SmallVector<Value> {
              Value recurrent = v[6];
              if (layer.bias)
                recurrent = arith::AddFOp::create(b, at, recurrent, v[7]);
              Value reset = gate(b, at, v[2], v[3]);
              Value sum =
                  arith::AddFOp::create(b, at, v[5], arith::MulFOp::create(b, at, reset, recurrent).getResult());
              Value candidate = layer.activate(b, at, 1, sum);
              return {mix(b, at, gate(b, at, v[0], v[1]), candidate, v[4])};
            },
            destinations);
      }
      SmallVector<Value> opened =
          layer.elementwise(extents, operands, maps, {layer.compute, layer.compute},
                            [&](OpBuilder &b, Location at, ValueRange v) -> SmallVector<Value> {
                              Value reset = gate(b, at, v[2], v[3]);
                              return {gate(b, at, v[0], v[1]), arith::MulFOp::create(b, at, reset, v[4])};
                            });
      Value rest = layer.multiply(opened[1], last);
      return layer.elementwise(
          extents, {input, rest, opened[0], state[0]}, {layer.gateMap(2), identity, identity, identity},
          {layer.compute},
          [&](OpBuilder &b, Location at, ValueRange v) -> SmallVector<Value> {
            Value sum = arith::AddFOp::create(b, at, v[0], v[1]);
            return {mix(b, at, v[2], layer.activate(b, at, 1, sum), v[3])};
          },
          destinations);
    };
    replaceLayer(rewriter, op, layer.run(resetsAfter, prepare, step));
    return success();
  }
};

struct RnnLowering : Lowering<graph::RnnOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::RnnOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto made = makeLayer(rewriter, op, adaptor, 1, 1);
    if (failed(made))
      return rewriter.notifyMatchFailure(op, "unknown ranks or hidden size");
    Layer<graph::RnnOp> &layer = *made;
    auto step = [&](Value input, ValueRange state, ArrayRef<Value> destinations) {
      Value product = layer.split(layer.multiply(state[0], layer.r), 1, 1);
      SmallVector<OpFoldResult> extents{layer.batches, layer.fixed(layer.hidden)};
      return layer.elementwise(
          extents, {input, product}, {layer.gateMap(0), layer.gateMap(0)}, {layer.compute},
          [&](OpBuilder &b, Location at, ValueRange v) -> SmallVector<Value> {
            return {layer.activate(b, at, 0, arith::AddFOp::create(b, at, v[0], v[1]))};
          },
          destinations);
    };
    replaceLayer(rewriter, op, layer.run(false, nullptr, step));
    return success();
  }
};
} // namespace

void tegula::populateRecurrentLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LstmLowering, GruLowering, RnnLowering>(converter, patterns.getContext());
}
