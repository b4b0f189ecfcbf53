"""Products of a few rows with a weight, in tiles that stay in registers.

In each level of a recursion the same weight meets a few rows.  BLAS puts a weight in
the order that it reads it in for each product anew, which costs more than to multiply
so few rows.  Here that is done once for all levels: the weight is *packed* in panels,
``WIDTH`` bytes of columns side by side, the last filled up with zeros; and a *tile* of
at most ``ROWS`` rows by one panel is summed up in vector registers, as in Goto and van
de Geijn 2008, *Anatomy of high-performance matrix multiplication*.

This is written in LLVM's language, as no compiler is sure to find these vectors in
loops; and compiled once, for all kernels to call it by its ``address``.  ``names`` are
what they find.  This module imports nothing of penne, and numba by the first call.
"""

from functools import cache
from importlib import import_module
from typing import Any

VECTORS = 2  # to a panel
CHAINS = 8  # sums that a processor has under way at a time
ADDRESS = """
def kernel(found, like):
    found[0] = tile_address(like)
"""


@cache
def names() -> dict[str, Any]:
    """What kernels find: ``multiply_tile``, ``tile_address``, ``widened``, ``ROWS``
    and ``WIDTH``.

    ``multiply_tile(address, target, source, packed, row, rows, column, width)``
    computes target = source @ weight for ``rows`` rows, 1..ROWS, from ``row`` on, and
    ``width`` columns from ``column`` on, which is the first of a panel; all three
    arrays are C-contiguous, of one floating dtype, two 2-D and the packed weight 1-D.
    ``tile_address(like)`` is the address for the dtype of an array.  ``widened()`` has
    the function that it stands in use the longest vectors: LLVM by itself takes shorter
    ones, for the sake of programs that seldom use any.
    """
    bits = _bits()
    sizes = {"ROWS": 6 if bits == 256 else 10, "WIDTH": VECTORS * bits // 8}
    if import_module("numba").config.DISABLE_JIT:
        made: Any = _plain, lambda like: 0, lambda: None
    else:
        made = _intrinsics(bits, sizes["ROWS"])
    return {**sizes, **dict(zip(("multiply_tile", "tile_address", "widened"), made))}


def _bits() -> int:
    """The length of this processor's vectors."""
    features = import_module("llvmlite.binding").get_host_cpu_features()
    return 512 if features.get("avx512f") else 256 if features.get("avx") else 128


def _plain(
    address: int,
    target: Any,
    source: Any,
    packed: Any,
    row: int,
    rows: int,
    column: int,
    width: int,
) -> None:
    """``multiply_tile`` with NumPy."""
    count, panel = source.shape[1], names()["WIDTH"] // packed.itemsize
    weight = packed[column * count :][: count * panel].reshape(count, panel)
    target[row : row + rows, column : column + width] = (
        source[row : row + rows] @ weight[:, :width]
    )


def _intrinsics(bits: int, most: int) -> list[Any]:
    """``multiply_tile``, ``tile_address`` and ``widened`` for numba."""
    extending, types = map(import_module, ("numba.extending", "numba.core.types"))
    ir, int64 = import_module("llvmlite.ir"), types.int64

    def multiply_tile(
        context: Any,
        address: Any,
        target: Any,
        source: Any,
        packed: Any,
        row: Any,
        rows: Any,
        column: Any,
        width: Any,
    ) -> Any:
        def written(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            address, (row, rows, column, width) = given[0], given[4:]
            arrays = [
                context.make_array(type)(context, builder, value)
                for type, value in zip(signature.args[1:4], given[1:4])
            ]
            step, count = (builder.extract_value(x.shape, 1) for x in arrays[:2])
            to, of, packed = (x.data for x in arrays)
            start = builder.add(builder.mul(row, step), column)
            to = builder.gep(to, [start])
            of = builder.gep(of, [builder.mul(row, count)])
            packed = builder.gep(packed, [builder.mul(column, count)])
            type = _Tile(bits, signature.args[1].dtype.name, 0).chosen
            function = builder.inttoptr(address, type.as_pointer())
            builder.call(function, [rows, to, of, packed, step, count, width])
            return context.get_dummy_value()

        numbers = [int64] * 4
        return types.void(int64, target, source, packed, *numbers), written

    def tile_address(context: Any, like: Any) -> Any:
        def written(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            dtype = signature.args[0].dtype.name
            function = _chosen(builder.module, bits, dtype, most)
            return builder.ptrtoint(function, ir.IntType(64))

        return int64(like), written

    def widened(context: Any) -> Any:
        def written(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            length = f'"prefer-vector-width"="{bits}"'
            set.add(builder.function.attributes, length)  # llvmlite knows no such names
            return context.get_dummy_value()

        return types.void(), written

    return list(map(extending.intrinsic, (multiply_tile, tile_address, widened)))


def _chosen(module: Any, bits: int, dtype: str, most: int) -> Any:
    """The function that goes on to that for as many rows as it gets first."""
    ir = import_module("llvmlite.ir")
    made = ir.Function(module, _Tile(bits, dtype, 0).chosen, f"tile_{dtype}")
    made.linkage = "internal"
    builder = ir.IRBuilder(made.append_basic_block())
    rows, *given = made.args
    end = made.append_basic_block()
    choice = builder.switch(rows, end)
    for k in range(1, most + 1):
        case = made.append_basic_block()
        choice.add_case(rows.type(k), case)
        builder.position_at_end(case)
        builder.call(_Tile(bits, dtype, k).written(module), given)
        builder.branch(end)
    builder.position_at_end(end)
    builder.ret_void()
    return made


class _Tile:
    """The function of some rows: void(to, of, packed, step of to, count, width);
    ``chosen`` is the type of the one that takes the number of rows too."""

    def __init__(self, bits: int, dtype: str, rows: int):
        self.ir = ir = import_module("llvmlite.ir")
        single = dtype == "float32"
        self.rows, self.size = rows, 4 if single else 8
        self.number = ir.FloatType() if single else ir.DoubleType()
        self.lanes = bits // (8 * self.size)
        self.vector = ir.VectorType(self.number, self.lanes)
        self.int = ir.IntType(64)
        given = [self.number.as_pointer()] * 3 + [self.int] * 3
        self.type = ir.FunctionType(ir.VoidType(), given)
        self.chosen = ir.FunctionType(ir.VoidType(), [self.int, *given])

    def written(self, module: Any) -> Any:
        """The function, in a module that does not have it yet."""
        ir, int, self.module = self.ir, self.int, module
        made = ir.Function(module, self.type, f"tile_{self.rows}_{8 * self.size}")
        made.linkage = "internal"
        made.attributes.add("noinline")
        for pointer in made.args[:3]:
            pointer.add_attribute("noalias")
        self.to, of, self.packed, self.step, self.count, self.width = made.args
        builder = ir.IRBuilder(made.append_basic_block())
        self.sources = [
            builder.gep(of, [builder.mul(int(r), self.count)]) for r in range(self.rows)
        ]
        wide = builder.icmp_signed(">", self.width, int(self.lanes))
        with builder.if_else(wide) as (both, first):
            with both:
                self._panel(builder, VECTORS)
            with first:
                self._panel(builder, 1)
        builder.ret_void()
        return made

    def _panel(self, builder: Any, vectors: int) -> None:
        """The first vectors of columns."""
        chains = self.rows * vectors
        unrolled = max(1, CHAINS // chains)
        zeros = [self.vector([0.0] * self.lanes)] * (chains * unrolled)
        k, sums = self._summed(builder, self.int(0), zeros, vectors, unrolled)
        if unrolled > 1:
            for u in range(chains, len(sums)):
                sums[u % chains] = builder.fadd(sums[u % chains], sums[u])
            _, sums = self._summed(builder, k, sums[:chains], vectors, 1)
        self._store(builder, sums, vectors)

    def _summed(
        self, builder: Any, start: Any, sums: Any, vectors: int, unrolled: int
    ) -> tuple[Any, list[Any]]:
        """``sums`` with the products from ``start`` on, in steps of ``unrolled``; and
        where that has come to."""
        before, chains = builder.block, self.rows * vectors
        head, body, after = map(builder.append_basic_block, ("head", "body", "after"))
        last = builder.sub(self.count, self.int(unrolled - 1))
        builder.branch(head)
        builder.position_at_end(head)
        k = builder.phi(self.int)
        old = [builder.phi(self.vector) for _ in sums]
        builder.cbranch(builder.icmp_signed("<", k, last), body, after)
        builder.position_at_end(body)
        new: list[Any] = []
        for u in range(unrolled):
            mine = old[u * chains : (u + 1) * chains]
            new += self._step(builder, builder.add(k, self.int(u)), mine, vectors)
        k.add_incoming(start, before)
        k.add_incoming(builder.add(k, self.int(unrolled)), body)
        for x, first, then in zip(old, sums, new):
            x.add_incoming(first, before)
            x.add_incoming(then, body)
        builder.branch(head)
        builder.position_at_end(after)
        return k, old

    def _step(self, builder: Any, k: Any, sums: Any, vectors: int) -> list[Any]:
        """``sums`` with the products of the k-th numbers of all rows."""
        panel = builder.mul(k, self.int(VECTORS * self.lanes))
        weights = []
        for v in range(vectors):
            place = builder.add(panel, self.int(v * self.lanes))
            weights.append(builder.load(self._vector(builder, self.packed, place)))
            weights[-1].align = self.size
        made, sums = [], iter(sums)
        for source in self.sources:
            x = self._spread(builder, builder.load(builder.gep(source, [k])))
            for weight in weights:
                product = self._intrinsic(
                    "llvm.fmuladd", self.vector, [self.vector] * 3
                )
                made.append(builder.call(product, [x, weight, next(sums)]))
        return made

    def _store(self, builder: Any, sums: Any, vectors: int) -> None:
        """Write all columns, or, where the panel has fewer, those that there are."""
        ir = self.ir
        places = [
            self._vector(
                builder,
                self.to,
                builder.add(builder.mul(self.int(r), self.step), self.int(v)),
            )
            for r in range(self.rows)
            for v in range(0, vectors * self.lanes, self.lanes)
        ]
        whole = builder.icmp_signed(">=", self.width, self.int(vectors * self.lanes))
        with builder.if_else(whole) as (yes, no):
            with yes:
                for x, place in zip(sums, places):
                    builder.store(x, place).align = self.size
            with no:
                left = builder.sub(self.width, self.int((vectors - 1) * self.lanes))
                numbers = ir.VectorType(self.int, self.lanes)(list(range(self.lanes)))
                mask = builder.icmp_signed("<", numbers, self._spread(builder, left))
                size = ir.IntType(32)(self.size)
                given = [self.vector, places[0].type, size.type, mask.type]
                some = self._intrinsic("llvm.masked.store", ir.VoidType(), given, ".p0")
                for k, (x, place) in enumerate(zip(sums, places)):
                    if k % vectors == vectors - 1:
                        builder.call(some, [x, place, size, mask])
                    else:
                        builder.store(x, place).align = self.size

    def _vector(self, builder: Any, array: Any, place: Any) -> Any:
        """The pointer to the vector that starts at a place of an array."""
        there = builder.gep(array, [place])
        return builder.bitcast(there, self.vector.as_pointer())

    def _spread(self, builder: Any, x: Any) -> Any:
        """A vector of one number."""
        ir = self.ir
        one = ir.IntType(32)
        empty = ir.Constant(ir.VectorType(x.type, self.lanes), ir.Undefined)
        first = builder.insert_element(empty, x, one(0))
        everywhere = ir.VectorType(one, self.lanes)([0] * self.lanes)
        return builder.shuffle_vector(first, empty, everywhere)

    def _intrinsic(self, name: str, result: Any, given: Any, tail: str = "") -> Any:
        """A function of LLVM's for these vectors."""
        name = f"{name}.v{self.lanes}f{8 * self.size}{tail}"
        known = self.module.globals.get(name)
        if known is not None:
            return known
        return self.ir.Function(self.module, self.ir.FunctionType(result, given), name)
