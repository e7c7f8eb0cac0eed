"""Ours, LangChain's quick start, and the bound that the machine sets, side by side in one run.

The quick start is that of `ingest.py`: BeautifulSoup, RecursiveCharacterTextSplitter 1000/200, HuggingFaceEmbeddings
with the same weights, Chroma on disk. The bound of embedding is the model's multiplications for the texts' own tokens,
nothing else and no padding, at the rate of this machine's fastest matrix product of the model's shape. Draws
`speed.png` beside what was measured.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from assistant.evaluation.drawing import Box, Picture, Shape, Words, draw_png
from ingest.article import Passage
from ingest.embed import load_embedder, locate_model
from ingest.library import Library
from tests.benchmarks.growth import WordExchange
from tests.benchmarks.ingest import QuickStart, ingest
from tests.benchmarks.library import make_settings
from tests.benchmarks.processes import measure_memory, read_output, start, time_command
from tests.benchmarks.result import Result, list_bls_pages

RUNS = 3  # of a command; the fastest counts
EVERY = 4  # of the passages is embedded alone
PAGES = 342
PATIENCE = 60.0  # seconds
ASKED = "How much do registered nurses earn?"
ROWS = 4_096  # of the matrix product that the bound is taken from
PRODUCTS = 20


def run(home: Path, *, largest: bool = False) -> Result:
    pages = list_bls_pages()
    ours, theirs = home / "ours", home / "theirs"
    for folder in (ours, theirs):
        shutil.rmtree(folder, ignore_errors=True)
    row, baseline = _compare_ingest(pages, ours, theirs)
    embedding, plain, bounds = _compare_embedding(ours)
    row, baseline = row | embedding, baseline | plain
    row |= _measure_commands(ours) | _measure_page(ours)
    baseline |= _measure_quick_start(theirs)
    if largest:
        row["ingest_memory_mb"] = _measure_large_ingest(ours, home / "large")
    row |= {
        f"times_{name}": round(baseline[name] / row[name], 2) for name in baseline if name in row and name[-2:] == "_s"
    }
    (home / "speed.png").write_bytes(draw_png(draw_comparison(row, baseline)))
    note = f"{len(pages)} pages; seconds and peak memory in MB, processes cold and page cache warm, best of {RUNS}"
    return Result("speed", note, row, baseline, others=bounds)


# -- ingest ------------------------------------------------------------------------------------------------------------


def _compare_ingest(pages: list[Path], ours: Path, theirs: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    settings = make_settings(home=ours)
    quick_start = QuickStart(locate_model(settings.embedding_model))
    mine = ingest(pages, settings, load_embedder(settings))
    other = quick_start.ingest(pages, str(theirs))
    return {"ingest_s": mine["seconds"]}, {"ingest_s": other["seconds"]}


def _measure_large_ingest(ours: Path, folder: Path) -> int:
    """MB at most while a library is made of the pages' text several times over, a third of its words exchanged."""
    with Library.open(make_settings(home=ours), _refuse, read_only=True) as library:
        articles = [library.article(summary.id) for summary in library.articles()]
    words = WordExchange(article.text for article in articles)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pages").mkdir(parents=True)
    for number, article in enumerate(islice(cycle(articles), PAGES)):
        text = f"# {article.title} {number}\n\n{words.exchange(article.text)}\n"
        (folder / "pages" / f"{number}.md").write_text(text, encoding="utf-8")
    command = ["-m", "assistant.cli", "ingest", str(folder / "pages")]
    return measure_memory(command, CAREER_HOME=str(folder / "home"))


def _refuse(_method: str) -> Any:
    raise AssertionError("nothing is embedded here")


# -- embedding alone ---------------------------------------------------------------------------------------------------


def _compare_embedding(ours: Path) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """The same passages by the configured runtime and by sentence-transformers in fp32, and the machine's bounds."""
    import torch
    from sentence_transformers import SentenceTransformer

    passages = _list_passages(ours)[::EVERY]
    texts = [passage.embedded_text for passage in passages]
    settings = make_settings(home=ours)
    embedder = load_embedder(settings)
    model = SentenceTransformer(locate_model(settings.embedding_model), device="cpu")
    list(embedder.embed_passages(passages[:32]))
    mine = _time(lambda: list(embedder.embed_passages(passages)))
    torch.set_num_threads(os.cpu_count() or 1)
    model.encode(texts[:32])
    plain = _time(lambda: model.encode(texts, batch_size=32, show_progress_bar=False))
    work = count_operations(model, texts)
    bounds: list[dict[str, Any]] = [
        {"name": f"bound, {name}", "embedding_s": round(work / rate, 2), "giga_operations_a_second": round(rate / 1e9)}
        for name, rate in measure_rates().items()
    ]
    shares = {
        f"share_of_{bound['name'].partition(', ')[2]}_bound": round(bound["embedding_s"] / mine, 3) for bound in bounds
    }
    return {"embedding_s": round(mine, 2)} | shares, {"embedding_s": round(plain, 2)}, bounds


def _list_passages(home: Path) -> list[Passage]:
    with Library.open(make_settings(home=home), _refuse, read_only=True) as library:
        copies = [library.copy_article(summary.id) for summary in library.articles()]
    return [stored.passage for copy in copies for stored in copy.passages]


def count_operations(model: Any, texts: Sequence[str]) -> float:
    """Multiplications and additions of a BERT encoder for these texts' tokens: its weights once a token, and each
    token's attention to the others.
    """
    shape = model[0].auto_model.config
    width, wide, layers = shape.hidden_size, shape.intermediate_size, shape.num_hidden_layers
    encoded = model.tokenizer(list(texts), truncation=True, max_length=model.max_seq_length)["input_ids"]
    lengths = np.array([len(tokens) for tokens in encoded], dtype=np.float64)
    weights = 4 * width**2 + 2 * width * wide
    return float(2 * layers * (weights * lengths.sum() + 2 * width * (lengths**2).sum()))


