"""Code on vectors of float32, written instruction by instruction and compiled by LLVM.

A compiler that is left to find vectors by itself reaches a quarter to a half of the rate of matrix
products (docs/performance.md). Here vectors are said: a routine is written by calling methods of
`Code` and by arithmetic on `Value`s, and LLVM chooses instructions and registers.

Addresses count in floats, of 4 bytes; integers have 64 bits and are not negative where they are
divided.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import binding, ir

Operand = Any
"""A `Value`, or a number that becomes a constant of its partner's type."""

FLOAT, INT, BITS, ADDRESS = ir.FloatType(), ir.IntType(64), ir.IntType(32), ir.PointerType()
_NOTHING, _BYTES = ir.VoidType(), 4


@dataclass(frozen=True)
class Processor:
    """What code is compiled for.

    Args:
        lanes: floats in a vector.
        rows: how many rows of three vectors a product keeps in registers.
        name: LLVM's, of the processor.
        features: LLVM's, of its instructions.
    """

    lanes: int
    rows: int
    name: str = ""
    features: str = ""

    @classmethod
    def here(cls) -> Processor | None:
        """This machine's, or None if it has no vectors with a fused multiplication and addition."""
        known = binding.get_host_cpu_features()
        name, features = binding.get_host_cpu_name(), known.flatten()
        if known.get("avx512f"):  # LLVM would halve vectors to save the clock's rate
            return cls(16, 8, name, f"{features},-prefer-256-bit")
        if known.get("avx2") and known.get("fma"):
            return cls(8, 4, name, features)
        if platform.machine() in ("arm64", "aarch64"):
            return cls(4, 8, name, features)
        return None


class Value:
    """A number, a vector or an address in code that is being written.

    Operators write instructions. An address takes + alone.
    """

    def __init__(self, code: Code, raw: ir.Value) -> None:
        self.code, self.raw = code, raw
        kind = raw.type.element if isinstance(raw.type, ir.VectorType) else raw.type
        self._prefix = "f" if kind == FLOAT else ""

    def _write(self, name: str, other: Operand) -> Value:
        partner = self.code.constant(other, self.raw.type)
        return Value(self.code, getattr(self.code.builder, name)(self.raw, partner.raw))

    def __add__(self, other: Operand) -> Value:
        if self.raw.type == ADDRESS:
            index = self.code.constant(other, INT).raw
            return Value(self.code, self.code.builder.gep(self.raw, [index], source_etype=FLOAT))
        return self._write(self._prefix + "add", other)

    def __sub__(self, other: Operand) -> Value:
        return self._write(self._prefix + "sub", other)

    def __rsub__(self, other: Operand) -> Value:
        return self.code.constant(other, self.raw.type) - self

    def __mul__(self, other: Operand) -> Value:
        return self._write(self._prefix + "mul", other)

    def __truediv__(self, other: Operand) -> Value:
        return self._write("fdiv", other)

    def __floordiv__(self, other: Operand) -> Value:
        return self._write("udiv", other)

    def __mod__(self, other: Operand) -> Value:
        return self._write("urem", other)

    def __xor__(self, other: Operand) -> Value:
        return self._write("xor", other)

    def __or__(self, other: Operand) -> Value:
        return self._write("or_", other)

    def __lshift__(self, other: Operand) -> Value:
        return self._write("shl", other)

    def __rshift__(self, other: Operand) -> Value:
        """Signs come in from above."""
        return self._write("ashr", other)

    def rotate(self, places: int) -> Value:
        """Bits that leave above come in from below."""
        return (self << places) | self._write("lshr", self.raw.type.element.width - places)

    def __lt__(self, other: Operand) -> Value:
        partner = self.code.constant(other, self.raw.type).raw
        compare = self.code.builder.fcmp_ordered if self._prefix else self.code.builder.icmp_signed
        return Value(self.code, compare("<", self.raw, partner))

    def cast(self, how: str, kind: ir.Type) -> Value:
        """Another type: `how` is LLVM's word for it."""
        return Value(self.code, getattr(self.code.builder, how)(self.raw, kind))


