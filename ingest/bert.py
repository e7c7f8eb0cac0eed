"""A sentence-transformers folder -> a BERT that pools by the mean, and its tensors, or nothing: without torch."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

WORDS = "embeddings.word_embeddings.weight"
POSITIONS = "embeddings.position_embeddings.weight"
TYPES = "embeddings.token_type_embeddings.weight"
FIRST_NORM = "embeddings.LayerNorm"
ATTENTION_INPUTS = ("attention.self.query", "attention.self.key", "attention.self.value")
ATTENTION_OUTPUT, ATTENTION_NORM = "attention.output.dense", "attention.output.LayerNorm"
WIDENING, NARROWING, LAST_NORM = "intermediate.dense", "output.dense", "output.LayerNorm"
PARTS_OF_A_LAYER = (*ATTENTION_INPUTS, ATTENTION_OUTPUT, ATTENTION_NORM, WIDENING, NARROWING, LAST_NORM)


@dataclass(frozen=True)
class Bert:
    """A model whose token states this file can calculate, and whose mean is its vector."""

    folder: Path
    weights: Path
    width: int
    layers: int
    heads: int
    epsilon: float
    longest: int  # tokens that are read, its own marks included


def find_bert(folder: Path) -> Bert | None:
    """The model in a sentence-transformers folder; None when it is of any other kind, and torch must run it."""
    try:
        transformer, pooling, *others = _read_json(folder / "modules.json")
        kinds = [module["type"].rpartition(".")[2] for module in (transformer, pooling, *others)]
        settings = _read_json(folder / "config_sentence_transformers.json")
        encoder = folder / transformer["path"]
        if (
            kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
            or not _pools_by_mean(_read_json(folder / pooling["path"] / "config.json"))
            or settings.get("default_prompt_name")
            or not (encoder / "tokenizer.json").is_file()
        ):
            return None
        return _read_bert(encoder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        log.debug("%s: not a model for onnxruntime", folder, exc_info=True)
        return None


def _read_bert(folder: Path) -> Bert | None:
    config = _read_json(folder / "config.json")
    own = _read_json(folder / "sentence_bert_config.json")
    plain = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    if (
        any(config.get(name, usual) != usual for name, usual in plain.items())
        or config.get("is_decoder")
        or own.get("do_lower_case")  # of the whole text, before the tokenizer
    ):
        return None
    asked = own.get("max_seq_length") or _read_json(folder / "tokenizer_config.json")["model_max_length"]
    bert = Bert(
        folder,
        folder / "model.safetensors",
        width=int(config["hidden_size"]),
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        epsilon=float(config["layer_norm_eps"]),
        longest=min(int(asked), int(config["max_position_embeddings"])),
    )
    return bert if map_tensors(bert.weights).keys() >= _list_tensors(bert.layers) else None


def _pools_by_mean(config: dict[str, Any]) -> bool:
    if "pooling_mode" in config:
        return config["pooling_mode"] in ("mean", ["mean"])
    modes = {name for name, chosen in config.items() if name.startswith("pooling_mode_") and chosen is True}
    return modes == {"pooling_mode_mean_tokens"}


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def map_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The single-precision tensors of a safetensors file, each read from it as it is used."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    begin = 8 + length
    values = np.memmap(path, dtype=np.uint8, mode="r")
    return {
        name: values[begin + tensor["data_offsets"][0] : begin + tensor["data_offsets"][1]]
        .view(np.float32)
        .reshape(tensor["shape"])
        for name, tensor in header.items()
        if tensor.get("dtype") == "F32"
    }


def name_layer(number: int) -> str:
    """What the names of its tensors begin with."""
    return f"encoder.layer.{number}."


def _list_tensors(layers: int) -> set[str]:
    parts = [FIRST_NORM, *(name_layer(number) + part for number in range(layers) for part in PARTS_OF_A_LAYER)]
    return {WORDS, POSITIONS, TYPES, *(f"{part}.{kind}" for part in parts for kind in ("weight", "bias"))}
