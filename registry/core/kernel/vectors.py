"""Single steps of the kernel that numba's Python has no words for, as LLVM's own instructions.

They work on addresses: arrays would count references and wrap negative indices in the innermost
loops. They are written for vectors of 64 bytes, which LLVM turns into whatever the processor at
hand has: single instructions with AVX-512, several with AVX2 or NEON. None checks a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from registry.core.kernel.job import LANES

_I1, _I8, _I32, _I64, _I128 = (ir.IntType(bits) for bits in (1, 8, 32, 64, 128))
_BYTES: Final = ir.VectorType(_I8, 64)
_WORDS: Final = ir.VectorType(_I32, 16)
_HALVES: Final = ir.VectorType(_I32, 8)
_LONGS: Final = ir.VectorType(_I64, 8)
_SIXTEEN: Final = ir.VectorType(_I64, 16)

_i64, _u64 = types.int64, types.uint64


def _step(signature: Any, build: Callable[..., Any]) -> Any:
    """Return a function of numba's that `build(builder, *arguments)` writes.

    Args:
        signature: What it takes and returns.
        build: Returns the result, several in a list, or None.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        result = build(builder, *arguments)
        if result is None:
            return context.get_dummy_value()
        if isinstance(result, list):
            return context.make_tuple(builder, signature.return_type, result)
        return result

    made = signature, generate
    # numba counts parameters, and takes no `*`.
    step = {
        1: lambda typing, a: made,
        2: lambda typing, a, b: made,
        3: lambda typing, a, b, c: made,
        4: lambda typing, a, b, c, d: made,
        5: lambda typing, a, b, c, d, e: made,
        6: lambda typing, a, b, c, d, e, f: made,
        9: lambda typing, a, b, c, d, e, f, g, h, i: made,
    }[len(signature.args)]
    step.__name__ = step.__qualname__ = build.__name__
    step.__doc__ = build.__doc__
    return intrinsic(step)


def _pointer(builder: Any, at: Any, kind: Any, offset: int = 0) -> Any:
    if offset:
        at = builder.add(at, ir.Constant(_I64, offset))
    return builder.inttoptr(at, kind.as_pointer())


def _load(builder: Any, at: Any, kind: Any, offset: int = 0) -> Any:
    return builder.load(_pointer(builder, at, kind, offset), align=1)


def _store(builder: Any, value: Any, at: Any, offset: int = 0) -> None:
    builder.store(value, _pointer(builder, at, value.type, offset), align=1)


def _splat(kind: Any, value: int) -> Any:
    return ir.Constant(kind, [value] * kind.count)


def _broadcast(builder: Any, kind: Any, scalar: Any) -> Any:
    """Return a vector of which every lane is `scalar`."""
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(_I32, 0))
    return builder.shuffle_vector(one, one, _splat(ir.VectorType(_I32, kind.count), 0))


def _compress(builder: Any, vector: Any, bits: Any) -> Any:
    """Return the lanes whose bit is set, moved together; what follows them is anything."""
    kind = vector.type
    mask = ir.VectorType(_I1, kind.count)
    name = f"llvm.experimental.vector.compress.v{kind.count}i{kind.element.width}"
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind, mask, kind]), name
    )
    chosen = builder.bitcast(bits, mask)
    return builder.call(function, [vector, chosen, ir.Constant(kind, ir.Undefined)])


def _lesser(builder: Any, one: Any, two: Any) -> Any:
    return builder.select(builder.icmp_unsigned("<", one, two), one, two)


def _bits(builder: Any, one: Any, two: Any, kind: Any) -> Any:
    """Return a number whose bits say in which lanes two vectors are equal."""
    return builder.zext(builder.bitcast(builder.icmp_unsigned("==", one, two), kind), _I64)


