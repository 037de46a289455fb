# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cases of com.microsoft: attention with its caches and masks, and rotary embeddings."""
import itertools

import numpy

from contrib_cases import BFLOAT16, F16, F32, F64, FLOATS, integers, normal
from oracle import Case


def angles(rows, half, element=F32):
    turns = numpy.arange(rows)[:, None] / 100 ** (numpy.arange(half) / half)
    return [numpy.cos(turns).astype(element), numpy.sin(turns).astype(element)]


def int32(*values):
    return numpy.array(values, "int32")


# --- rotary embedding ------------------------------------------------------------------------------------------------


def rotary():
    for element, interleaved in itertools.product(FLOATS, (0, 1)):
        offset, places = numpy.array([3]), numpy.array([[0, 4, 2, 9, 1], [7, 6, 5, 4, 3]])
        attributes = {"interleaved": interleaved}
        for positions in (offset, places):
            yield Case("RotaryEmbedding", [normal((2, 4, 5, 16), element), positions, *angles(12, 8, element)], attributes)
            yield Case("RotaryEmbedding", [normal((2, 5, 64), element), positions, *angles(12, 8, element)], attributes)
        partly = {**attributes, "num_heads": 4, "rotary_embedding_dim": 8}
        yield Case("RotaryEmbedding", [normal((2, 5, 64), element), places, *angles(12, 4, element)], partly)
        yield Case("RotaryEmbedding", [normal((2, 4, 5, 16), element), offset, *angles(12, 4, element)], partly)
    operands = lambda batch, count: [normal((batch, count, 32)), numpy.arange(batch * count).reshape(batch, count),
                                     *angles(30, 8)]
    yield Case("RotaryEmbedding", operands(2, 5), again=operands(1, 9))
    yield Case("RotaryEmbedding", operands(2, 5), {"is_packed_batching": 1})


# --- a reference for the forms that onnxruntime's CPU provider lacks ---------------------------------------------------


def attention(q, k, v, scale=None, bias=None, allowed=None, element=F32):
    """q, k, v [B, N, S, H] to [B, S, N * H], in double precision."""
    q, k, v = (x.astype(F64) for x in (q, k, v))
    scores = q @ k.swapaxes(-1, -2) * (scale or q.shape[-1] ** -0.5)
    if bias is not None:
        scores = scores + bias
    if allowed is not None:
        scores = numpy.where(allowed, scores, -numpy.inf)
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    y = (weights @ v).swapaxes(1, 2)
    return y.reshape(*y.shape[:2], -1).astype(element)


def heads_first(x, heads):
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


# --- MultiHeadAttention ----------------------------------------------------------------------------------------------


