"""LangChain's quick start as a program that asks what `ingest.QuickStart` stored.

`python -m tests.benchmarks.quick_start FOLDER QUESTION` prints the five nearest chunks, without an answer.
"""

from __future__ import annotations

import sys

from ingest.embed import locate_model


def main(folder: str, question: str) -> None:
    from langchain_chroma import Chroma
    from langchain_huggingface import HuggingFaceEmbeddings

    embeddings = HuggingFaceEmbeddings(model_name=locate_model("all-MiniLM-L6-v2"), model_kwargs={"device": "cpu"})
    store = Chroma(persist_directory=folder, embedding_function=embeddings)
    for document in store.similarity_search(question, k=5):
        print(document.metadata["source"], document.page_content, sep="\n", end="\n\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
