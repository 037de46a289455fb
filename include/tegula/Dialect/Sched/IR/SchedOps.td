// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_SCHED_OPS
#define TEGULA_SCHED_OPS

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Sched_Dialect : Dialect {
  let name = "sched";
  let cppNamespace = "::tegula::sched";
  let summary = "How fast: one typed schedule attribute per kernel family and target.";
  let description = [{
    A schedule sits on `exec.kernel`. It never changes results beyond the tolerance that its family states. Its text is
    what the tuner's database and the lock file hold.
  }];
  let useDefaultAttributePrinterParser = 1;
}

class Sched_Attr<string name, string text> : AttrDef<Sched_Dialect, name> { let mnemonic = text; }

def Sched_ReferenceAttr : Sched_Attr<"Reference", "reference"> {
  let summary = "Plain scalar loops without tuning: the oracle.";
  let assemblyFormat = "";
}

def Sched_CPUMapAttr : Sched_Attr<"CPUMap", "cpu_map"> {
  let summary = "Elementwise, broadcast, transpose, reduction and movement kernels on a CPU.";
  let description = [{
    `vector` is the vector length in elements of the innermost loop (0: LLVM decides), `interleave` how many vectors an
    iteration handles (0: LLVM decides), `tile` the number of outermost parallel iterations a worker takes at a time
    (0: an even share).

    `rows` iterations of the loop around the innermost one are computed together, which then reads and writes once what
    they share, and has as many independent sums. The innermost loop is cut into parts of `columns` elements, all loops
    around it being walked for each part (0: not cut). `unroll` copies of its vector body stand behind each other
    (0: LLVM decides).
  }];
  let parameters = (ins "int64_t":$vector, "int64_t":$interleave, "int64_t":$tile,
                        DefaultValuedParameter<"int64_t", "1">:$rows,
                        DefaultValuedParameter<"int64_t", "0">:$columns,
                        DefaultValuedParameter<"int64_t", "0">:$unroll);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Sched_CPUMatMulAttr : Sched_Attr<"CPUMatMul", "cpu_matmul"> {
  let summary = "Contractions on a CPU: packed panels and a register-blocked micro-kernel.";
  let description = [{
    `tile` is [MC, NC, KC]: rows, columns and depth of a packed block, in elements. `micro` is [MR, NR]: rows and columns of
    the register block; NR is a multiple of the vector length. `unroll` is the unroll factor of the innermost depth loop.
    `pack_lhs`, `pack_rhs`: whether the left and the right operand of a block are copied into panels of MR rows and NR
    columns. An unpacked right operand is contiguous along the columns and is read once for each panel of rows.
    `tile_registers`: the register block lies in tile registers (AMX) of 16 x 16 sums; MR and NR are multiples of 16, and
    with a tile for each 16 rows and each 16 columns of the operands there are at most eight. `unroll` then counts tiles of
    the depth.

    Example: `#sched.cpu_matmul<tile = [96, 1024, 256], micro = [6, 64], unroll = 4, pack_lhs = false, pack_rhs = true>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t", "[MC, NC, KC]">:$tile, ArrayRefParameter<"int64_t", "[MR, NR]">:$micro,
                        "int64_t":$unroll, "bool":$pack_lhs, "bool":$pack_rhs,
                        DefaultValuedParameter<"bool", "false">:$tile_registers);
  let assemblyFormat = "`<` `tile` `=` `[` $tile `]` `,` `micro` `=` `[` $micro `]` `,` `unroll` `=` $unroll `,` `pack_lhs` `=` $pack_lhs `,` `pack_rhs` `=` $pack_rhs (`,` `tile_registers` `=` $tile_registers^)? `>`";
}

def Sched_CPUConvolutionAttr : Sched_Attr<"CPUConvolution", "cpu_convolution"> {
  let summary = "Direct convolutions on blocked channels on a CPU.";
  let description = [{
    A register block holds the sums of `blocks` blocks of output channels at `rows` x `pixels` places of the result.
    `unroll` input channels are unrolled in the innermost loop. Of each, a weight for each block is held in a register
    while elements of the input are broadcast one by one, or with `hold_inputs` an element for each place while weights
    are loaded one by one.

    A worker takes tiles of the result: `channel_tile` register blocks along the output channels, and along the places
    `place_tile` of them (where the rows of an image are one long row), or as many rows of them; 0 is all. Within a tile
    the places are walked inside of the channels, so that weights stay in the cache, or with `keep_inputs` outside of
    them, so that inputs do. With a `depth_tile`, only so many blocks of input channels are summed at a time, for the
    whole tile, whose sums are in memory meanwhile; 0 is all.

    `prefetch_inputs` is how many register blocks ahead along a row inputs are prefetched, `prefetch_weights` how many
    input channels ahead weights are; 0 is not at all.

    Example: `#sched.cpu_convolution<blocks = 2, rows = 1, pixels = 14, unroll = 4, channel_tile = 4, place_tile = 2>`
  }];
  let parameters = (ins "int64_t":$blocks, "int64_t":$rows, "int64_t":$pixels, "int64_t":$unroll,
                        DefaultValuedParameter<"bool", "false">:$hold_inputs,
                        DefaultValuedParameter<"int64_t", "1">:$channel_tile,
                        DefaultValuedParameter<"int64_t", "4">:$place_tile,
                        DefaultValuedParameter<"bool", "false">:$keep_inputs,
                        DefaultValuedParameter<"int64_t", "0">:$depth_tile,
                        DefaultValuedParameter<"int64_t", "0">:$prefetch_inputs,
                        DefaultValuedParameter<"int64_t", "0">:$prefetch_weights);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Sched_CPUDepthwiseAttr : Sched_Attr<"CPUDepthwise", "cpu_depthwise"> {
  let summary = "Convolutions of each channel of 8-bit integers by itself, on blocked channels, on a CPU.";
  let description = [{
    The sums of `pixels` neighboring places stay in registers.

    Example: `#sched.cpu_depthwise<pixels = 8>`
  }];
  let parameters = (ins "int64_t":$pixels);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Sched_CPUWinogradAttr : Sched_Attr<"CPUWinograd", "cpu_winograd"> {
  let summary = "Convolutions in the Winograd domain, on blocked channels, on a CPU.";
  let description = [{
    `group` tiles of the result are computed together: their input tiles are transformed, multiplied with the transformed
    weights and transformed back, so that all of it stays in the cache. A register block of the multiplication holds the
    sums of `blocks` blocks of output channels for `tiles` tiles; `unroll` input channels are unrolled in its loop.

    Example: `#sched.cpu_winograd<group = 56, blocks = 2, tiles = 14, unroll = 4>`
  }];
  let parameters = (ins "int64_t":$group, "int64_t":$blocks, "int64_t":$tiles, "int64_t":$unroll);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Sched_CPUAttentionAttr : Sched_Attr<"CPUAttention", "cpu_attention"> {
  let summary = "Attention on a CPU, with the softmax computed block by block.";
  let description = [{
    The scores of `queries` rows and `keys` columns are computed at a time, weighed against what came before, and
    multiplied with the values. A register block of both products holds the sums of `rows` rows and `vectors` vectors;
    `unroll` steps of the depth are unrolled in its loop.

    Example: `#sched.cpu_attention<queries = 48, keys = 128, rows = 6, vectors = 4, unroll = 4>`
  }];
  let parameters = (ins "int64_t":$queries, "int64_t":$keys, "int64_t":$rows, "int64_t":$vectors, "int64_t":$unroll);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Sched_NVPTXMapAttr : Sched_Attr<"NVPTXMap", "nvptx_map"> {
  let summary = "Elementwise, broadcast, transpose, reduction and movement kernels on an NVIDIA GPU.";
  let description = "`threads` a block, `elements` each thread handles in a grid-stride loop.";
  let parameters = (ins "int64_t":$threads, "int64_t":$elements);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Sched_NVPTXMatMulAttr : Sched_Attr<"NVPTXMatMul", "nvptx_matmul"> {
  let summary = "Contractions on an NVIDIA GPU: shared-memory tiles and a register block per thread.";
  let description = "`tile` is [M, N, K] of a block in shared memory, `thread` is [M, N] of the register block of a thread.";
  let parameters = (ins ArrayRefParameter<"int64_t", "[M, N, K]">:$tile, ArrayRefParameter<"int64_t", "[M, N]">:$thread);
  let assemblyFormat = "`<` `tile` `=` `[` $tile `]` `,` `thread` `=` `[` $thread `]` `>`";
}

def Sched_RecordOp : Op<Sched_Dialect, "record"> {
  let summary = "One line of a lock file: kernel key, target, schedule, provenance.";
  let description = [{
    `key` is the hexadecimal hash of the kernel's signature, `target` the text of the target, `schedule` the schedule
    attribute that was chosen, `provenance` who chose it, `threads` for how many workers. `signature` is the text that
    was hashed, for reviewers.

    Example: `sched.record "9f..." target "x86-64-v4" schedule #sched.cpu_map<vector = 16, interleave = 2, tile = 0>`
  }];
  let arguments = (ins StrAttr:$key, StrAttr:$target, AnyAttr:$schedule, OptionalAttr<StrAttr>:$provenance,
                       OptionalAttr<StrAttr>:$signature, DefaultValuedAttr<I64Attr, "1">:$threads);
  let assemblyFormat = "$key `target` $target `schedule` $schedule attr-dict";
}

#endif