def _gather(builder: Any, base: Any, index: Any) -> Any:
    """Return the numbers of 32 bits at 16 indices."""
    pointers = ir.VectorType(_I32.as_pointer(), 16)
    mask = ir.VectorType(_I1, 16)
    offsets = builder.shl(builder.zext(index, _SIXTEEN), _splat(_SIXTEEN, 2))
    places = builder.add(offsets, _broadcast(builder, _SIXTEEN, base))
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(_WORDS, [pointers, _I32, mask, _WORDS]),
        "llvm.masked.gather.v16i32.v16p0",
    )
    none = ir.Constant(_WORDS, ir.Undefined)
    return builder.call(
        function,
        [builder.inttoptr(places, pointers), ir.Constant(_I32, 4), _splat(mask, 1), none],
    )


def _append(  # noqa: PLR0917
    builder: Any, block: Any, kept: Any, text: Any, end: Any, edges: Any, parts: int
) -> tuple[Any, Any]:
    """Append the bytes whose bit is set to the text, and where spaces are among them to `edges`.

    Writes 64 bytes, and 16 numbers of 32 bits for each of `parts`.

    Returns:
        How many bytes were appended, and how many of them are spaces.
    """
    zero, full = ir.Constant(_I64, 0), ir.Constant(_I64, 64)
    packed = _compress(builder, block, kept)
    _store(builder, packed, builder.add(text, end))
    many = builder.ctpop(kept)
    # A shift by 64, for no byte at all, would be undefined.
    rest = builder.and_(builder.sub(full, many), ir.Constant(_I64, 63))
    written = builder.lshr(ir.Constant(_I64, -1), rest)
    written = builder.select(builder.icmp_unsigned("==", many, zero), zero, written)
    spaces = builder.bitcast(builder.icmp_unsigned("==", packed, _splat(_BYTES, 0x20)), _I64)
    spaces = builder.and_(spaces, written)
    places = _compress(builder, ir.Constant(_BYTES, list(range(64))), spaces)
    base = _broadcast(builder, _WORDS, builder.trunc(end, _I32))
    for part in range(parts):
        lanes = ir.Constant(_WORDS, list(range(16 * part, 16 * part + 16)))
        chosen = builder.zext(builder.shuffle_vector(places, places, lanes), _WORDS)
        _store(builder, builder.add(chosen, base), edges, 64 * part)
    return many, builder.ctpop(spaces)


def _load8(builder: Any, at: Any) -> Any:
    """Return a byte."""
    return builder.zext(_load(builder, at, _I8), _I64)


def _load32(builder: Any, at: Any) -> Any:
    """Return four bytes as a number, the first the lowest."""
    return builder.zext(_load(builder, at, _I32), _I64)


def _load64(builder: Any, at: Any) -> Any:
    """Return eight bytes as a number, the first the lowest."""
    return _load(builder, at, _I64)


def _store8(builder: Any, at: Any, value: Any) -> None:
    """Write the lowest byte of a number."""
    _store(builder, builder.trunc(value, _I8), at)


def _store32(builder: Any, at: Any, value: Any) -> None:
    """Write the four lowest bytes of a number, the lowest first."""
    _store(builder, builder.trunc(value, _I32), at)


def _store64(builder: Any, at: Any, value: Any) -> None:
    """Write the eight bytes of a number, the lowest first."""
    _store(builder, value, at)


def _move64(builder: Any, to: Any, at: Any) -> None:
    """Copy 64 bytes."""
    _store(builder, _load(builder, at, _BYTES), to)


def _folded(builder: Any, one: Any, two: Any) -> Any:
    """Return the two halves of a product of 128 bits, one XOR the other."""
    product = builder.mul(builder.zext(one, _I128), builder.zext(two, _I128))
    high = builder.trunc(builder.lshr(product, ir.Constant(_I128, 64)), _I64)
    return builder.xor(builder.trunc(product, _I64), high)


def _trailing_zeros(builder: Any, bits: Any) -> Any:
    """Return how many of the lowest bits are zero, 64 if all are."""
    return builder.cttz(bits, ir.Constant(_I1, 0))


def _beyond_ascii(builder: Any, at: Any) -> Any:
    """Return a bit for each of 64 bytes: whether it is no ASCII."""
    block = _load(builder, at, _BYTES)
    return builder.bitcast(builder.icmp_signed("<", block, _splat(_BYTES, 0)), _I64)


def _last_bit(builder: Any, bits: Any) -> Any:
    """Return which bit is the highest that is set, of one that is."""
    zeros = builder.ctlz(bits, ir.Constant(_I1, 0))
    return builder.sub(ir.Constant(_I64, 63), zeros)


