// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_EXEC_OPS
#define TEGULA_EXEC_OPS

include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Exec_Dialect : Dialect {
  let name = "exec";
  let cppNamespace = "::tegula::exec";
  let summary = "Where and when: kernels, dispatches, memory, targets.";
  let description = [{
    A module holds one host function `@main` and one `exec.kernel` per distinct kernel. The host function computes
    shapes, owns memory and dispatches kernels; it contains no tensor arithmetic.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

class Exec_Op<string mnemonic, list<Trait> traits = []> : Op<Exec_Dialect, mnemonic, traits>;

// --- targets ---------------------------------------------------------------------------------------------------------

def Exec_CPUTargetAttr : AttrDef<Exec_Dialect, "CPUTarget"> {
  let mnemonic = "cpu_target";
  let summary = "A CPU to generate code for.";
  let description = [{
    `triple`, `cpu` and `features` are LLVM's names; `vector_bits` is the widest useful vector register in bits,
    `byte_dot` whether vectors of it have an instruction that adds products of four bytes to a 32-bit sum (VNNI; the dot
    product of AArch64). `bfloat_tiles` and `byte_tiles`: whether there are tile registers (AMX) that multiply bf16 and bytes; with `emulated_tiles`, vector code
    does what they would do. Sits on the module as `exec.target`.
  }];
  let parameters = (ins StringRefParameter<"LLVM target triple">:$triple, StringRefParameter<"LLVM CPU name">:$cpu,
                        StringRefParameter<"LLVM feature string">:$features, "int64_t":$vector_bits,
                        DefaultValuedParameter<"bool", "false">:$byte_dot,
                        DefaultValuedParameter<"bool", "false">:$bfloat_tiles,
                        DefaultValuedParameter<"bool", "false">:$byte_tiles,
                        DefaultValuedParameter<"bool", "false">:$emulated_tiles);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = [{
    bool isX86() const { return getTriple().starts_with("x86_64"); }
    /// Whether vectors have an instruction that adds products of two 16-bit values to a 32-bit sum.
    bool hasPairDot() const { return isX86(); }
    /// Whether an instruction that adds the products of two pairs of bf16 to each f32 of a vector (vdpbf16ps) takes less
    /// time than two multiply-adds. On Zen 4 it starts as often as one of them (measured: 117 to 58 products a
    /// nanosecond), on Sapphire Rapids a quarter as often.
    bool hasFastBFloatDot() const {
      return getVectorBits() == 512 && (getCpu() == "znver4" || getCpu() == "znver5");
    }
    /// Whether an operation on the widest vectors takes as long as two on their halves.
    bool splitsWideVectors() const { return getVectorBits() == 512 && getCpu() == "znver4"; }
  }];
}

def Exec_NVPTXTargetAttr : AttrDef<Exec_Dialect, "NVPTXTarget"> {
  let mnemonic = "nvptx_target";
  let summary = "A GPU to generate PTX for.";
  let description = "`chip` is LLVM's name of the architecture (sm_80), `features` its PTX version feature (+ptx80).";
  let parameters = (ins StringRefParameter<"architecture">:$chip, StringRefParameter<"features">:$features);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Exec_ReferenceTargetAttr : AttrDef<Exec_Dialect, "ReferenceTarget"> {
  let mnemonic = "reference_target";
  let summary = "Plain loops on the machine that compiles: the oracle of code generation.";
  let assemblyFormat = "";
}

// --- kernels ---------------------------------------------------------------------------------------------------------

def Exec_KernelOp : Exec_Op<"kernel", [IsolatedFromAbove, SymbolTable, Symbol, SingleBlock, NoTerminator,
                                       NoRegionArguments]> {
  let summary = "A kernel: an isolated symbol around one ordinary function.";
  let description = [{
    The function has the kernel's name. Its arguments are operands, then results, all as memrefs with identity layout,
    then scalars of type index. Operands are read by `bufferization.to_tensor`, results written by
    `bufferization.materialize_in_destination`, at the border of a padded one by `exec.fill_border`. `nodes` names the ONNX nodes in it, `schedule` how it is lowered.
    `result_count` trailing memref arguments are results. `workspace` is how many bytes of temporaries a worker has; where
    that depends on extents, function `<kernel>_workspace` of the same arguments computes it (negative: more than an
    index counts).
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$result_count, OptionalAttr<StrArrayAttr>:$nodes,
                       OptionalAttr<AnyAttr>:$schedule, OptionalAttr<StrAttr>:$provenance,
                       OptionalAttr<StrAttr>:$key, DefaultValuedAttr<I64Attr, "0">:$workspace);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let extraClassDeclaration = [{
    ::mlir::func::FuncOp getFunction();
    /// The function that computes the bytes of the workspace; null where they are `workspace`.
    ::mlir::func::FuncOp getWorkspaceFunction();
    /// Its name.
    std::string getWorkspaceName();
  }];
  let hasVerifier = 1;
}

def Exec_DispatchOp : Exec_Op<"dispatch", [
    AttrSizedOperandSegments, DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<BufferizableOpInterface, ["bufferize", "bufferizesToMemoryRead",
      "bufferizesToMemoryWrite", "getAliasingValues"]>]> {
  let summary = "Runs a kernel.";
  let description = [{
    `ins` are read, `outs` are written and become the results (destination-passing style); on memrefs there are no
    results. `scalars` are index values. `exec.work` of the kernel and the extents decide how many workers share it.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyShaped>:$ins, Variadic<AnyShaped>:$outs,
                       Variadic<Index>:$scalars);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = [{
    $kernel `ins` `(` $ins `)` `outs` `(` $outs `)` `scalars` `(` $scalars `)` attr-dict
    `:` custom<Types>(type($ins)) `,` custom<Types>(type($outs)) (`->` type($outputs)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutsMutable(); }
  }];
}

def Exec_ConstantOp : Exec_Op<"constant", [Pure,
    DeclareOpInterfaceMethods<BufferizableOpInterface, ["bufferize", "isWritable"]>]> {
  let summary = "A constant of the artifact's constant section.";
  let description = "`value` is its content; `offset` in bytes is set by memory planning. Never written.";
  let arguments = (ins ElementsAttr:$value, OptionalAttr<I64Attr>:$offset);
  let results = (outs AnyShaped:$result);
  let assemblyFormat = "attr-dict $value `->` type($result)";
}

def Exec_BroadcastViewOp : Exec_Op<"broadcast_view", [Pure,
    DeclareOpInterfaceMethods<BufferizableOpInterface, ["bufferize", "bufferizesToMemoryRead",
      "bufferizesToMemoryWrite", "getAliasingValues"]>]> {
  let summary = "A tensor seen under a shape to which it broadcasts at run time.";
  let description = [{
    The result has the operand's rank and the extents `sizes` (one per dynamic result dimension). Where an extent of the
    operand is 1 and the result's is not, the one element repeats: on memrefs the view has stride 0 there. Used only for
    dimensions of which the compiler cannot tell whether they broadcast.
  }];
  let arguments = (ins AnyShaped:$source, Variadic<Index>:$sizes);
  let results = (outs AnyShaped:$result);
  let assemblyFormat = "$source `[` $sizes `]` attr-dict `:` type($source) `->` type($result)";
}

def Exec_CheckOp : Exec_Op<"check", [MemoryEffects<[MemWrite]>]> {
  let summary = "A run-time check of the data.";
  let description = [{
    When `condition` is false the run fails with `status` (a value of `tegula_status`). In a kernel the kernel goes on, so the
    code after it must be safe all the same (clamp the index); the status is returned at its end.
  }];
  let arguments = (ins I1:$condition, I32Attr:$status);
  let assemblyFormat = "$condition `,` $status attr-dict";
}

def Exec_GridIdOp : Exec_Op<"grid_id", [Pure]> {
  let summary = "The number of the worker that runs the kernel.";
  let description = [{
    At least 0 and less than `exec.grid_size`. Stands in the function of an `exec.kernel`.

    Example: `%id = exec.grid_id : index`
  }];
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}
def Exec_GridSizeOp : Exec_Op<"grid_size", [Pure]> {
  let summary = "How many workers share the kernel.";
  let description = [{
    At least 1. Each worker runs the function once; together they do the kernel's work.

    Example: `%size = exec.grid_size : index`
  }];
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Exec_FillBorderOp : Exec_Op<"fill_border"> {
  let summary = "Writes the padding of a buffer.";
  let description = [{
    Everything in `buffer`, a result of the kernel, gets `value` but for the part that begins `low` elements behind its
    begin and ends `high` before its end in each dimension. What writes that part is another op of the kernel, so that the
    padding of what reads the result costs no copy. The order of both does not matter, nor which workers do them.

    Example: `exec.fill_border %y low [0, 0, 1, 1, 0] high [0, 0, 1, 1, 0] with 0.0 : f32 : memref<1x2x10x10x16xf32>`
  }];
  let arguments = (ins Arg<AnyMemRef, "", [MemWrite]>:$buffer, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high,
                       TypedAttrInterface:$value);
  let assemblyFormat = "$buffer `low` $low `high` $high `with` $value attr-dict `:` type($buffer)";
  let hasVerifier = 1;
}

def Exec_TemporaryOp : Exec_Op<"temporary", [Pure]> {
  let summary = "Part of the worker's workspace.";
  let description = [{
    Begins `offset` bytes, a multiple of the ABI's alignment, behind the workspace's begin; `sizes` are the dynamic
    extents. Its content is undefined where the kernel begins. Stands in the function of an `exec.kernel`.

    Example: `%t = exec.temporary %offset(%n) : memref<?x16xf32>`
  }];
  let arguments = (ins Index:$offset, Variadic<Index>:$sizes);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "$offset `(` $sizes `)` attr-dict `:` type($result)";
  let hasVerifier = 1;
}

// --- memory of the host function -------------------------------------------------------------------------------------

def Exec_ArenaViewOp : Exec_Op<"arena_view", [Pure]> {
  let summary = "Part of the arena at a planned offset.";
  let arguments = (ins I64Attr:$offset);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "attr-dict $offset `:` type($result)";
}
def Exec_AllocateOp : Exec_Op<"allocate", [MemoryEffects<[MemAlloc]>]> {
  let summary = "Memory whose size is known only at run time.";
  let arguments = (ins Variadic<Index>:$sizes);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "`(` $sizes `)` attr-dict `:` type($result)";
}
def Exec_ReleaseOp : Exec_Op<"release", [MemoryEffects<[MemFree]>]> {
  let summary = "Gives back what exec.allocate took.";
  let arguments = (ins AnyMemRef:$memory);
  let assemblyFormat = "$memory attr-dict `:` type($memory)";
}
def Exec_OutputOp : Exec_Op<"output", [MemoryEffects<[MemAlloc]>]> {
  let summary = "Storage of graph output `index`, provided by the runtime.";
  let arguments = (ins I64Attr:$index, Variadic<Index>:$sizes);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "$index `(` $sizes `)` attr-dict `:` type($result)";
}

// --- values that are no plain tensors --------------------------------------------------------------------------------

def Exec_HandleType : TypeDef<Exec_Dialect, "Handle"> {
  let mnemonic = "handle";
  let summary = "A value that the runtime keeps: a boxed tensor, a sequence, a map, or nothing (an empty optional).";
  let description = [{
    Immutable and counted: a program owns one reference for each handle that an op returns to it. Until
    `exec-release-handles` nobody gives references back; after it every path through the program does.
  }];
}

def Exec_BoxOp : Exec_Op<"box", [
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<BufferizableOpInterface, ["bufferize", "bufferizesToMemoryRead",
      "bufferizesToMemoryWrite", "getAliasingValues"]>]> {
  let summary = "A copy of a tensor as a value of the runtime.";
  let description = [{
    `element_type` is the number of ONNX's element type: storage types say less (strings are i64 numbers, bool is i8).

    Example: `%h = exec.box 1 %x : tensor<?xf32>`
  }];
  let arguments = (ins I32Attr:$element_type, AnyShaped:$source);
  let results = (outs Exec_HandleType:$result);
  let assemblyFormat = "$element_type $source attr-dict `:` type($source)";
}

def Exec_UnboxOp : Exec_Op<"unbox", [NoMemoryEffect,
    DeclareOpInterfaceMethods<BufferizableOpInterface, ["bufferize", "bufferizesToAllocation"]>]> {
  let summary = "The tensor in a value of the runtime.";
  let description = [{
    The run fails when the value is no tensor of `element_type`, of the result's rank and of its static extents.
    Bufferizes to exec.extents, an allocation and exec.read.

    Example: `%x = exec.unbox 1 %h : tensor<?xf32>`
  }];
  let arguments = (ins I32Attr:$element_type, Exec_HandleType:$source);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$element_type $source attr-dict `:` type($result)";
}

def Exec_ExtentsOp : Exec_Op<"extents", [NoMemoryEffect]> {
  let summary = "The dynamic extents of the tensor in a value.";
  let description = [{
    `shape` is the shape that is known, with the minimum of i64 for each dynamic extent: one result for each. The run fails
    when the value is no tensor of `element_type` and this shape.
  }];
  let arguments = (ins I32Attr:$element_type, DenseI64ArrayAttr:$shape, Exec_HandleType:$source);
  let results = (outs Variadic<Index>:$sizes);
  let assemblyFormat = "$element_type $shape $source attr-dict (`:` type($sizes)^)?";
}

def Exec_ReadOp : Exec_Op<"read", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Copies the tensor in a value to memory that exec.extents sized.";
  let arguments = (ins Exec_HandleType:$source, AnyMemRef:$target);
  let assemblyFormat = "$source `,` $target attr-dict `:` type($target)";
}

def Exec_NothingOp : Exec_Op<"nothing", [Pure]> {
  let summary = "The handle that holds nothing: an empty optional.";
  let results = (outs Exec_HandleType:$result);
  let assemblyFormat = "attr-dict";
}

def Exec_HasValueOp : Exec_Op<"has_value", [Pure]> {
  let summary = "Whether a handle holds something.";
  let arguments = (ins Exec_HandleType:$source);
  let results = (outs I1:$result);
  let assemblyFormat = "$source attr-dict";
}

def Exec_HostCallOp : Exec_Op<"host_call", [NoMemoryEffect]> {
  let summary = "Runs a host operation of the runtime: one of a closed list for strings, sequences and maps.";
  let description = [{
    `name` is a row of the runtime's table (runtime/lib/HostOperations.cpp); operands and results are values. The run fails
    with the operation's status.

    Example: `%e = exec.host_call "sequence_at"(%s, %i) : (!exec.handle, !exec.handle) -> !exec.handle`
  }];
  let arguments = (ins StrAttr:$name, Variadic<Exec_HandleType>:$arguments);
  let results = (outs Variadic<Exec_HandleType>:$results);
  let assemblyFormat = "$name `(` $arguments `)` attr-dict `:` functional-type($arguments, $results)";
}

def Exec_RetainOp : Exec_Op<"retain", [MemoryEffects<[MemAlloc]>]> {
  let summary = "Takes one more reference to a value.";
  let arguments = (ins Exec_HandleType:$value);
  let assemblyFormat = "$value attr-dict";
}
def Exec_DropOp : Exec_Op<"drop", [MemoryEffects<[MemFree]>]> {
  let summary = "Gives one reference to a value back.";
  let arguments = (ins Exec_HandleType:$value);
  let assemblyFormat = "$value attr-dict";
}
def Exec_OutputValueOp : Exec_Op<"output_value", [MemoryEffects<[MemWrite]>]> {
  let summary = "Makes a value graph output `index`; the runtime takes a reference of its own.";
  let arguments = (ins I64Attr:$index, Exec_HandleType:$value);
  let assemblyFormat = "$index $value attr-dict";
}

#endif
