// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_BASE
#define TEGULA_GRAPH_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "tegula/Dialect/Graph/IR/GraphInterfaces.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::tegula::graph";
  let summary = "What is computed: tensor operations with ONNX meaning.";
  let description = [{
    Values are builtin tensors; unsigned integers are `uiN`, signed ones signless `iN`, bool is `i1`. Every op's
    description is its specification. Shapes follow ONNX: multidirectional broadcasting where the op says so,
    dynamic dimensions anywhere. No op here knows about tiles, devices or buffers.
  }];
  let hasConstantMaterializer = 1;
}

// Every tensor that ONNX can name, ranked or not.
def Graph_Tensor : TensorOf<[AnyType]>;
def Graph_FloatTensor : TensorOf<[AnyFloat]>;
def Graph_NumericTensor : TensorOf<[AnyFloat, AnyInteger]>;
def Graph_BoolTensor : TensorOf<[I1]>;
def Graph_IntegerTensor : TensorOf<[AnyInteger]>;
def Graph_IndexTensor : TensorOf<[I32, I64]>;
// An absent optional operand is not there at all; an absent optional result likewise.
def Graph_OptionalTensor : Optional<Graph_Tensor>;

class Graph_Op<string mnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, mnemonic, !listconcat(traits, [DeclareOpInterfaceMethods<InferShapesOpInterface>])>;
// An op without side effects: nearly all of them.
class Graph_PureOp<string mnemonic, list<Trait> traits = []> : Graph_Op<mnemonic, !listconcat([Pure], traits)>;

#endif