def _count(builder: Any, bits: Any) -> Any:
    """Return how many bits are set."""
    return builder.ctpop(bits)


def _continuing(builder: Any, at: Any) -> Any:
    """Return a bit for each of 64 bytes: whether it continues a character of UTF-8."""
    block = _load(builder, at, _BYTES)
    return builder.bitcast(builder.icmp_signed("<", block, _splat(_BYTES, -0x40)), _I64)


def _pack(  # noqa: PLR0917
    builder: Any, at: Any, size: Any, running: Any, text: Any, end: Any, edges: Any
) -> list[Any]:
    """Append the words of 1 to 64 ASCII bytes, lower-cased, each with one space after it.

    Reads 64 bytes, writes 64 at `text + end`, and at `edges` 32 numbers of 32 bits, the
    distances of the spaces from `text`. `running` is 1 if a run of letters and digits is open at
    the end of the text, and else 0.

    Returns:
        How many bytes were appended, how many words ended, and whether a run is open now.
    """
    one, full = (ir.Constant(_I64, value) for value in (1, 64))
    block = _load(builder, at, _BYTES)
    inside = builder.lshr(ir.Constant(_I64, -1), builder.sub(full, size))
    lower = builder.or_(block, _splat(_BYTES, 0x20))
    letters = builder.icmp_unsigned(
        "<", builder.sub(lower, _splat(_BYTES, ord("a"))), _splat(_BYTES, 26)
    )
    digits = builder.icmp_unsigned(
        "<", builder.sub(block, _splat(_BYTES, ord("0"))), _splat(_BYTES, 10)
    )
    flags = builder.or_(letters, digits)
    run = builder.and_(builder.bitcast(flags, _I64), inside)
    behind = builder.and_(builder.or_(builder.shl(run, one), running), inside)
    kept = builder.or_(run, behind)
    spaced = builder.select(flags, lower, _splat(_BYTES, 0x20))
    many, ended = _append(builder, spaced, kept, text, end, edges, 2)
    last = builder.and_(builder.lshr(run, builder.sub(size, one)), one)
    return [many, ended, last]


def _gather_begins(builder: Any, at: Any, begins: Any, to: Any) -> None:
    """Write the first bytes of characters, then their second, third and fourth, 64 each.

    The bits of `begins` say which of 64 bytes begin a character; reads 67 bytes.
    """
    for step in range(4):
        _store(builder, _compress(builder, _load(builder, at, _BYTES, step), begins), to, 64 * step)


