"""Settings of ingest and of the library, each once, with its unit. Environment `CAREER_*` or `.env`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class IngestSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="CAREER_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,  # or CAREER_HOME= would be the working folder
        extra="ignore",
        frozen=True,
    )

    home: Path = Field(default_factory=lambda: user_data_path("career-assistant"))
    chroma_url: str = ""  # a Chroma server, "http://host:port"; "" keeps the index under home
    exact_passages: int = Field(default=10_000, ge=0)  # a library of at most so many is searched without the index

    embedding_model: str = "all-MiniLM-L6-v2"  # any sentence-transformers name or folder
    # onnx: in int8, without torch, where the model allows it; torch: any model. auto asks each library by the one that
    # made it, and makes new libraries by onnx where it can.
    embedding_runtime: Literal["auto", "onnx", "torch"] = "auto"
    embedding_threads: int = Field(default=2, ge=1)  # threads while ingesting; a question always uses one
    embedding_batch: int = Field(default=32, ge=1)  # passages per forward pass

    passage_characters: int = Field(default=700, ge=50)  # at most, but a single unit is never cut

    fetch_timeout: float = Field(default=20.0, gt=0)  # seconds for a whole download, redirects included
    fetch_max_bytes: int = Field(default=10_000_000, ge=1)  # of a file or a download, decompressed
    fetch_delay: float = Field(default=1.0, ge=0)  # seconds between two requests to one host
    robots: bool = True  # false: pages are fetched that a host's robots.txt asks programs to leave alone
    # Hosts that may have private addresses, "intranet.example,localhost"; on any port, and no others.
    allowed_hosts: Annotated[frozenset[str], NoDecode] = frozenset()
    read_timeout: float = Field(default=25.0, gt=0)  # seconds that reading one page may take
    read_memory: int = Field(default=1_000_000_000, ge=100_000_000)  # bytes that the process that reads may take
    lock_timeout: float = Field(default=60.0, ge=0)  # seconds a second writer waits; after two it says for whom

    @field_validator("chroma_url")
    @classmethod
    def _refuse_other_addresses(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?/?", value):
            raise ValueError(f"{value!r} is no address of a Chroma server (like http://localhost:8000)")
        return value.rstrip("/")

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return split_hosts(value)


def split_hosts(value: object) -> object:
    """Names, separated by commas; as addresses have them: in lower case, and IPv6 without its brackets."""
    if not isinstance(value, str):
        return value
    hosts = [host.strip().lower().strip("[]") for host in value.split(",") if host.strip()]
    for host in hosts:
        if not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host):
            raise ValueError(f"{host!r} is no host name (a name alone, without scheme, port or path)")
    return frozenset(hosts)
