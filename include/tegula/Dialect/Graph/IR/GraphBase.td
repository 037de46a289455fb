// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_BASE
#define TEGULA_GRAPH_BASE

include "mlir/IR/AttrTypeBase.td"
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
    Values are builtin tensors, and sequences, optionals and maps where ONNX has them; unsigned integers are `uiN`, signed ones signless `iN`, bool is `i1`. Every op's
    description is its specification. Shapes follow ONNX: multidirectional broadcasting where the op says so,
    dynamic dimensions anywhere. No op here knows about tiles, devices or buffers.

    `graph.precision` on the module says how exactly the model computes (`--precision=`): "f32", "f32-strict" or "bf16"; f32
    without the attribute. `graph.channel_block` on it is the length of channel blocks where levels of one artifact agreed
    on it, `graph.channel_group` how many neighboring bytes their weights hold together; else each target has its own.
  }];
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
  let useDefaultTypePrinterParser = 1;
}

// --- types that are no numbers ---------------------------------------------------------------------------------------

def Graph_StringType : TypeDef<Graph_Dialect, "String"> {
  let mnemonic = "string";
  let summary = "A string of UTF-8: the element type of tensors of strings.";
}
def Graph_SequenceType : TypeDef<Graph_Dialect, "Sequence"> {
  let mnemonic = "sequence";
  let summary = "Any number of values of type `element`: tensors whose type is what all elements have in common, or maps.";
  let parameters = (ins "::mlir::Type":$element);
  let assemblyFormat = "`<` $element `>`";
}
def Graph_OptionalType : TypeDef<Graph_Dialect, "Optional"> {
  let mnemonic = "optional";
  let summary = "A tensor or sequence of type `element`, or nothing.";
  let parameters = (ins "::mlir::Type":$element);
  let assemblyFormat = "`<` $element `>`";
}
def Graph_MapType : TypeDef<Graph_Dialect, "Map"> {
  let mnemonic = "map";
  let summary = "Numbers or strings (element type `value`) by integers or strings (element type `key`).";
  let parameters = (ins "::mlir::Type":$key, "::mlir::Type":$value);
  let assemblyFormat = "`<` $key `,` $value `>`";
}

// Every tensor that ONNX can name, ranked or not.
def Graph_Tensor : TensorOf<[AnyType]>;
def Graph_FloatTensor : TensorOf<[AnyFloat]>;
def Graph_NumericTensor : TensorOf<[AnyFloat, AnyInteger]>;
def Graph_BoolTensor : TensorOf<[I1]>;
def Graph_IntegerTensor : TensorOf<[AnyInteger]>;
def Graph_IndexTensor : TensorOf<[I32, I64]>;
def Graph_StringTensor : TensorOf<[Graph_StringType]>;
def Graph_AnyValue : AnyTypeOf<[Graph_Tensor, Graph_SequenceType, Graph_OptionalType, Graph_MapType]>;
// An absent optional operand is not there at all; an absent optional result likewise.
def Graph_OptionalTensor : Optional<Graph_Tensor>;

class Graph_Op<string mnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, mnemonic, !listconcat(traits, [DeclareOpInterfaceMethods<InferShapesOpInterface>])>;
// An op without side effects: nearly all of them.
class Graph_PureOp<string mnemonic, list<Trait> traits = []> : Graph_Op<mnemonic, !listconcat([Pure], traits)>;

#endif
