// RUN: tegula-opt %s --split-input-file --verify-diagnostics --graph-infer-shapes

func.func @construct(%x: tensor<2xf32>, %y: tensor<2xi64>) -> !graph.sequence<tensor<*xf32>> {
  // expected-error@+1 {{expected elements of one type, but got 'tensor<2xf32>' and 'tensor<2xi64>'}}
  %s = graph.sequence_construct(%x, %y) : (tensor<2xf32>, tensor<2xi64>) -> !graph.sequence<tensor<*xf32>>
  return %s : !graph.sequence<tensor<*xf32>>
}

// -----

func.func @insert(%s: !graph.sequence<tensor<*xf32>>, %y: tensor<2xi64>) -> !graph.sequence<tensor<*xf32>> {
  // expected-error@+1 {{expected an element of type 'tensor<*xf32>', but got 'tensor<2xi64>'}}
  %t = graph.sequence_insert %s, %y : (!graph.sequence<tensor<*xf32>>, tensor<2xi64>) -> !graph.sequence<tensor<*xf32>>
  return %t : !graph.sequence<tensor<*xf32>>
}

// -----

func.func @axis(%x: tensor<2x3xf32>) -> !graph.sequence<tensor<*xf32>> {
  // expected-error@+1 {{expected an axis of 0 to 1, but got 2}}
  %s = graph.split_to_sequence %x {axis = 2, keep_dims = true} : (tensor<2x3xf32>) -> !graph.sequence<tensor<*xf32>>
  return %s : !graph.sequence<tensor<*xf32>>
}

// -----

func.func @concat(%s: !graph.sequence<tensor<2xf32>>) -> tensor<*xf32> {
  // expected-error@+1 {{expected an axis of -2 to 1, but got 2}}
  %y = graph.concat_from_sequence %s {axis = 2, new_axis = true} : (!graph.sequence<tensor<2xf32>>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @constant() -> tensor<3x!graph.string> {
  // expected-error@+1 {{expected a static type of 2 elements, but got 'tensor<3x!graph.string>'}}
  %w = graph.string_constant ["a", "b"] : tensor<3x!graph.string>
  return %w : tensor<3x!graph.string>
}

// -----

func.func @rows(%x: tensor<2x3x!graph.string>) -> tensor<*x!graph.string> {
  // expected-error@+1 {{expected a shape of [n] or [1, n], but got 'tensor<2x3x!graph.string>'}}
  %y = graph.string_normalize %x {case_change = "NONE", is_case_sensitive = true, stop_words = []} : (tensor<2x3x!graph.string>) -> tensor<*x!graph.string>
  return %y : tensor<*x!graph.string>
}

// -----

func.func @vocabulary(%m: !graph.map<i64, f32>, %v: tensor<2x!graph.string>) -> tensor<1x2xf32> {
  // expected-error@+1 {{expected a vocabulary of 'i64', but got '!graph.string'}}
  %y = graph.dict_vectorize %m, %v : (!graph.map<i64, f32>, tensor<2x!graph.string>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

func.func @boxes(%b: tensor<1x6x5xf32>, %s: tensor<1x1x6xf32>) -> tensor<?x3xi64> {
  // expected-error@+1 {{expected boxes [batches, n, 4] and scores [batches, classes, n]}}
  %y = graph.non_max_suppression %b, %s {center_point = false} : (tensor<1x6x5xf32>, tensor<1x1x6xf32>) -> tensor<?x3xi64>
  return %y : tensor<?x3xi64>
}