def _characters(  # noqa: PLR0917
    builder: Any, taken: Any, many: Any, pages: Any, last: Any, entries: Any, running: Any,
    text: Any, end: Any, edges: Any,
) -> list[Any]:  # fmt: skip
    """Append 1 to 16 characters, lower-cased, with a space after each word.

    Args:
        builder: Writes the instructions.
        taken: Where `gather_begins` has left the bytes of the first of them.
        many: How many they are.
        pages: Which 64 entries are for 64 code points; see `registry.core.sketch`.
        last: The last of the pages.
        entries: What becomes of a code point.
        running: As `pack` has it.
        text: Likewise.
        end: Likewise.
        edges: Likewise.

    Returns:
        What `pack` returns.
    """

    def word(value: int) -> Any:
        return _splat(_WORDS, value)

    quarter = ir.VectorType(_I8, 16)
    parts = [builder.zext(_load(builder, taken, quarter, 64 * step), _WORDS) for step in range(4)]
    length = word(1)
    for least in (0xC0, 0xE0, 0xF0):
        longer = builder.icmp_unsigned(">=", parts[0], word(least))
        length = builder.add(length, builder.zext(longer, _WORDS))
    # The payload of four bytes is put together; then what is not this character's is dropped.
    payload, raw = builder.and_(parts[0], word(0x7F)), parts[0]
    for step, part in enumerate(parts[1:], 1):
        payload = builder.shl(payload, word(6))
        payload = builder.or_(payload, builder.and_(part, word(0x3F)))
        raw = builder.or_(raw, builder.shl(part, word(8 * step)))
    short = builder.icmp_unsigned("==", length, word(1))
    bits = builder.add(builder.mul(length, word(5)), word(1))
    bits = builder.add(bits, builder.zext(short, _WORDS))
    point = builder.lshr(payload, builder.sub(word(24), builder.mul(length, word(6))))
    point = builder.and_(point, builder.lshr(word(0xFFFFFFFF), builder.sub(word(32), bits)))
    inside = builder.sub(word(32), builder.shl(length, word(3)))
    raw = builder.and_(raw, builder.lshr(word(0xFFFFFFFF), inside))

    page = builder.lshr(point, word(6))
    page = _lesser(builder, page, _broadcast(builder, _WORDS, builder.trunc(last, _I32)))
    page = _gather(builder, pages, page)
    index = builder.or_(builder.shl(page, word(6)), builder.and_(point, word(63)))
    entry = _gather(builder, entries, index)
    kind = builder.lshr(entry, word(27))
    change = builder.and_(entry, word(0xFFFFFF))
    four = builder.icmp_unsigned("==", length, word(4))
    character = builder.xor(raw, builder.select(four, builder.shl(change, word(8)), change))
    size = builder.and_(builder.lshr(entry, word(24)), word(7))

    i16, one = ir.IntType(16), ir.Constant(_I64, 1)
    valid = builder.sub(builder.shl(one, many), one)
    run = builder.and_(_bits(builder, kind, word(1), i16), valid)
    alone = builder.and_(_bits(builder, kind, word(2), i16), valid)
    closes = builder.or_(builder.shl(run, one), running)
    closes = builder.and_(builder.and_(closes, builder.not_(run)), valid)

    def lanes(bits: Any) -> Any:
        chosen = builder.bitcast(builder.trunc(bits, i16), ir.VectorType(_I1, 16))
        return builder.zext(chosen, _WORDS)

    # Of 8 bytes for each character, a space, the character and a space, which are kept?
    kept = builder.shl(builder.sub(builder.shl(word(1), size), word(1)), word(1))
    kept = builder.and_(kept, builder.sub(word(0), lanes(valid)))
    kept = builder.or_(kept, lanes(closes))
    kept = builder.or_(kept, builder.shl(lanes(alone), word(5)))
    kept = builder.bitcast(builder.trunc(kept, quarter), _I128)
    written, ended = ir.Constant(_I64, 0), ir.Constant(_I64, 0)
    for half in range(2):
        chosen = ir.Constant(_HALVES, list(range(8 * half, 8 * half + 8)))
        eight = builder.zext(builder.shuffle_vector(character, character, chosen), _LONGS)
        eight = builder.or_(builder.shl(eight, _splat(_LONGS, 8)), _splat(_LONGS, 0x200000000020))
        mask = builder.trunc(builder.lshr(kept, ir.Constant(_I128, 64 * half)), _I64)
        to = builder.add(edges, builder.shl(ended, ir.Constant(_I64, 2)))
        more, words = _append(
            builder, builder.bitcast(eight, _BYTES), mask, text, builder.add(end, written), to, 1
        )
        written, ended = builder.add(written, more), builder.add(ended, words)
    open_ = builder.and_(builder.lshr(run, builder.sub(many, one)), one)
    return [written, ended, open_]


def _mix(builder: Any, hashes: Any, mixed: Any) -> None:
    """Mix the low halves of 8 hashes of 64 bits, as MurmurHash3 finishes."""
    h = builder.trunc(_load(builder, hashes, _LONGS), _HALVES)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, None)):
        h = builder.xor(h, builder.lshr(h, _splat(_HALVES, shift)))
        if factor is not None:
            h = builder.mul(h, _splat(_HALVES, factor))
    _store(builder, h, mixed)