class Variable:
    """A value that changes; LLVM keeps it in a register."""

    def __init__(self, first: Value) -> None:
        self._code = first.code
        with first.code.builder.goto_entry_block():
            self._slot = first.code.builder.alloca(first.raw.type)
        self.value = first

    @property
    def value(self) -> Value:
        """What it is now."""
        slot = self._slot
        return Value(self._code, self._code.builder.load(slot, typ=slot.allocated_type))

    @value.setter
    def value(self, value: Value) -> None:
        self._code.builder.store(value.raw, self._slot)


class Module:
    """Routines that are compiled together.

    Args:
        processor: what for.
    """

    def __init__(self, processor: Processor) -> None:
        self.processor, self.lanes = processor, processor.lanes
        self.raw = ir.Module("sirensong")
        self.raw.triple = binding.get_process_triple()
        self.floats = ir.VectorType(FLOAT, self.lanes)
        self.bits = ir.VectorType(BITS, self.lanes)

    def function(self, name: str, result: ir.Type, kinds: Sequence[ir.Type]) -> ir.Function:
        """A function of this name, declared once."""
        known = self.raw.globals.get(name)
        return known or ir.Function(self.raw, ir.FunctionType(result, kinds), name)

    def compile(self) -> tuple[Any, list[Any]]:
        """Compile what was written.

        Returns:
            An engine that tells addresses of functions by name, and what must live as long as
            they are called.
        """
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        code = binding.parse_assembly(str(self.raw))
        machine = binding.Target.from_triple(self.raw.triple).create_target_machine(
            cpu=self.processor.name, features=self.processor.features, opt=2, jit=True
        )
        passes = binding.create_pass_builder(machine, binding.PipelineTuningOptions(speed_level=1))
        passes.getModulePassManager().run(code, passes)
        engine = binding.create_mcjit_compiler(code, machine)
        engine.finalize_object()
        return engine, [engine, code, machine]


