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
FUSED = ("MatMulNBits", "MultiHeadAttention")

BLOCK = 64  # weights, and activations, with one scale; by 32 vectors are nearer to torch's by .0001, and a tenth slower
WITH_INT8 = 4  # MatMulNBits's accuracy_level that quantises activations too


def make_graph(weights: Mapping[str, Array], *, layers: int, heads: int, epsilon: float) -> bytes:
    """The model as ONNX: `words`, rows of the table of words (1, tokens, width) -> `states`, of the same shape."""
    graph = Graph(weights, epsilon)
    states = graph.embed("words")
    for number in range(layers):
        layer = bert.name_layer(number)
        attended = graph.attend(states, layer, heads)
        states = graph.add_and_normalise(attended, states, layer + bert.ATTENTION_NORM)
        widened = graph.apply_gelu(graph.multiply(states, layer + bert.WIDENING))
        narrowed = graph.multiply(widened, layer + bert.NARROWING)
        states = graph.add_and_normalise(narrowed, states, layer + bert.LAST_NORM)
    return graph.serialise("words", states)


class Graph:
    """Nodes and constants as they are added; each method that adds a node gives the name of its result."""

    def __init__(self, weights: Mapping[str, Array], epsilon: float) -> None:
        self._weights = weights
        self._epsilon = epsilon
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def embed(self, words: str) -> str:
        """Words with their positions added, and the type of a first text, the only one that is ever read."""
        types = self._weights[bert.TYPES]
        positions = self._hold(self._weights[bert.POSITIONS] + types[0])
        (count,) = self._add("Shape", [words], start=1, end=2)
        (read,) = self._add("Slice", [positions, self._hold(np.array([0])), count])
        (placed,) = self._add("Add", [words, read])
        return self.normalise(placed, bert.FIRST_NORM)

    def attend(self, states: str, layer: str, heads: int) -> str:
        """What each token takes from all others; queries, keys and values come from one multiplication."""
        parts = [layer + part for part in bert.ATTENTION_INPUTS]
        weight = np.concatenate([self._weights[f"{part}.weight"] for part in parts])
        bias = np.concatenate([self._weights[f"{part}.bias"] for part in parts])
        together = self._multiply_by(states, weight, bias)
        each = self._add("Split", [together], results=3, axis=2, num_outputs=3)
        (attended,) = self._add("MultiHeadAttention", each, num_heads=heads)
        return self.multiply(attended, layer + bert.ATTENTION_OUTPUT)

    def multiply(self, states: str, part: str) -> str:
        return self._multiply_by(states, self._weights[f"{part}.weight"], self._weights[f"{part}.bias"])

    def apply_gelu(self, states: str) -> str:
        (bent,) = self._add("Gelu", [states])
        return bent

    def add_and_normalise(self, states: str, others: str, part: str) -> str:
        (added,) = self._add("Add", [states, others])
        return self.normalise(added, part)

    def normalise(self, states: str, part: str) -> str:
        (normal,) = self._add("LayerNormalization", [states, *self._hold_both(part)], epsilon=self._epsilon)
        return normal

    def serialise(self, entrance: str, states: str) -> bytes:
        (width,) = self._weights[f"{bert.FIRST_NORM}.bias"].shape
        shape: list[str | int | None] = [1, "tokens", int(width)]
        made = helper.make_graph(
            self._nodes,
            "bert",
            [helper.make_tensor_value_info(entrance, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(states, TensorProto.FLOAT, shape)],
            self._constants,
        )
        versions = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        return bytes(helper.make_model(made, opset_imports=versions, ir_version=10).SerializeToString())

    def _multiply_by(self, states: str, weight: Array, bias: Array) -> str:
        """A linear layer: weights in int8 with a scale a block, activations quantised likewise as they come.

        Blocks matter: what the widened layer gives holds a few large values, and one scale a tensor (as
        DynamicQuantizeMatMul has it) left the others few steps of 255. Cosine to torch's vectors of passages .9995 with
        blocks, .9938 without, at nine tenths of the speed.
        """
        outputs, inputs = weight.shape
        blocks = np.pad(weight, ((0, 0), (0, -inputs % BLOCK))).reshape(outputs, -1, BLOCK)
        scales = np.maximum(np.abs(blocks).max(axis=2), 1e-12).astype(np.float32) / 127
        rounded = (np.rint(blocks / scales[..., np.newaxis]) + 128).astype(np.uint8)  # 128 stands for 0
        (product,) = self._add(
            "MatMulNBits",
            [states, self._hold(rounded), self._hold(scales), "", "", self._hold(bias)],
            K=inputs,
            N=outputs,
            bits=8,
            block_size=BLOCK,
            accuracy_level=WITH_INT8,
        )
        return product

    def _hold_both(self, part: str) -> list[str]:
        return [self._hold(self._weights[f"{part}.{kind}"]) for kind in ("weight", "bias")]

    def _hold(self, values: Array) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _add(self, operator: str, inputs: list[str], *, results: int = 1, **attributes: Any) -> list[str]:
        names = [f"result{len(self._nodes)}-{number}" for number in range(results)]
        domain = "com.microsoft" if operator in FUSED else ""
        self._nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names
