# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tiny classifiers with attention, and other ways of mixing tokens, as exporters write them (see exporters.py)."""
import numpy
from onnx import TensorProto, numpy_helper

from exporters import Example, IMAGE, Net

WIDTH, TOKENS = 12, 12  # of 24x32 pixels in patches of 8x8


def number(n, value):
    return n.const(numpy.array(value, numpy.int64))


def scalar(n, value):
    return n.const(numpy.float32(value))


def unsqueeze(n, x, *axes):
    return n.op('Unsqueeze', x, n.ints(*axes)) if n.opset >= 13 else n.op('Unsqueeze', x, axes=list(axes))


def mean(n, x, *axes, keepdims=1):
    if n.opset >= 18:
        return n.op('ReduceMean', x, n.ints(*axes), keepdims=keepdims)
    return n.op('ReduceMean', x, axes=list(axes), keepdims=keepdims)


def layer_norm(n, x, width, square='Pow'):
    scale, shift = n.random(width, low=0.5, high=1.5), n.random(width)
    if n.opset >= 17:
        return n.op('LayerNormalization', x, scale, shift, axis=-1, epsilon=1e-6)
    d = n.op('Sub', x, mean(n, x, -1))
    squares = n.op('Pow', d, scalar(n, 2)) if square == 'Pow' else n.op('Mul', d, d)
    y = n.op('Div', d, n.op('Sqrt', n.op('Add', mean(n, squares, -1), scalar(n, 1e-6))))
    return n.op('Add', n.op('Mul', y, scale), shift)


def linear(n, x, ins, outs, first=False):
    """first: the bias is the sum's first operand, as PyTorch's exporter writes it."""
    y = n.op('MatMul', x, n.random(ins, outs, low=-1, high=1))
    b = n.random(outs)
    return n.op('Add', b, y) if first else n.op('Add', y, b)


def gelu(n, x):
    y = n.op('Add', n.op('Erf', n.op('Div', x, scalar(n, 2 ** 0.5))), scalar(n, 1))
    return n.op('Mul', n.op('Mul', x, y), scalar(n, 0.5))


def patches(n, x='x', width=WIDTH):
    x = n.conv(x, 3, width, 8, strides=[8, 8], pads=[0] * 4)
    return n.op('Transpose', n.op('Reshape', x, n.ints(0, width, -1)), perm=[0, 2, 1])


def with_token(n, x):
    """A class token before the patches' ones, expanded to a batch that the graph looks up."""
    batch = unsqueeze(n, n.op('Gather', n.op('Shape', x), number(n, 0), axis=0), 0)
    token = n.op('Expand', n.random(1, 1, WIDTH), n.op('Concat', batch, n.ints(1), n.ints(WIDTH), axis=0))
    return n.op('Add', n.op('Concat', token, x, axis=1), n.random(1, TOKENS + 1, WIDTH))


def sequence(n, x, *rest):
    """[batch, tokens, ...] of x's own batch and tokens, as views are exported."""
    parts = [unsqueeze(n, n.op('Gather', n.op('Shape', x), number(n, k), axis=0), 0) for k in (0, 1)]
    return n.op('Concat', *parts, *(n.ints(k) for k in rest), axis=0)