class Code:
    """The body of one routine, which returns nothing.

    Args:
        module: to which it belongs.
        name: by which it is found.
        arguments: names and types; each is an attribute of that name.
        exported: whether it is called from outside the module.

    Example:
        with Code(module, "double", {"numbers": ADDRESS, "count": INT}) as code:
            with code.loop(0, code.count, code.lanes) as i:
                code.store(code.numbers + i, code.load(code.numbers + i) * 2.0)
    """

    def __init__(
        self, module: Module, name: str, arguments: dict[str, ir.Type], *, exported: bool = False
    ) -> None:
        self.module, self.lanes = module, module.lanes
        self.function = module.function(name, _NOTHING, list(arguments.values()))
        if not exported:
            self.function.linkage = "internal"
            self.function.attributes.add("noinline")  # copies take as long again to compile
        self.builder = ir.IRBuilder(self.function.append_basic_block())
        self._arguments = {
            own: Value(self, raw) for own, raw in zip(arguments, self.function.args, strict=True)
        }

    def __enter__(self) -> Code:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.builder.ret_void()

    def __getattr__(self, name: str) -> Value:
        try:
            return self._arguments[name]
        except KeyError:
            raise AttributeError(f"{self.function.name} has no argument {name}") from None

    def constant(self, number: Operand, kind: ir.Type) -> Value:
        """A number of this type, in all lanes if it is a vector's; values are returned as such."""
        if isinstance(number, Value):
            return number
        raw = [number] * kind.count if isinstance(kind, ir.VectorType) else number
        return Value(self, ir.Constant(kind, raw))

    def number(self, number: Operand) -> Value:
        """An integer."""
        return self.constant(number, INT)

    def floats(self, number: float) -> Value:
        """A vector of one number."""
        return self.constant(number, self.module.floats)

    def load(self, address: Value, kind: ir.Type | None = None) -> Value:
        """What is at an address: a vector of floats, or another type."""
        raw = self.builder.load(address.raw, typ=kind or self.module.floats, align=_BYTES)
        return Value(self, raw)

    def store(self, address: Value, value: Value) -> None:
        """Put a value at an address."""
        self.builder.store(value.raw, address.raw, align=_BYTES)

    def load_first(self, count: Value, address: Value) -> Value:
        """A vector of the first `count` floats at an address, and zeros."""
        kinds = [ADDRESS, BITS, self._first(count).raw.type, self.module.floats]
        function = self.module.function(f"llvm.masked.load.v{self.lanes}f32.p0", kinds[-1], kinds)
        mask, zeros = self._first(count).raw, self.floats(0.0).raw
        align = ir.Constant(BITS, _BYTES)
        return Value(self, self.builder.call(function, [address.raw, align, mask, zeros]))

    def store_first(self, count: Value, address: Value, value: Value) -> None:
        """Put the first `count` lanes of a vector at an address."""
        mask = self._first(count).raw
        kinds = [self.module.floats, ADDRESS, BITS, mask.type]
        function = self.module.function(f"llvm.masked.store.v{self.lanes}f32.p0", _NOTHING, kinds)
        align = ir.Constant(BITS, _BYTES)
        self.builder.call(function, [value.raw, address.raw, align, mask])

    def _first(self, count: Value) -> Value:
        places = Value(self, ir.Constant(self.module.bits, list(range(self.lanes))))
        return places < self.splat(self.least(count, self.lanes).cast("trunc", BITS))

    def splat(self, number: Value) -> Value:
        """A vector of one number."""
        vector = ir.VectorType(number.raw.type, self.lanes)
        empty, first = ir.Constant(vector, ir.Undefined), ir.Constant(BITS, 0)
        one = Value(self, self.builder.insert_element(empty, number.raw, first))
        return self.shuffle(one, one, [0] * self.lanes)

    def shuffle(self, one: Value, other: Value, places: Sequence[int]) -> Value:
        """A vector of these lanes of two, the second's counted on from the first's."""
        chosen = ir.Constant(self.module.bits, places)
        return Value(self, self.builder.shuffle_vector(one.raw, other.raw, chosen))

    def total(self, vector: Value) -> Value:
        """The sum of a vector's lanes."""
        total = self.constant(0.0, FLOAT)
        for lane in range(self.lanes):
            raw = self.builder.extract_element(vector.raw, ir.Constant(BITS, lane))
            total = total + Value(self, raw)
        return total

    def fma(self, one: Value, other: Value, added: Value) -> Value:
        """Find one * other + added, rounded once."""
        kind = self.module.floats
        function = self.module.function(f"llvm.fma.v{self.lanes}f32", kind, [kind] * 3)
        return Value(self, self.builder.call(function, [one.raw, other.raw, added.raw]))

    def root(self, vector: Value) -> Value:
        """Square roots."""
        kind = self.module.floats
        function = self.module.function(f"llvm.sqrt.v{self.lanes}f32", kind, [kind])
        return Value(self, self.builder.call(function, [vector.raw]))

    def choose(self, condition: Value, one: Operand, other: Value) -> Value:
        """`one` where the condition holds, else `other`."""
        partner = self.constant(one, other.raw.type)
        return Value(self, self.builder.select(condition.raw, partner.raw, other.raw))

    def least(self, one: Operand, other: Operand) -> Value:
        """The smaller of two integers."""
        one, other = self.number(one), self.number(other)
        return self.choose(one < other, one, other)

    def call(self, function: ir.Function, *arguments: Operand) -> None:
        """Call a routine."""
        pairs = zip(arguments, function.function_type.args, strict=True)
        self.builder.call(function, [self.constant(own, kind).raw for own, kind in pairs])

    @contextlib.contextmanager
    def loop(self, start: Operand, stop: Operand, step: int = 1) -> Iterator[Value]:
        """What is written inside is repeated, with this index."""
        index, end = Variable(self.number(start)), self.number(stop)
        with self._repeated(lambda: index.value, lambda place: place < end):
            yield index.value
            index.value = index.value + step

    @contextlib.contextmanager
    def shared_loop(self, counter: Value, stop: Value) -> Iterator[Value]:
        """What is written inside is done once for each index, by whichever thread comes first.

        Args:
            counter: address of an integer that all threads count up, from 0.
            stop: the number of indices.
        """

        def take() -> Value:
            one = self.number(1).raw
            raw = self.builder.atomic_rmw("add", counter.raw, one, "monotonic")
            return Value(self, raw)

        with self._repeated(take, lambda place: place < stop) as index:
            yield index

    @contextlib.contextmanager
    def _repeated(self, take: Any, goes_on: Any) -> Iterator[Value]:
        head, body, after = (self.function.append_basic_block() for _ in range(3))
        self.builder.branch(head)
        self.builder.position_at_end(head)
        index = take()
        self.builder.cbranch(goes_on(index).raw, body, after)
        self.builder.position_at_end(body)
        yield index
        self.builder.branch(head)
        self.builder.position_at_end(after)
