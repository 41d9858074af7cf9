"""Single steps of the kernel that numba's Python has no words for, as LLVM's own instructions.

They are written for vectors of 64 bytes. LLVM turns them into whatever the processor at hand has:
single instructions with AVX-512, several with AVX2 or NEON. None checks a bound.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES: Final = 128
"""How many permutations `permute` makes at once; it holds all of theirs in registers."""

_I1, _I8, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 32, 64))
_BLOCK: Final = ir.VectorType(_I8, 64)
_BITS: Final = ir.VectorType(_I1, 64)
_WORDS: Final = ir.VectorType(_I32, 16)
_LONGS: Final = ir.VectorType(_I64, 8)


def _at(context: Any, builder: Any, kind: Any, array: Any, index: Any, to: Any) -> Any:
    """Return a pointer to `array[index]` as one to `to`."""
    begin = context.make_array(kind)(context, builder, value=array).data
    return builder.bitcast(builder.gep(begin, [index]), to.as_pointer())


def _splat(vector: Any, value: int) -> Any:
    return ir.Constant(vector, [value] * vector.count)


def _broadcast(builder: Any, vector: Any, scalar: Any) -> Any:
    """Return a vector of which every lane is `scalar`."""
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(_I32, 0))
    lanes = ir.Constant(ir.VectorType(_I32, vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, one, lanes)


def _count(builder: Any, bits: Any) -> Any:
    return builder.ctpop(bits)


def _compress(builder: Any, vector: Any, bits: Any, names: tuple[str, str]) -> Any:
    """Return the lanes whose bit is set, moved together; what follows them is anything."""
    mask = ir.VectorType(_I1, vector.type.count)
    name = f"llvm.experimental.vector.compress.{names[0]}"
    kind = ir.FunctionType(vector.type, [vector.type, mask, vector.type])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    chosen = builder.bitcast(bits, mask)
    return builder.call(function, [vector, chosen, ir.Constant(vector.type, ir.Undefined)])


def _loader(width: int, result: Any) -> Any:
    @intrinsic
    def load(typing: Any, array: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = _at(context, builder, signature.args[0], *arguments, ir.IntType(width))
            return builder.load(pointer, align=1)

        return result(array, types.int64), generate

    return load


load32 = _loader(32, types.uint32)
"""The four bytes at a position, the first the lowest."""
load64 = _loader(64, types.uint64)
"""The eight bytes at a position, the first the lowest."""


@intrinsic
def store32(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write four bytes, the lowest first."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, value = arguments
        pointer = _at(context, builder, signature.args[0], array, index, _I32)
        builder.store(value, pointer, align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint32), generate


@intrinsic
def folded(typing: Any, one: Any, two: Any) -> Any:
    """Return the two halves of a product of 128 bits, one XOR the other."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(each, wide) for each in arguments))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), _I64)
        return builder.xor(builder.trunc(product, _I64), high)

    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def trailing_zeros(typing: Any, bits: Any) -> Any:
    """Return how many of the lowest bits are zero, 64 if all are."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(_I1, 0))

    return types.int64(types.uint64), generate


@intrinsic
def beyond_ascii(typing: Any, data: Any, position: Any) -> Any:
    """Return for each of 64 bytes a bit: whether it is no ASCII."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _at(context, builder, signature.args[0], *arguments, _BLOCK)
        block = builder.load(pointer, align=1)
        return builder.bitcast(builder.icmp_signed("<", block, _splat(_BLOCK, 0)), _I64)

    return types.uint64(data, types.int64), generate