def attention_gather(n, x, heads=3):
    """timm until 0.9: one product for queries, keys and values, taken apart by Gather."""
    qkv = n.op('Reshape', linear(n, x, WIDTH, 3 * WIDTH, True), sequence(n, x, 3, heads, WIDTH // heads))
    qkv = n.op('Transpose', qkv, perm=[2, 0, 3, 1, 4])
    q, k, v = (n.op('Gather', qkv, number(n, i), axis=0) for i in range(3))
    scores = n.op('Mul', n.op('MatMul', q, n.op('Transpose', k, perm=[0, 1, 3, 2])), scalar(n, (WIDTH // heads) ** -0.5))
    y = n.op('MatMul', n.op('Softmax', scores, axis=-1), v)
    y = n.op('Reshape', n.op('Transpose', y, perm=[0, 2, 1, 3]), sequence(n, x, WIDTH))
    return linear(n, y, WIDTH, WIDTH, True)


def attention_sdpa(n, x, heads=3):
    """scaled_dot_product_attention: the root of the scale, from the shape, on both sides; unbind as Split and Squeeze."""
    qkv = n.op('Reshape', linear(n, x, WIDTH, 3 * WIDTH), n.ints(0, -1, 3, heads, WIDTH // heads))
    qkv = n.op('Transpose', qkv, perm=[2, 0, 3, 1, 4])
    parts = n.op('Split', qkv, axis=0, outputs=3, **(dict(num_outputs=3) if n.opset >= 18 else {}))
    q, k, v = (n.op('Squeeze', p, n.ints(0)) for p in parts)
    size = n.op('Cast', n.op('Slice', n.op('Shape', q), n.ints(-1), n.ints(2 ** 63 - 1)), to=TensorProto.FLOAT)
    scale = n.op('Sqrt', n.op('Div', n.floats(1), n.op('Sqrt', size)))
    q, k = n.op('Mul', q, scale), n.op('Mul', n.op('Transpose', k, perm=[0, 1, 3, 2]), scale)
    y = n.op('MatMul', n.op('Softmax', n.op('MatMul', q, k), axis=-1), v)
    return linear(n, n.op('Reshape', n.op('Transpose', y, perm=[0, 2, 1, 3]), n.ints(0, -1, WIDTH)), WIDTH, WIDTH)


def attention_torchvision(n, x, heads=3):
    """MultiheadAttention: tokens first, batches and heads as one dimension."""
    x = n.op('Transpose', x, perm=[1, 0, 2])
    y = n.op('Reshape', linear(n, x, WIDTH, 3 * WIDTH, True), n.ints(TOKENS + 1, 1, 3, WIDTH))
    y = n.op('Squeeze', n.op('Transpose', n.op('Unsqueeze', y, n.ints(0)), perm=[3, 1, 2, 0, 4]), n.ints(3))
    q, k, v = (n.op('Gather', y, number(n, i), axis=0) for i in range(3))

    def split(part):
        part = n.op('Transpose', n.op('Reshape', part, n.ints(TOKENS + 1, heads, WIDTH // heads)), perm=[1, 0, 2])
        return n.op('Reshape', part, n.ints(1, heads, TOKENS + 1, WIDTH // heads))
    q, k, v = split(q), split(k), split(v)
    scores = n.op('MatMul', n.op('Div', q, scalar(n, (WIDTH // heads) ** 0.5)), n.op('Transpose', k, perm=[0, 1, 3, 2]))
    # training mode, as torchvision's Swin is exported, with a ratio of 0
    scores = n.op('Dropout', n.op('Softmax', scores, axis=-1), scalar(n, 0.0), n.const(numpy.array(True)))
    y = n.op('MatMul', scores, v)
    y = n.op('Reshape', n.op('Transpose', y, perm=[2, 0, 1, 3]), n.ints(TOKENS + 1, WIDTH))
    y = n.op('Gemm', y, n.random(WIDTH, WIDTH), n.random(WIDTH), transB=1)
    return n.op('Transpose', n.op('Reshape', y, n.ints(TOKENS + 1, 1, WIDTH)), perm=[1, 0, 2])


def attention_einsum(n, x, heads=3):
    y = n.op('Reshape', linear(n, x, WIDTH, 3 * WIDTH), n.ints(1, -1, 3 * heads, WIDTH // heads))
    q, k, v = n.op('Split', n.op('Transpose', y, perm=[0, 2, 1, 3]), n.ints(heads, heads, heads), axis=1, outputs=3)
    scores = n.op('Mul', n.op('Einsum', q, k, equation='b h i d, b h j d -> b h i j'), scalar(n, 0.5))
    y = n.op('Einsum', n.op('Softmax', scores, axis=-1), v, equation='bhij,bhjd->bhid')
    return linear(n, n.op('Reshape', n.op('Transpose', y, perm=[0, 2, 1, 3]), n.ints(1, -1, WIDTH)), WIDTH, WIDTH)


def attention_keras(n, x, heads=3):
    """MultiHeadAttention of Keras: every product an Einsum."""
    def dense():
        y = n.op('Einsum', x, n.random(WIDTH, heads, 4), equation='abc,cde->abde')
        return n.op('Add', y, n.random(heads, 4))
    q, k, v = n.op('Mul', dense(), scalar(n, 0.5)), dense(), dense()
    scores = n.op('Softmax', n.op('Einsum', k, q, equation='aecd,abcd->acbe'), axis=-1)
    y = n.op('Einsum', scores, v, equation='acbe,aecd->abcd')
    return n.op('Add', n.op('Einsum', y, n.random(heads, 4, WIDTH), equation='abcd,cde->abe'), n.random(WIDTH))


def attention_operator(n, x, heads=3):
    q, k, v = (linear(n, x, WIDTH, WIDTH) for _ in range(3))
    return linear(n, n.op('Attention', q, k, v, q_num_heads=heads, kv_num_heads=heads), WIDTH, WIDTH)


def attention_operator_masked(n, x, heads=3):
    """With heads apart, a mask, and a scale of its own."""
    qkv = n.op('Reshape', linear(n, x, WIDTH, 3 * WIDTH), n.ints(0, -1, 3, heads, WIDTH // heads))
    q, k, v = (n.op('Squeeze', p, n.ints(0)) for p in
               n.op('Split', n.op('Transpose', qkv, perm=[2, 0, 3, 1, 4]), axis=0, outputs=3, num_outputs=3))
    mask = n.rng.uniform(size=(TOKENS + 1, TOKENS + 1)) < 0.8
    y = n.op('Attention', q, k, v, n.const(mask | numpy.eye(TOKENS + 1, dtype=bool)), scale=0.4)
    return linear(n, n.op('Reshape', n.op('Transpose', y, perm=[0, 2, 1, 3]), n.ints(0, -1, WIDTH)), WIDTH, WIDTH)


def attention_cosine(n, x, heads=3):
    """Swin 2: queries and keys of length 1, a factor for each head."""
    qkv = n.op('Transpose', n.op('Reshape', linear(n, x, WIDTH, 3 * WIDTH), n.ints(0, -1, 3, heads, 4)), perm=[2, 0, 3, 1, 4])
    q, k, v = (n.op('Gather', qkv, number(n, i), axis=0) for i in range(3))

    def unit(y):
        size = n.op('Clip', n.op('ReduceL2', y, axes=[-1], keepdims=1), scalar(n, 1e-12))
        return n.op('Div', y, n.op('Expand', size, n.op('Shape', y)))
    scores = n.op('MatMul', unit(q), n.op('Transpose', unit(k), perm=[0, 1, 3, 2]))
    factor = n.op('Exp', n.op('Clip', n.random(heads, 1, 1), '', scalar(n, 4.6)))
    bias = n.op('Mul', n.op('Sigmoid', n.random(1, heads, TOKENS + 1, TOKENS + 1)), scalar(n, 16))
    scores = n.op('Add', n.op('Mul', scores, factor), bias)
    y = n.op('MatMul', n.op('Softmax', scores, axis=3), v)
    return linear(n, n.op('Reshape', n.op('Transpose', y, perm=[0, 2, 1, 3]), n.ints(0, -1, WIDTH)), WIDTH, WIDTH)


def attention_normalised(n, x, heads=3):
    """Queries and keys normalised by heads; each head's keys are for two of queries (a batch that repeats)."""
    q = n.op('Transpose', n.op('Reshape', linear(n, x, WIDTH, WIDTH), n.ints(0, -1, heads, 4)), perm=[0, 2, 1, 3])
    k, v = (n.op('Transpose', n.op('Reshape', linear(n, x, WIDTH, 4), n.ints(0, -1, 1, 4)), perm=[0, 2, 1, 3]) for _ in 'kv')
    scores = n.op('MatMul', layer_norm(n, q, 4), n.op('Transpose', layer_norm(n, k, 4), perm=[0, 1, 3, 2]))
    y = n.op('MatMul', n.op('Softmax', scores), v)
    return linear(n, n.op('Reshape', n.op('Transpose', y, perm=[0, 2, 1, 3]), n.ints(0, -1, WIDTH)), WIDTH, WIDTH)


def vit(opset, attention, pool='token', square='Pow'):
    n = Net(opset, IMAGE)
    x = with_token(n, patches(n))
    for _ in range(2):
        x = n.op('Add', x, attention(n, layer_norm(n, x, WIDTH, square)))
        y = linear(n, gelu(n, linear(n, layer_norm(n, x, WIDTH, square), WIDTH, 20, True)), 20, WIDTH)
        x = n.op('Add', x, n.op('Mul', y, n.random(WIDTH)))  # with a scale for each channel
    x = layer_norm(n, x, WIDTH, square)
    if pool == 'token':
        x = n.op('Gather', x, number(n, 0), axis=1)
    elif pool == 'slice':
        x = n.op('Reshape', n.op('Slice', x, n.ints(0), n.ints(1), n.ints(1)), n.ints(0, WIDTH))
    else:
        x = mean(n, n.op('Slice', x, n.ints(1), n.ints(2 ** 63 - 1), n.ints(1)), 1, keepdims=0)
    return Example(n.done(n.op('Gemm', x, n.random(5, WIDTH), n.random(5), transB=1)), IMAGE)


SQUARE = (1, 3, 32, 32)


def _rolled(n, x, by):
    for axis in (1, 2):
        tail = n.op('Slice', x, n.ints(by), n.ints(2 ** 63 - 1), n.ints(axis))
        x = n.op('Concat', tail, n.op('Slice', x, n.ints(0), n.ints(by), n.ints(axis)), axis=axis)
    return x


def _region_mask(n):
    """torchvision numbers the regions by assignments to slices of zeros, and compares them within each window."""
    regions = n.op('ConstantOfShape', n.ints(8, 8))
    for i, (top, bottom, left, right) in enumerate(((0, 4, 0, 6), (0, 4, -2, 8), (4, 6, 0, 6), (4, 6, -2, 8), (-2, 8, 0, 6), (6, 8, 6, 8))):
        rows, columns = (n.op('Range', number(n, a), number(n, b), number(n, 1)) for a, b in
                         ((top, bottom if top >= 0 else 0), (left, right if left >= 0 else 0)))
        shape = n.ints((bottom - top) % 8, (right - left) % 8)
        rows = n.op('Expand', n.op('Unsqueeze', rows, n.ints(1)), shape)
        places = n.op('Concat', *(n.op('Unsqueeze', p, n.ints(2)) for p in (rows, n.op('Expand', columns, shape))), axis=2)
        regions = n.op('ScatterND', regions, places, n.op('Expand', n.op('Cast', number(n, i), to=TensorProto.FLOAT), shape))
    y = n.op('Transpose', n.op('Reshape', regions, n.ints(2, 4, 2, 4)), perm=[0, 2, 1, 3])
    y = n.op('Reshape', y, n.ints(4, 16))
    same = n.op('Equal', n.op('Unsqueeze', y, n.ints(1)), n.op('Unsqueeze', y, n.ints(2)))
    return n.op('Reshape', n.op('Where', same, scalar(n, 0), scalar(n, -100)), n.ints(1, 4, 1, 16, 16))


def _windows(n, x, heads, shift):
    """On 8x8 tokens in windows of 4x4; a mask of minus infinity where shifted windows wrap."""
    y = layer_norm(n, x, WIDTH)
    y = _rolled(n, y, 2) if shift else y
    y = n.op('Transpose', n.op('Reshape', y, n.ints(1, 2, 4, 2, 4, WIDTH)), perm=[0, 1, 3, 2, 4, 5])
    y = n.op('Reshape', y, n.ints(-1, 16, WIDTH))
    qkv = n.op('Transpose', n.op('Reshape', linear(n, y, WIDTH, 3 * WIDTH), n.ints(4, 16, 3, heads, -1)), perm=[2, 0, 3, 1, 4])
    q, k, v = (n.op('Gather', qkv, number(n, i), axis=0) for i in range(3))
    scores = n.op('MatMul', n.op('Mul', q, scalar(n, 0.5)), n.op('Transpose', k, perm=[0, 1, 3, 2]))
    places = n.const(n.rng.integers(0, 49, 16 * 16))
    bias = n.op('Reshape', n.op('Gather', n.random(49, heads), places), n.ints(16, 16, -1))
    scores = n.op('Add', scores, n.op('Unsqueeze', n.op('Transpose', bias, perm=[2, 0, 1]), n.ints(0)))
    if shift:
        if shift == 'computed':
            mask = _region_mask(n)
        else:
            part = numpy.arange(16) // 8
            mask = numpy.where(part[:, None] == part, 0, -numpy.inf).astype(numpy.float32)
            mask = n.const(numpy.stack([numpy.zeros((16, 16), numpy.float32), mask] * 2)[None, :, None])
        scores = n.op('Reshape', scores, n.ints(1, 4, heads, 16, 16))
        scores = n.op('Add', scores, mask)
        scores = n.op('Reshape', scores, n.ints(-1, heads, 16, 16))
    y = n.op('Transpose', n.op('MatMul', n.op('Softmax', scores, axis=-1), v), perm=[0, 2, 1, 3])
    y = n.op('Reshape', linear(n, n.op('Reshape', y, n.ints(4, 16, WIDTH)), WIDTH, WIDTH), n.ints(-1, 2, 2, 4, 4, WIDTH))
    y = n.op('Reshape', n.op('Transpose', y, perm=[0, 1, 3, 2, 4, 5]), n.ints(-1, 8, 8, WIDTH))
    x = n.op('Add', x, _rolled(n, y, -2) if shift else y)
    return n.op('Add', x, linear(n, gelu(n, linear(n, layer_norm(n, x, WIDTH), WIDTH, 24)), 24, WIDTH))


def swin():
    n = Net(17, SQUARE)
    x = n.op('Transpose', n.conv('x', 3, WIDTH, 4, strides=[4, 4], pads=[0] * 4), perm=[0, 2, 3, 1])
    for shift in (False, True, 'computed'):
        x = _windows(n, x, 3, shift)
    corners = [n.op('Slice', x, n.ints(r, c), n.ints(2 ** 63 - 1, 2 ** 63 - 1), n.ints(1, 2), n.ints(2, 2))
               for c, r in ((0, 0), (0, 1), (1, 0), (1, 1))]
    x = n.op('MatMul', layer_norm(n, n.op('Concat', *corners, axis=-1), 4 * WIDTH), n.random(4 * WIDTH, 16))
    x = n.op('GlobalAveragePool', n.op('Transpose', layer_norm(n, x, 16), perm=[0, 3, 1, 2]))
    return Example(n.done(n.op('Gemm', n.op('Flatten', x), n.random(16, 5), n.random(5))), SQUARE)


def maxvit():
    """Attention within blocks, then within grids of far pixels, on an image in between."""
    n = Net(17, SQUARE)
    x = n.op('Relu', n.conv('x', 3, WIDTH, 4, strides=[4, 4], pads=[0] * 4))
    for dims, order in (([1, WIDTH, 2, 4, 2, 4], [0, 2, 4, 3, 5, 1]), ([1, WIDTH, 4, 2, 4, 2], [0, 3, 5, 2, 4, 1])):
        y = n.op('Reshape', n.op('Transpose', n.op('Reshape', x, n.ints(*dims)), perm=order), n.ints(4, 16, WIDTH))
        qkv = n.op('Reshape', n.op('MatMul', y, n.random(WIDTH, 3 * WIDTH)), n.ints(4, 16, 3, 3, 4))
        q, k, v = (n.op('Squeeze', p, n.ints(2)) for p in n.op('Split', qkv, n.ints(1, 1, 1), axis=2, outputs=3))
        q, v = (n.op('Transpose', t, perm=[0, 2, 1, 3]) for t in (q, v))
        scores = n.op('Add', n.op('MatMul', q, n.op('Transpose', k, perm=[0, 2, 3, 1])), n.random(3, 16, 16))
        y = n.op('Transpose', n.op('MatMul', n.op('Softmax', scores, axis=-1), v), perm=[0, 2, 1, 3])
        back = [order.index(i) for i in range(6)]
        y = n.op('Reshape', y, n.ints(*(dims[i] for i in order)))
        y = n.op('Reshape', n.op('Transpose', y, perm=back), n.ints(1, WIDTH, 8, 8))
        x = n.conv(n.op('Add', x, y), WIDTH, WIDTH, 3)
    return Example(n.done(n.op('Flatten', n.op('GlobalAveragePool', n.op('Relu', x)))), SQUARE)


def mobilevit():
    n = Net(13, SQUARE)
    x = n.conv(n.op('Relu', n.conv('x', 3, 8, 3, strides=[4, 4])), 8, WIDTH, 1, pads=[0] * 4)
    y = n.op('Transpose', n.op('Reshape', x, n.ints(WIDTH * 4, 2, 4, 2)), perm=[0, 2, 1, 3])
    y = n.op('Transpose', n.op('Reshape', y, n.ints(1, WIDTH, 16, 4)), perm=[0, 3, 2, 1])
    y = n.op('Reshape', y, n.ints(4, 16, WIDTH))
    y = n.op('Add', y, attention_gather(n, layer_norm(n, y, WIDTH)))
    y = n.op('Transpose', n.op('Reshape', layer_norm(n, y, WIDTH), n.ints(1, 4, 16, WIDTH)), perm=[0, 3, 2, 1])
    y = n.op('Transpose', n.op('Reshape', y, n.ints(WIDTH * 4, 4, 2, 2)), perm=[0, 2, 1, 3])
    y = n.op('Concat', x, n.op('Reshape', y, n.ints(1, WIDTH, 8, 8)), axis=1)
    y = n.op('Relu', n.conv(y, 2 * WIDTH, 8, 3))
    return Example(n.done(n.op('ReduceMean', y, axes=[-1, -2], keepdims=0)), SQUARE)


def mobilevit2():
    """Separable attention: one query for all tokens of a kind, on images of [channels, kinds, tokens]."""
    n = Net(13, SQUARE)
    x = n.conv('x', 3, WIDTH, 4, strides=[4, 4], pads=[0] * 4)
    y = n.op('Reshape', n.op('Transpose', n.op('Reshape', x, n.ints(1, WIDTH, 4, 2, 4, 2)), perm=[0, 1, 3, 5, 2, 4]),
             n.ints(1, WIDTH, 4, 16))
    qkv = n.conv(y, WIDTH, 1 + 2 * WIDTH, 1, pads=[0] * 4)
    q, k, v = n.op('Split', qkv, n.ints(1, WIDTH, WIDTH), axis=1, outputs=3)
    context = n.op('ReduceSum', n.op('Mul', k, n.op('Softmax', q, axis=-1)), n.ints(-1), keepdims=1)
    y = n.op('Mul', n.op('Relu', v), n.op('Expand', context, n.op('Shape', v)))
    return Example(n.done(n.op('Flatten', n.op('GlobalAveragePool', n.conv(y, WIDTH, 5, 1, pads=[0] * 4)))), SQUARE)


def efficientvit():
    """Linear attention: no softmax, but the sum of keys as one more column of values."""
    n = Net(13, SQUARE)
    x = n.op('Relu', n.conv('x', 3, WIDTH, 4, strides=[4, 4], pads=[0] * 4))
    y = n.op('Reshape', n.conv(x, WIDTH, 3 * WIDTH, 1, pads=[0] * 4), n.ints(1, -1, 3 * 4, 64))
    y = n.op('Transpose', y, perm=[0, 1, 3, 2])
    cut = lambda a, b: n.op('Slice', y, n.ints(a), n.ints(b), n.ints(-1))
    q, k, v = n.op('Relu', cut(0, 4)), n.op('Relu', cut(4, 8)), cut(8, 12)
    v = n.op('Pad', v, n.ints(0, 0, 0, 0, 0, 0, 0, 1), scalar(n, 1))
    y = n.op('MatMul', q, n.op('MatMul', n.op('Transpose', k, perm=[0, 1, 3, 2]), v))
    top = n.op('Slice', y, n.ints(0), n.ints(-1), n.ints(-1))
    y = n.op('Div', top, n.op('Add', n.op('Slice', y, n.ints(-1), n.ints(2 ** 63 - 1), n.ints(-1)), scalar(n, 1e-3)))
    y = n.op('Reshape', n.op('Transpose', y, perm=[0, 1, 3, 2]), n.ints(1, WIDTH, 8, 8))
    x = n.op('Add', x, n.conv(y, WIDTH, WIDTH, 1, pads=[0] * 4))
    return Example(n.done(n.op('Flatten', n.op('GlobalAveragePool', x))), SQUARE)


def xcit():
    """Attention between channels."""
    n = Net(13, IMAGE)
    x = patches(n)
    qkv = n.op('Transpose', n.op('Reshape', linear(n, x, WIDTH, 3 * WIDTH), n.ints(0, TOKENS, 3, 3, 4)), perm=[2, 0, 3, 4, 1])
    q, k, v = (n.op('Gather', qkv, number(n, i), axis=0) for i in range(3))
    unit = lambda y: n.op('Div', y, n.op('ReduceL2', y, axes=[-1], keepdims=1))
    scores = n.op('Mul', n.op('MatMul', unit(q), n.op('Transpose', unit(k), perm=[0, 1, 3, 2])), n.random(3, 1, 1, low=1, high=9))
    y = n.op('MatMul', n.op('Softmax', scores, axis=-1), v)
    y = n.op('Reshape', n.op('Transpose', y, perm=[0, 3, 1, 2]), n.ints(0, TOKENS, WIDTH))
    return Example(n.done(n.op('ReduceMean', n.op('Add', x, y), axes=[1], keepdims=0)), IMAGE)


def poolformer():
    n = Net(13, IMAGE)
    x = n.conv('x', 3, 8, 4, strides=[4, 4], pads=[0] * 4)
    y = n.op('InstanceNormalization', n.op('Reshape', x, n.ints(0, 1, -1)), n.floats(1), n.floats(0), epsilon=1e-5)
    y = n.op('Mul', n.op('Reshape', y, n.op('Shape', x)), n.random(8, 1, 1))
    y = n.op('Sub', n.op('AveragePool', y, kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=0), y)
    x = n.op('Add', x, n.op('Mul', y, n.random(8, 1, 1)))
    x = n.op('Add', x, n.conv(gelu(n, n.conv(x, 8, 16, 1, pads=[0] * 4)), 16, 8, 1, pads=[0] * 4))
    x = layer_norm(n, n.op('Transpose', n.op('Flatten', n.op('GlobalAveragePool', x)), perm=[0, 1]), 8)
    return Example(n.done(n.op('Gemm', x, n.random(8, 5), n.random(5))), IMAGE)


def botnet():
    """Attention on an image as it is, with keys that are told apart by their rows and columns (CoAtNet's kind)."""
    n = Net(11, IMAGE)
    x = n.op('Relu', n.conv('x', 3, WIDTH, 8, strides=[8, 8], pads=[0] * 4, bias=False))
    q, k, v = (n.op('Reshape', n.conv(x, WIDTH, WIDTH, 1, pads=[0] * 4), n.ints(1, 3, 4, TOKENS)) for _ in 'qkv')
    scores = n.op('MatMul', n.op('Transpose', q, perm=[0, 1, 3, 2]), k)
    places = n.op('Reshape', n.op('Add', n.random(1, 3, 4, 1, 4), n.random(1, 3, 4, 3, 1)), n.ints(1, 3, 4, TOKENS))
    scores = n.op('Add', scores, n.op('MatMul', n.op('Transpose', q, perm=[0, 1, 3, 2]), places))
    y = n.op('MatMul', v, n.op('Transpose', n.op('Softmax', scores, axis=3), perm=[0, 1, 3, 2]))
    x = n.op('Add', x, n.op('Reshape', y, n.ints(1, WIDTH, 3, 4)))
    return Example(n.done(n.op('GlobalAveragePool', x)), IMAGE)


def gpvit():
    """A query of its own that collects tokens (attention pooling), and tokens that get it back."""
    n = Net(17, IMAGE)
    x = patches(n)
    k, v = linear(n, x, WIDTH, WIDTH), linear(n, x, WIDTH, WIDTH)
    scores = n.op('MatMul', n.random(1, 2, WIDTH), n.op('Transpose', k, perm=[0, 2, 1]))
    groups = n.op('MatMul', n.op('Softmax', scores, axis=-1), v)
    back = n.op('MatMul', n.op('Softmax', n.op('Transpose', scores, perm=[0, 2, 1]), axis=2), groups)
    x = n.op('Concat', n.op('Add', x, back), groups, axis=1)
    x = n.op('ReduceMax', layer_norm(n, x, WIDTH), axes=[1], keepdims=0)
    return Example(n.done(n.op('MatMul', x, n.random(WIDTH, 5))), IMAGE)


def transposed_layer_norm():
    """LayerNorm2d of an image, spelled out over its channels, and over its last dimension with the square a product."""
    n = Net(11, IMAGE)
    x = n.conv('x', 3, 8, 4, strides=[4, 4], pads=[0] * 4)
    d = n.op('Sub', x, n.op('ReduceMean', x, axes=[1], keepdims=1))
    v = n.op('ReduceMean', n.op('Pow', d, scalar(n, 2)), axes=[1], keepdims=1)
    x = n.op('Mul', n.op('Div', d, n.op('Sqrt', n.op('Add', v, scalar(n, 1e-6)))), n.random(8, 1, 1))
    x = layer_norm(n, n.op('Transpose', n.op('Relu', x), perm=[0, 2, 3, 1]), 8, 'Mul')
    return Example(n.done(n.op('ReduceMean', x, axes=[1, 2], keepdims=0)), IMAGE)


def refused_einsum():
    n = Net(17, IMAGE)
    return n.done(n.op('Einsum', 'x', equation='bchh->bch')), r'operator Einsum .*"bchh->bch".*MatMul and Transpose'


def refused_attention():
    n = Net(23, IMAGE)
    q, k = n.op('Reshape', 'x', n.ints(1, 6, 24, 16)), n.op('Reshape', 'x', n.ints(1, 3, 48, 16))
    return n.done(n.op('Attention', q, k, k)), r'operator Attention .*as many heads.*earlier opset'


def refusals():
    return {'einsum of a diagonal': refused_einsum(), 'attention of groups of heads': refused_attention()}


def styles():
    made = {f'vit, timm, opset {k}': vit(k, attention_gather) for k in (11, 13, 17)}
    made.update({f'vit, sdpa, opset {k}': vit(k, attention_sdpa, 'mean') for k in (14, 18)})
    made['vit, torchvision'] = vit(17, attention_torchvision)
    made['vit, einsum'] = vit(13, attention_einsum, 'slice', 'Mul')
    made['vit, keras'] = vit(17, attention_keras, 'mean')
    made['vit, Attention'] = vit(23, attention_operator)
    made['vit, Attention, masked'] = vit(23, attention_operator_masked)
    made['vit, cosine'] = vit(13, attention_cosine)
    made['vit, shared keys'] = vit(17, attention_normalised)
    for f in (swin, maxvit, mobilevit, mobilevit2, efficientvit, xcit, poolformer, botnet, gpvit, transposed_layer_norm):
        made[f.__name__.replace('_', ' ')] = f()
    return made
