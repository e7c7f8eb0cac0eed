"""Weights of a BERT -> its ONNX form with int8 weights. The only file that names onnx.

Written out by hand, since what makes such graphs from torch models needs torch, and its optimisers know models by the
pattern of their nodes. The fused operators are onnxruntime's own (domain com.microsoft).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ingest import bert

Array = NDArray[Any]

# Operators of onnxruntime's own, each for several of the standard's.
FUSED = ("DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MultiHeadAttention")

LAST_BYTE = 255
LOWEST = 0.17  # GELU's least value, without its sign
# Bytes that stand for 0: in the middle for what has both signs, nearer to the first for what GELU gives.
MIDDLE, BEGINNING = 128, 24


def make_graph(weights: Mapping[str, Array], *, layers: int, heads: int, epsilon: float) -> bytes:
    """The model as ONNX: `words`, rows of the table of words (1, tokens, width) -> states, of the same shape.

    A second result, (1,), says whether the processor adds up products of bytes without loss.
    """
    graph = Graph(weights, epsilon)
    states = graph.embed("words")
    for number in range(layers):
        layer = bert.name_layer(number)
        attended = graph.attend(states, layer, heads)
        states = graph.add_and_normalise(attended, states, layer + bert.ATTENTION_NORM)
        widened = graph.apply_gelu(graph.multiply_rows(states, layer + bert.WIDENING, zero=MIDDLE))
        narrowed = graph.multiply_rows(widened, layer + bert.NARROWING, zero=BEGINNING)
        states = graph.add_and_normalise(narrowed, states, layer + bert.LAST_NORM)
    return graph.serialise("words", states, graph.check_sums())


class Graph:
    """Nodes and constants as they are added; each method that adds a node gives the name of its result."""

    def __init__(self, weights: Mapping[str, Array], epsilon: float) -> None:
        self._weights = weights
        self._epsilon = epsilon
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._zeros: dict[int, str] = {}  # by the byte that stands for 0, that byte for each row

    def check_sums(self) -> str:
        """Add up the largest products of bytes: without VNNI, x64 adds two of them in 16 bits and cuts the sum."""
        left, right = self._hold(np.full((16, 64), 255, np.uint8)), self._hold(np.full((64, 16), 127, np.int8))
        (sums,) = self._add("MatMulInteger", [left, right])
        (least,) = self._add("ReduceMin", [sums], keepdims=0)
        (exact,) = self._add("Equal", [least, self._hold(np.array([64 * 255 * 127], np.int32))])
        return exact

    def embed(self, words: str) -> str:
        """Words with their positions added, and the type of a first text, the only one that is ever read."""
        types = self._weights[bert.TYPES]
        positions = self._hold(self._weights[bert.POSITIONS] + types[0])
        (count,) = self._add("Shape", [words], start=1, end=2)
        for zero in (MIDDLE, BEGINNING):
            value = helper.make_tensor("zero", TensorProto.UINT8, [1], [zero])
            (self._zeros[zero],) = self._add("ConstantOfShape", [count], value=value)
        (read,) = self._add("Slice", [positions, self._hold(np.array([0])), count])
        (placed,) = self._add("Add", [words, read])
        return self.normalise(placed, bert.FIRST_NORM)

    def attend(self, states: str, layer: str, heads: int) -> str:
        """What each token takes from all others; queries, keys and values come from one multiplication.

        A token that needs nothing looks at the first one, which gives next to nothing (an attention sink, Xiao et al.
        2023, arXiv:2309.17453). What rounding makes of that is taken by every token, and was nearly half of the error
        of a text's vector: the first one's values are multiplied as they are.
        """
        parts = [layer + part for part in bert.ATTENTION_INPUTS]
        weight = np.concatenate([self._weights[f"{part}.weight"] for part in parts])
        bias = np.concatenate([self._weights[f"{part}.bias"] for part in parts])
        together = self._multiply_by(states, weight, bias)
        queries, keys, values = self._add("Split", [together], results=3, axis=2, num_outputs=3)
        first = self._multiply_exactly(self._cut(states, 0, 1), parts[-1])
        (values,) = self._add("Concat", [first, self._cut(values, 1, np.iinfo(np.int64).max)], axis=1)
        (attended,) = self._add("MultiHeadAttention", [queries, keys, values], num_heads=heads)
        return self.multiply(attended, layer + bert.ATTENTION_OUTPUT)

    def multiply(self, states: str, part: str) -> str:
        """A linear layer with weights in int8; the states are rounded as they come, with one scale for all."""
        return self._multiply_by(states, self._weights[f"{part}.weight"], self._weights[f"{part}.bias"])

    def multiply_rows(self, states: str, part: str, *, zero: int) -> str:
        """The same with a scale for each token (Yao et al. 2022, arXiv:2206.01861); `zero`: the byte that stands for 0.

        The first token's states are ten times as large as others' here: one scale left those few steps of 255. The
        least scale keeps what GELU has below 0 from falling below the first byte, and a row of zeros from having none.
        """
        weights, weight_scales = self._round_weights(self._weights[f"{part}.weight"])
        (sizes,) = self._add("Abs", [states]) if zero == MIDDLE else [states]
        (largest,) = self._add("ReduceMax", [sizes, self._hold(np.array([0, 2]))], keepdims=0)
        (wanted,) = self._add("Mul", [largest, self._hold(np.float32(1 / (LAST_BYTE - zero)))])
        (scales,) = self._add("Max", [wanted, self._hold(np.float32(LOWEST / zero))])
        (rounded,) = self._add("QuantizeLinear", [states, scales, self._zeros[zero]], axis=1)
        one, offset = self._hold(np.float32(1)), self._hold(np.uint8(zero))
        (product,) = self._add("MatMulIntegerToFloat", [rounded, weights, one, weight_scales, offset])
        (each,) = self._add("Unsqueeze", [scales, self._hold(np.array([1]))])
        (scaled,) = self._add("Mul", [product, each])
        return self._move(scaled, part)

    def apply_gelu(self, states: str) -> str:
        (bent,) = self._add("Gelu", [states])
        return bent

    def add_and_normalise(self, states: str, others: str, part: str) -> str:
        (added,) = self._add("Add", [states, others])
        return self.normalise(added, part)

    def normalise(self, states: str, part: str) -> str:
        (normal,) = self._add("LayerNormalization", [states, *self._hold_both(part)], epsilon=self._epsilon)
        return normal

    def serialise(self, entrance: str, states: str, exact: str) -> bytes:
        (width,) = self._weights[f"{bert.FIRST_NORM}.bias"].shape
        shape: list[str | int | None] = [1, "tokens", int(width)]
        made = helper.make_graph(
            self._nodes,
            "bert",
            [helper.make_tensor_value_info(entrance, TensorProto.FLOAT, shape)],
            [
                helper.make_tensor_value_info(states, TensorProto.FLOAT, shape),
                helper.make_tensor_value_info(exact, TensorProto.BOOL, [1]),
            ],
            self._constants,
        )
        versions = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        return bytes(helper.make_model(made, opset_imports=versions, ir_version=10).SerializeToString())

    def _multiply_by(self, states: str, weight: Array, bias: Array) -> str:
        rounded, scales = self._round_weights(weight)
        (product,) = self._add("DynamicQuantizeMatMul", [states, rounded, scales, "", self._hold(bias)])
        return product

    def _multiply_exactly(self, states: str, part: str) -> str:
        (product,) = self._add("MatMul", [states, self._hold(self._weights[f"{part}.weight"].T)])
        return self._move(product, part)

    def _move(self, states: str, part: str) -> str:
        """With the layer's bias added."""
        (moved,) = self._add("Add", [states, self._hold(self._weights[f"{part}.bias"])])
        return moved

    def _round_weights(self, weight: Array) -> tuple[str, str]:
        """Weights (outputs, inputs) in int8, inputs first, and a scale for each output."""
        scales = np.maximum(np.abs(weight).max(axis=1), 1e-12).astype(np.float32) / 127
        return self._hold(np.rint(weight.T / scales).astype(np.int8)), self._hold(scales)

    def _cut(self, states: str, begin: int, end: int) -> str:
        """The tokens from `begin` to before `end`."""
        (cut,) = self._add("Slice", [states, *(self._hold(np.array([number])) for number in (begin, end, 1))])
        return cut

    def _hold_both(self, part: str) -> list[str]:
        return [self._hold(self._weights[f"{part}.{kind}"]) for kind in ("weight", "bias")]

    def _hold(self, values: Array | np.generic) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def _add(self, operator: str, inputs: list[str], *, results: int = 1, **attributes: Any) -> list[str]:
        names = [f"result{len(self._nodes)}-{number}" for number in range(results)]
        domain = "com.microsoft" if operator in FUSED else ""
        self._nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names