@intrinsic
def pack(
    typing: Any, data: Any, position: Any, size: Any, running: Any, text: Any, end: Any,
    edges: Any, words: Any,
) -> Any:  # fmt: skip
    """Append the words of 1 to 64 ASCII bytes, lower-cased, each with one space after it.

    Reads 64 bytes at `data[position]`, writes 64 at `text[end]` and 32 numbers at
    `edges[words + 1]`: the positions of the spaces. `running` is 1 if a run of letters and digits
    is open at the end of `text`, and else 0.

    Returns:
        How many bytes were appended, how many words ended, and whether a run is open now.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, position, size, running, text, end, edges, words = arguments
        kinds = signature.args
        source = _at(context, builder, kinds[0], data, position, _BLOCK)
        block = builder.load(source, align=1)
        ones, one = ir.Constant(_I64, -1), ir.Constant(_I64, 1)
        inside = builder.lshr(ones, builder.sub(ir.Constant(_I64, 64), size))
        lower = builder.or_(block, _splat(_BLOCK, 0x20))
        letter = builder.icmp_unsigned(
            "<", builder.sub(lower, _splat(_BLOCK, ord("a"))), _splat(_BLOCK, 26)
        )
        digit = builder.icmp_unsigned(
            "<", builder.sub(block, _splat(_BLOCK, ord("0"))), _splat(_BLOCK, 10)
        )
        flags = builder.or_(letter, digit)
        run = builder.and_(builder.bitcast(flags, _I64), inside)
        behind = builder.and_(builder.or_(builder.shl(run, one), running), inside)
        kept = builder.or_(run, behind)
        packed = _compress(
            builder, builder.select(flags, lower, _splat(_BLOCK, 0x20)), kept, ("v64i8", "")
        )
        builder.store(packed, _at(context, builder, kinds[4], text, end, _BLOCK), align=1)
        many = _count(builder, kept)
        # `kept` is never empty where it matters: a shift by 64 would be undefined, so it is split.
        written = builder.sub(
            builder.shl(
                builder.shl(one, builder.lshr(many, one)), builder.sub(many, builder.lshr(many, one))
            ),
            one,
        )
        spaces = builder.bitcast(
            builder.icmp_unsigned("==", packed, _splat(_BLOCK, 0x20)), _I64
        )
        spaces = builder.and_(spaces, written)
        ended = _count(builder, spaces)
        places = _compress(
            builder, ir.Constant(_BLOCK, list(range(64))), spaces, ("v64i8", "")
        )
        target = builder.add(words, one)
        base = _broadcast(builder, _WORDS, builder.trunc(end, _I32))
        for part in range(2):
            lanes = ir.Constant(_WORDS, list(range(16 * part, 16 * part + 16)))
            chosen = builder.zext(builder.shuffle_vector(places, places, lanes), _WORDS)
            where = builder.add(target, ir.Constant(_I64, 16 * part))
            pointer = _at(context, builder, kinds[6], edges, where, _WORDS)
            builder.store(builder.add(chosen, base), pointer, align=1)
        last = builder.and_(builder.lshr(run, builder.sub(size, one)), one)
        return context.make_tuple(builder, signature.return_type, [many, ended, last])

    i64 = types.int64
    return types.UniTuple(i64, 3)(data, i64, i64, i64, text, i64, edges, i64), generate


@intrinsic
def permute(
    typing: Any, mixed: Any, count: Any, factors: Any, terms: Any, minima: Any, first: Any
) -> Any:
    """Lower `LANES` of the minima, from `first`, to the least of their permutations.

    Permutation k of a mixed hash h is factors[k] * h + terms[k] modulo 2^32.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        mixed, count, factors, terms, minima, first = arguments
        kinds = signature.args
        many = LANES // 16

        def vectors(kind: Any, array: Any) -> list[Any]:
            steps = [builder.add(first, ir.Constant(_I64, 16 * part)) for part in range(many)]
            return [_at(context, builder, kind, array, step, _WORDS) for step in steps]

        a = [builder.load(each, align=4) for each in vectors(kinds[2], factors)]
        b = [builder.load(each, align=4) for each in vectors(kinds[3], terms)]
        kept = vectors(kinds[4], minima)
        # These become registers: the optimizer sees that nothing else can know of them.
        least = [cgutils.alloca_once_value(builder, builder.load(each, align=4)) for each in kept]
        with cgutils.for_range(builder, count) as loop:
            value = builder.load(_at(context, builder, kinds[0], mixed, loop.index, _I32), align=4)
            h = _broadcast(builder, _WORDS, value)
            for part in range(many):
                before = builder.load(least[part])
                now = builder.add(builder.mul(a[part], h), b[part])
                less = builder.icmp_unsigned("<", now, before)
                builder.store(builder.select(less, now, before), least[part])
        for place, register in zip(kept, least, strict=True):
            builder.store(builder.load(register), place, align=4)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(mixed, i64, factors, terms, minima, i64), generate


@intrinsic
def append_changes(typing: Any, values: Any, index: Any, mask: Any, out: Any, end: Any) -> Any:
    """Append those of the 8 values from `index` that differ from the value before them.

    Only values whose bit is set in `mask` are looked at. Writes 8 values at `out[end]`; returns how
    many of them count.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, index, mask, out, end = arguments
        kinds = signature.args
        here = _at(context, builder, kinds[0], values, index, _LONGS)
        before = builder.sub(index, ir.Constant(_I64, 1))
        now = builder.load(here, align=8)
        last = builder.load(_at(context, builder, kinds[0], values, before, _LONGS), align=8)
        changed = builder.bitcast(builder.icmp_unsigned("!=", now, last), _I8)
        bits = builder.and_(changed, builder.trunc(mask, _I8))
        packed = _compress(builder, now, bits, ("v8i64", ""))
        builder.store(packed, _at(context, builder, kinds[3], out, end, _LONGS), align=8)
        return builder.zext(_count(builder, bits), _I64)

    i64 = types.int64
    return i64(values, i64, types.uint64, out, i64), generate
