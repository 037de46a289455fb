// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Functions.h"

using namespace mlir;
using namespace tegula;

Value functions::errorFunction(FloatEmitter &emit, Value x) {
  Value magnitude = emit.absolute(x), square = emit.multiply(x, x);
  // erf(x) / x - 1 as a polynomial of x^2, Chebyshev fit of degree 6 for |x| <= 0.95.
  Value curve =
      emit.polynomial(square, {0.12837916612625122, -0.37612631916999817, 0.11283669620752335, -0.026857959106564522,
                               0.005197487305849791, -0.0008102915599010885, 8.204169716918841e-05});
  Value small = emit.multiplyAdd(x, curve, x);
  // 1 - e^log(erfc(x)), the exponent as a Chebyshev fit of degree 8 for x between 0.9 and 4, where erf becomes one.
  Value clamped = emit.clamp(magnitude, 0, 4);
  Value exponent = emit.polynomial(clamped, {0.0003185396490152925, -1.1302310228347778, -0.6318238973617554,
                                             -0.11008716374635696, 0.02642763778567314, -0.00476262578740716,
                                             0.0005975857493467629, -4.616385922417976e-05, 1.6430636833320023e-06});
  Value large = emit.copySign(emit.subtract(1, exponential(emit, exponent)), x);
  return emit.choose(emit.less(magnitude, 0.92), small, large);
}

Value functions::complementaryErrorFunction(FloatEmitter &emit, Value x) {
  Value wide = emit.toDouble(x), magnitude = emit.clamp(emit.absolute(wide), 0, 11); // zero from 10.06 on
  // (1 + 2 x) e^(x^2) erfc(x) as a polynomial of (x - 3) / (x + 3), Chebyshev fit of degree 11 for x between 0
  // and 10.1.
  Value place = emit.divide(emit.add(magnitude, -3), emit.add(magnitude, 3));
  Value curve = emit.polynomial(place, {1.2530080589226421, -0.1356211117538494, -0.047562381302638522,
                                        0.12964538119482542, -0.11927168912534413, 0.068306244996028176,
                                        -0.023787163420671187, 0.002528937345079487, 0.0019483711025346168,
                                        -0.00074127237799473239, -0.00018069845912157125, 3.6319077844133537e-5});
  Value power = exponentialOfDouble(emit, emit.negate(emit.multiply(magnitude, magnitude)));
  Value positive = emit.divide(emit.multiply(power, curve), emit.add(emit.multiply(magnitude, 2), 1));
  return emit.toSingle(emit.choose(emit.less(x, 0), emit.subtract(2, positive), positive));
}

Value functions::errorFunctionOfDouble(FloatEmitter &emit, Value x) {
  Value magnitude = emit.absolute(x);
  // erf(x) / x as a polynomial of x^2, Chebyshev fit of degree 10 for |x| <= 1/2.
  Value curve =
      emit.polynomial(emit.multiply(x, x),
                      {1.1283791670955126, -0.37612638903183754, 0.11283791670955123, -0.026866170645129594,
                       0.005223977625391082, -0.0008548327014261597, 0.0001205533195094064, -1.4925576004545132e-05,
                       1.6458661987028338e-06, -1.6265888580274038e-07, 1.3154535675893385e-08});
  Value small = emit.multiply(magnitude, curve);
  // 1 - e^(-x^2) / (1 + 2 x) times a polynomial of (x - 3.75) / (x + 3.75); erf is one from 6 on.
  Value bounded = emit.clamp(magnitude, 0, 6);
  Value place = emit.divide(emit.add(bounded, -3.75), emit.add(bounded, 3.75));
  Value tail = emit.polynomial(place, {1.2375126308378275,     -0.14024059858554702,   0.003585415485463646,
                                       0.08227673849015116,    -0.10880393014170392,   0.09230432116018954,
                                       -0.05869339859070333,   0.028362277421698216,   -0.009746579542732807,
                                       0.001755625837786653,   0.00029371350740708366, -0.00029015429551498985,
                                       5.164977796939678e-05,  2.238853769916749e-05,  -1.1435683725637103e-05,
                                       -9.812992396269633e-07, 1.674553467425207e-06,  -2.385996271330783e-07,
                                       -4.84861093152819e-07,  -1.336696646782349e-07, -1.0343651771942935e-08});
  Value power = emit.exponentialByLibrary(emit.negate(emit.multiply(bounded, bounded)));
  tail = emit.divide(emit.multiply(power, tail), emit.add(emit.multiply(bounded, 2), 1));
  Value result = emit.choose(emit.less(magnitude, 0.5), small, emit.subtract(1, tail));
  return emit.copySign(result, x);
}