def measure_rates() -> dict[str, float]:
    """Operations a second of the largest matrix product of the model, with all cores, by kind of number."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    left, right = torch.randn(ROWS, 384), torch.randn(384, 1_536)
    rates = {"fp32": _find_rate(lambda: left @ right)}
    small = [torch.randint(-128, 127, matrix.shape, dtype=torch.int8) for matrix in (left, right)]
    with suppress(RuntimeError, AttributeError):  # a processor, or a torch, that has none
        rates["int8"] = _find_rate(lambda: torch._int_mm(*small))
    with suppress(ImportError):
        rates["int8"] = max(rates.get("int8", 0.0), _measure_onnxruntime())
    return rates


def _measure_onnxruntime() -> float:
    """The same product by onnxruntime, as a quantised model has it: bytes without a sign by bytes with one."""
    runtime, onnx = import_module("onnxruntime"), import_module("onnx")  # neither is a dependency of the benchmarks
    helper, kinds = onnx.helper, onnx.TensorProto
    weights = onnx.numpy_helper.from_array(
        np.random.default_rng(0).integers(-127, 127, (384, 1_536), np.int8), "weights"
    )
    given = helper.make_tensor_value_info("given", kinds.UINT8, [ROWS, 384])
    made = helper.make_tensor_value_info("made", kinds.INT32, [ROWS, 1_536])
    node = helper.make_node("MatMulInteger", ["given", "weights"], ["made"])
    graph = helper.make_graph([node], "product", [given], [made], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    values = np.random.default_rng(1).integers(0, 255, (ROWS, 384), np.uint8)
    return _find_rate(lambda: session.run(None, {"given": values}))


def _find_rate(multiply: Callable[[], object]) -> float:
    multiply()
    return 2 * ROWS * 384 * 1_536 / min(_time(multiply) for _ in range(PRODUCTS))


def _time(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


# -- cold processes ----------------------------------------------------------------------------------------------------


def _measure_commands(home: Path) -> dict[str, Any]:
    ask, variables = ["-m", "assistant.cli", "ask", ASKED], {"CAREER_HOME": str(home)}
    memory = measure_memory(ask, **variables)  # and brings the files into the page cache
    return {
        "ask_s": time_command(ask, RUNS, **variables),
        "ask_memory_mb": memory,
        "help_s": time_command(["-m", "assistant.cli", "--help"], RUNS),
    }


def _measure_quick_start(folder: Path) -> dict[str, Any]:
    ask = ["-m", "tests.benchmarks.quick_start", str(folder), ASKED]
    memory = measure_memory(ask)
    return {"ask_s": time_command(ask, RUNS), "ask_memory_mb": memory}


def _measure_page(home: Path) -> dict[str, Any]:
    """Seconds from the start of the server to its first page, and to the first answer in a browser that was open."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        return {}
    from playwright.sync_api import sync_playwright

    reply = json.loads(read_output(["-m", "assistant.cli", "ask", "--json", ASKED], CAREER_HOME=str(home)))
    awaited = re.findall(r"\$[\d,]*\d", reply["text"])[0]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        began = time.perf_counter()
        server = start(["-m", "assistant.cli", "serve"], CAREER_HOME=str(home), CAREER_PORT=port, BROWSER="true")
        try:
            _wait_for(f"http://127.0.0.1:{port}")
            shown = time.perf_counter() - began
            page.goto(f"http://127.0.0.1:{port}")
            page.get_by_label("Your question").fill(ASKED)
            page.get_by_label("Your question").press("Enter")
            page.get_by_text(awaited).first.wait_for(timeout=1000 * PATIENCE)
            answered = time.perf_counter() - began
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=PATIENCE)
    return {"page_s": round(shown, 2), "page_answer_s": round(answered, 2)}


def _wait_for(address: str) -> None:
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.02)
    raise TimeoutError(f"{address} did not come up within {PATIENCE:g} s")


# -- the picture -------------------------------------------------------------------------------------------------------

MEASURED = {
    "ingest_s": "ingest of 54 pages, s",
    "embedding_s": "embedding alone, s",
    "ask_s": "a question, cold, s",
    "ask_memory_mb": "memory of asking, MB",
}
WIDTH, LABELS, ROW = 460.0, 150.0, 40.0


def draw_comparison(ours: dict[str, Any], baseline: dict[str, Any]) -> Picture:
    """Two bars for each thing that both do, the longer as long as there is room."""
    shapes: list[Shape] = []
    for row, (name, label) in enumerate(MEASURED.items()):
        top, most = row * ROW, max(ours[name], baseline[name])
        shapes.append(Words(LABELS - 10, top + 20, label, "ink", "end"))
        for place, (value, ink) in enumerate(((ours[name], "accent"), (baseline[name], "tint"))):
            reach = (WIDTH - LABELS - 60) * value / most
            shapes.append(Box(LABELS, top + 4 + 14 * place, reach, 11, ink))
            shapes.append(Words(LABELS + reach + 6, top + 14 + 14 * place, f"{value:g}", size=10))
    told = "; ".join(f"{label}: {ours[name]:g} and {baseline[name]:g}" for name, label in MEASURED.items())
    title = "career (dark) and LangChain's quick start (light)"
    return Picture("speed", title, told, WIDTH, len(MEASURED) * ROW, tuple(shapes))