def _permute(builder: Any, mixed: Any, count: Any, factors: Any, terms: Any, minima: Any) -> None:
    """Lower `LANES` minima to the least of their permutations of mixed hashes.

    Permutation k of a hash h is factors[k] * h + terms[k] modulo 2^32.
    """
    parts = range(0, 4 * LANES, 64)
    a = [_load(builder, factors, _WORDS, part) for part in parts]
    b = [_load(builder, terms, _WORDS, part) for part in parts]
    # These become registers: the optimizer sees that nothing else can know of them.
    least = [
        cgutils.alloca_once_value(builder, _load(builder, minima, _WORDS, part)) for part in parts
    ]
    with cgutils.for_range(builder, count) as loop:
        at = builder.add(mixed, builder.shl(loop.index, ir.Constant(_I64, 2)))
        h = _broadcast(builder, _WORDS, _load(builder, at, _I32))
        for factor, term, register in zip(a, b, least, strict=True):
            value = builder.add(builder.mul(factor, h), term)
            builder.store(_lesser(builder, value, builder.load(register)), register)
    for part, register in zip(parts, least, strict=True):
        _store(builder, builder.load(register), minima, part)


def _pair(builder: Any, hashes: Any, out: Any, factor: Any, mask: Any) -> None:
    """Write 8 keys: of each hash times `factor`, plus the third after it, what `mask` leaves."""
    one, two = (_load(builder, hashes, _LONGS, offset) for offset in (0, 3 * 8))
    product = builder.mul(one, _broadcast(builder, _LONGS, factor))
    value = builder.add(product, two)
    _store(builder, builder.and_(value, _broadcast(builder, _LONGS, mask)), out)


def _lower(builder: Any, at: Any, other: Any) -> None:
    """Lower 8 numbers of 64 bits to 8 others where these are less."""
    value = _lesser(builder, _load(builder, at, _LONGS), _load(builder, other, _LONGS))
    _store(builder, value, at)


def _append_changes(builder: Any, at: Any, mask: Any, out: Any) -> Any:
    """Write those of 8 numbers of 64 bits that differ from the number before them.

    Only those whose bit is set in `mask` are looked at. Writes 8 numbers; returns how many count.
    """
    now, last = _load(builder, at, _LONGS), _load(builder, at, _LONGS, -8)
    changed = builder.bitcast(builder.icmp_unsigned("!=", now, last), _I8)
    bits = builder.and_(changed, builder.trunc(mask, _I8))
    _store(builder, _compress(builder, now, bits), out)
    return builder.zext(builder.ctpop(bits), _I64)


def constant64(name: str, content: bytes) -> Any:
    """Return a function that loads eight bytes of `content` from a position."""

    def build(builder: Any, position: Any) -> Any:
        kind = ir.ArrayType(_I8, len(content))
        constant = ir.Constant(kind, bytearray(content))
        known = builder.module.globals.get(name)
        where = known or cgutils.global_constant(builder.module, name, constant)
        return _load(builder, builder.add(builder.ptrtoint(where, _I64), position), _I64)

    return _step(_u64(_i64), build)


load8 = _step(_i64(_i64), _load8)
load32 = _step(_i64(_i64), _load32)
load64 = _step(_u64(_i64), _load64)
store8 = _step(types.void(_i64, _i64), _store8)
store32 = _step(types.void(_i64, _i64), _store32)
store64 = _step(types.void(_i64, _u64), _store64)
move64 = _step(types.void(_i64, _i64), _move64)
folded = _step(_u64(_u64, _u64), _folded)
trailing_zeros = _step(_i64(_u64), _trailing_zeros)
beyond_ascii = _step(_u64(_i64), _beyond_ascii)
continuing = _step(_u64(_i64), _continuing)
last_bit = _step(_i64(_u64), _last_bit)
count = _step(_i64(_u64), _count)
gather_begins = _step(types.void(_i64, _u64, _i64), _gather_begins)
characters = _step(types.UniTuple(_i64, 3)(*[_i64] * 9), _characters)
pack = _step(types.UniTuple(_i64, 3)(_i64, _i64, _i64, _i64, _i64, _i64), _pack)
mix = _step(types.void(_i64, _i64), _mix)
permute = _step(types.void(_i64, _i64, _i64, _i64, _i64), _permute)
pair = _step(types.void(_i64, _i64, _u64, _u64), _pair)
lower = _step(types.void(_i64, _i64), _lower)
append_changes = _step(_i64(_i64, _u64, _i64), _append_changes)