def multi_head():
    heads, hidden = 4, 32
    base = {"num_heads": heads}

    def operands(queries=5, keys=5, batch=2, element=F32, value_hidden=hidden, bias=False, mask=None, added=None, past=0):
        q, k = normal((batch, queries, hidden), element, 1), normal((batch, keys, hidden), element, 2)
        v = normal((batch, keys, value_hidden), element, 3)
        total = keys + past
        masks = {None: None, "ends": integers(1, total + 1, batch, "int32", 4),
                 "keys": integers(0, 2, (batch, total), "int32", 5),
                 "all": integers(0, 2, (batch, queries, total), "int32", 6)}
        cache = [normal((batch, heads, past, width // heads), element, seed)
                 for seed, width in ((8, hidden), (9, value_hidden))] if past else [None, None]
        return [q, k, v, normal(2 * hidden + value_hidden, element, 4) if bias else None, masks[mask],
                normal((*added, queries, total), element, 7) if added else None, *cache]

    options = dict(length=hidden, slack=4)
    for element in FLOATS:
        yield Case("MultiHeadAttention", operands(element=element), base, **options)
        yield Case("MultiHeadAttention", operands(3, 7, element=element, bias=True), base, **options)
        yield Case("MultiHeadAttention", operands(element=element, mask="keys", added=(1, heads)), base, **options)
    yield Case("MultiHeadAttention", operands(3, 7, value_hidden=48), base, **options)
    yield Case("MultiHeadAttention", operands(3, 7, value_hidden=16, bias=True), base, **options)
    for mask in ("ends", "keys", "all"):
        yield Case("MultiHeadAttention", operands(mask=mask), base, **options)
        yield Case("MultiHeadAttention", operands(mask=mask, bias=True), {**base, "mask_filter_value": -3.0}, **options)
    for added in ((1, 1), (2, 1), (1, 4), (2, 4)):
        yield Case("MultiHeadAttention", operands(added=added), {**base, "scale": 0.3}, **options)
    yield Case("MultiHeadAttention", operands(), {**base, "unidirectional": 1}, **options)
    yield Case("MultiHeadAttention", operands(mask="keys", added=(2, 4)), {**base, "unidirectional": 1}, **options)
    for past in ({}, {"added": (1, 4)}, {"bias": True}, {"mask": "keys"}):
        yield Case("MultiHeadAttention", operands(3, 3, past=4, **past), base, (True,) * 3, **options)
    yield Case("MultiHeadAttention", operands(3, 3, past=4), {**base, "unidirectional": 1}, (True,) * 3, **options)
    yield Case("MultiHeadAttention", operands(1, 1, past=6, element=F16), base, (True,) * 3, **options)
    yield Case("MultiHeadAttention", operands(added=(1, 4)), base, (True, False, False, True), are_alike=True,
               **options)
    yield Case("MultiHeadAttention", operands(), base, (True,) * 3, **options)
    # Keys and values of cross attention that are projected already.
    q, k, v = normal((2, 3, hidden), seed=1), normal((2, heads, 6, 8), seed=2), normal((2, heads, 6, 8), seed=3)
    yield Case("MultiHeadAttention", [q, k, v], base, **options)
    # All in one, and keys with values in one.
    packed = normal((2, 5, heads, 3, 8), seed=4)
    yield Case("MultiHeadAttention", [packed], base, **options,
               want=lambda x: [attention(*(x[..., i, :].swapaxes(1, 2) for i in range(3)))])
    yield Case("MultiHeadAttention", [normal((2, 3, hidden), seed=5), packed[..., 1:, :]], base, **options,
               want=lambda q, kv: [attention(heads_first(q, heads), *(kv[..., i, :].swapaxes(1, 2) for i in range(2)))])
    # Mask as key lengths with the offsets of packed sequences behind them.
    lengths = int32(3, 5, 0, 5, 10, 0, 3, 8)
    yield Case("MultiHeadAttention", [*operands()[:3], None, lengths], base, **options,
               want=lambda q, k, v, bias, mask: [attention(*(heads_first(x, heads) for x in (q, k, v)), bias=numpy.where(
                   numpy.arange(5) < mask[:2, None, None, None], 0, -10000.0))])
    # A cache that all steps share.
    room = [normal((2, heads, 9, 8), seed=s) for s in (11, 12)]

    def shared(q, k, v, bias, mask, added, keys, values, past):
        caches = [keys.copy(), values.copy()]
        for cache, rows in zip(caches, (k, v)):
            cache[:, :, past[0]:past[0] + 2] = heads_first(rows, heads)
        return [attention(heads_first(q, heads), *(cache[:, :, :past[0] + 2] for cache in caches)), *caches]

    yield Case("MultiHeadAttention", [*operands(2, 2)[:6], *room, int32(4)], base, (True,) * 3, **options, want=shared)
    yield Case("MultiHeadAttention", operands(5, 5, mask="keys"), base, again=operands(3, 7, batch=1, mask="keys"), **options)
    yield Case("MultiHeadAttention", operands(2, 2, past=4), {**base, "unidirectional": 1}, (True,) * 3,
               again=operands(3, 3, batch=1, past=1), **options)


# --- Attention -------------------------------------------------------------------------------------------------------


def merged():
    heads, width, hidden = 4, 20, 32
    base = {"num_heads": heads}

    def operands(count=5, batch=2, element=F32, values=hidden, bias=True, mask=None, past=0, added=None):
        total = count + past
        masks = {None: None, "ends": integers(1, total + 1, batch, "int32", 4),
                 "ends and starts": numpy.concatenate([numpy.full(batch, total), numpy.arange(batch) % total]).astype("int32"),
                 "keys": integers(0, 2, (batch, total), "int32", 5),
                 "all": integers(0, 2, (batch, count, total), "int32", 6)}
        return [normal((batch, count, width), element, 1, 0.5), normal((width, 2 * hidden + values), element, 2, 0.5),
                normal(2 * hidden + values, element, 3) if bias else None, masks[mask],
                normal((2, batch, heads, past, 8), element, 7) if past else None,
                normal((*added, count, total), element, 8) if added else None]

    options = dict(length=hidden + width, slack=4)
    for element in FLOATS:
        yield Case("Attention", operands(element=element), base, **options)
        yield Case("Attention", operands(element=element, mask="keys"), {**base, "unidirectional": 1}, **options)
        yield Case("Attention", operands(3, element=element, past=4), {**base, "unidirectional": 1}, (True, True), **options)
    for mask in ("ends", "ends and starts", "keys", "all"):
        yield Case("Attention", operands(mask=mask), base, **options)
        yield Case("Attention", operands(mask=mask), {**base, "mask_filter_value": -2.0, "unidirectional": 1}, **options)
    yield Case("Attention", operands(bias=False), base, **options, want=lambda x, weights, *rest: [
        attention(*(heads_first(part, heads) for part in numpy.split(x.astype(F64) @ weights, 3, -1)))])
    yield Case("Attention", operands(values=48), {**base, "qkv_hidden_sizes": [32, 32, 48]}, **options)
    yield Case("Attention", operands(), {**base, "scale": 0.5}, (True, True), **options)
    for added in ((1, 1), (2, 4)):
        yield Case("Attention", operands(added=added), base, **options)
    yield Case("Attention", operands(1, past=4, mask="keys"), base, (True, True), **options)

    # A mask of all positions, and a cache that all steps share.
    def reference(x, weights, bias, mask, cache, added, past):
        q, k, v = (heads_first(part, heads) for part in numpy.split(x.astype(F64) @ weights + bias, 3, -1))
        start, count = int(past[0]), x.shape[1]
        cache = cache.copy()
        cache[0][:, :, start:start + count], cache[1][:, :, start:start + count] = k, v
        part = mask[:, :, start:start + count, :start + count]
        return [attention(q, *cache[:, :, :, :start + count], bias=numpy.where(part > 0, 0, -10000.0)), cache]

    room, masks = normal((2, 2, heads, 9, 8), seed=9), numpy.tril(numpy.ones((2, 1, 9, 9), "int32"))
    yield Case("Attention", [*operands(2)[:3], masks, room, None, int32(3)], {**base, "past_present_share_buffer": 1},
               (True, True), want=reference, **options)
    yield Case("Attention", operands(mask="keys"), {**base, "unidirectional": 1}, again=operands(3, 1, mask="keys"), **options)
    yield Case("Attention", operands(2, past=4), {**base, "unidirectional": 1}, (True, True),
               again=operands(3, 1, past=1), **options)


# --- GroupQueryAttention ---------------------------------------------------------------------------------------------

HEADS, KEY_HEADS, HEAD = 4, 2, 16


def grouped_operands(batch=2, count=5, past=None, room=None, element=F32, lengths=None, packed=False, rotary=None, rest=(),
                     total=None, seed=0):
    """A first step when `past` is None, else one behind `past` tokens in caches of `room` rows. `lengths`: tokens of each
    batch entry after the step. `rest`: operands from position_ids on."""
    q, k, v = (normal((batch, count, n * HEAD), element, seed + i) for i, n in enumerate((HEADS, KEY_HEADS, KEY_HEADS)))
    if packed:
        q, k, v = numpy.concatenate([q, k, v], -1), None, None
    caches = [None, None]
    if room is not None:
        caches = [normal((batch, KEY_HEADS, room, HEAD), element, seed + s) for s in (5, 6)]
    total = total or count + (past or 0)
    lengths = numpy.full(batch, total) if lengths is None else numpy.array(lengths)
    turns = angles(64, rotary // 2, element) if rotary else [None, None]
    return [q, k, v, *caches, (lengths - 1).astype("int32"), int32(total), *turns, *rest]


def resident(lengths, start=0):
    """Rows of queries and caches that belong to tokens: what is behind them is not defined."""
    def valid(y, *caches):
        y = [row[:length - start] for row, length in zip(numpy.asarray(y), lengths)]
        kept = [cache[i, :, :length] for cache in caches for i, length in enumerate(lengths) if cache.ndim == 4]
        return y + kept
    return valid


def group_query():
    base = {"num_heads": HEADS, "kv_num_heads": KEY_HEADS}
    options = dict(results=(True,) * 3, length=HEAD, slack=4)
    case = lambda operands, attributes={}, **more: Case("GroupQueryAttention", operands, {**base, **attributes},
                                                        **{**options, **more})
    for element in FLOATS:
        yield case(grouped_operands(element=element))
        yield case(grouped_operands(element=element, packed=True, rotary=HEAD), {"do_rotary": 1})
        yield case(grouped_operands(count=1, past=6, room=6, element=element, rotary=HEAD), {"do_rotary": 1})
    # Batch entries of several lengths, in the first step and with caches that have room.
    yield case(grouped_operands(lengths=(5, 3)), valid=resident((5, 3)))
    yield case(grouped_operands(room=9, lengths=(5, 3)), valid=resident((5, 3)))
    yield case(grouped_operands(count=1, past=6, room=9, lengths=(7, 4), rotary=HEAD), {"do_rotary": 1},
               valid=lambda y, *caches: [y, *(cache[i, :, :n] for cache in caches for i, n in enumerate((7, 4)))])
    yield case(grouped_operands(batch=1, count=3, past=4, room=4, rotary=HEAD), {"do_rotary": 1})
    yield case(grouped_operands(batch=1, count=3, past=4, room=10), valid=resident((7,), start=4))
    for rotary, interleaved in ((HEAD, 1), (HEAD // 2, 0), (HEAD // 2, 1)):
        attributes = {"do_rotary": 1, "rotary_interleaved": interleaved}
        if rotary == HEAD:
            yield case(grouped_operands(rotary=rotary), attributes)
            yield case(grouped_operands(count=1, past=4, room=4, rotary=rotary), attributes)
    yield case(grouped_operands(batch=1, rotary=HEAD, rest=[numpy.arange(5)[None] + 3]), {"do_rotary": 1})
    yield case(grouped_operands(batch=2, count=1, past=4, room=4, rotary=HEAD, rest=[numpy.array([[9], [2]])]), {"do_rotary": 1})
    for attributes in ({"local_window_size": 2}, {"softcap": 1.5}, {"scale": 0.4}, {"smooth_softmax": 1}, {"causal": 0},
                       {"local_window_size": 3, "softcap": 2.0, "smooth_softmax": 1, "scale": 0.2}):
        yield case(grouped_operands(), attributes)
        yield case(grouped_operands(count=1, past=6, room=8), attributes, valid=resident((7, 7), start=6))
    for shape in ((1, 1), (2, 1), (1, HEADS), (2, HEADS)):
        yield case(grouped_operands(rest=[None, normal((*shape, 5, 5), seed=9)]), {"softcap": 2.0})
    yield case(grouped_operands(count=1, past=6, room=6, rest=[None, normal((2, HEADS, 1, 7), seed=9)]))
    yield case(grouped_operands(rest=[None, None, normal(HEADS, seed=9)]))
    yield case(grouped_operands(element=F16, rest=[None, normal((1, HEADS, 5, 5), F16, 9), normal(HEADS, F16, 9)]))
    for output in (1, 2):
        yield case(grouped_operands(rest=[None, normal((1, 1, 5, 5), seed=9)]), {"qk_output": output, "softcap": 2.0},
                   results=(True,) * 4)
    # Each query has its own key head, or all share one.
    for heads, keys in ((2, 2), (4, 1)):
        q, k, v = (normal((2, 5, n * HEAD), seed=i) for i, n in enumerate((heads, keys, keys)))
        yield case([q, k, v, None, None, int32(4, 4), int32(5)], {"num_heads": heads, "kv_num_heads": keys})
    yield case(normed_operands(), want=normed)
    # Quantized caches.
    for name, bits in (("int8", 8), ("uint8", 4)):
        for kind in ("PER_TENSOR", "PER_CHANNEL"):
            operands = grouped_operands(count=1, past=6, room=6)
            shape = (1,) if kind == "PER_TENSOR" else (1, KEY_HEADS, 1, HEAD)
            scales = [numpy.abs(normal(shape, seed=s, spread=0.3 if bits == 4 else 0.02)) + F32.type(0.2 if bits == 4 else 0.02) for s in (3, 4)]
            caches = [integers(*((-128, 128) if bits == 8 else (0, 256)), (2, KEY_HEADS, 6, HEAD * bits // 8), name, s) for s in (1, 2)]
            yield case([*operands[:3], *caches, *operands[5:7], *[None] * 5, *scales],
                       {"k_quant_type": kind, "v_quant_type": kind, "kv_cache_bit_width": bits}, slack=16)
    # A cache that holds only the window.
    for past, count, room in ((2, 1, 4), (4, 1, 4), (9, 1, 5), (9, 3, 6), (3, 7, 5)):
        total = past + count
        yield case(grouped_operands(batch=1, count=count, past=past, room=room), {"sliding_window_cache": 1, "local_window_size": 4},
                   valid=lambda y, *caches, rows=kept(total, room, 4): [y, *(cache[:, :, :rows] for cache in caches)])
    # Symbolic batch, steps and caches.
    attributes = {"do_rotary": 1, "local_window_size": 4}
    yield case(grouped_operands(rotary=HEAD), attributes, again=grouped_operands(batch=1, count=9, rotary=HEAD))
    yield case(grouped_operands(batch=1, count=3, past=4, room=4, rotary=HEAD), attributes,
               again=grouped_operands(batch=2, count=1, past=7, room=7, rotary=HEAD))


def kept(total, capacity, window):
    """The rows of a windowed cache that hold tokens after `total` of them."""
    group = capacity - window + 1
    return total if total <= capacity else total - group * -(-(total - capacity) // group)


def normed_operands():
    q, k, v = (normal((2, 5, n * HEAD), seed=i) for i, n in enumerate((HEADS, KEY_HEADS, KEY_HEADS)))
    return [q, k, v, None, None, int32(4, 4), int32(5), *[None] * 7, normal(HEAD, seed=8), normal(HEAD, seed=9)]


def normed(q, k, v, *rest):
    """Queries and keys divided by their root mean square, which onnxruntime's CPU provider refuses."""
    def normalized(x, heads, weight):
        x = heads_first(x.astype(F64), heads)
        return x / numpy.sqrt((x ** 2).mean(-1, keepdims=True) + 1e-6) * weight
    q, k, v = normalized(q, HEADS, rest[-2]), normalized(k, KEY_HEADS, rest[-1]), heads_first(v, KEY_HEADS)
    repeated = [numpy.repeat(x, HEADS // KEY_HEADS, 1) for x in (k, v)]
    return [attention(q, *repeated, allowed=numpy.tril(numpy.ones((5, 5), bool))), k.astype(F32), v]


CASES = [case for group in (rotary, multi_head, merged, group_query) for case in group()]
