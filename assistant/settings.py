"""Settings of the assistant and the page, on top of ingest's. Environment `CAREER_*` or `.env`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import NoDecode

import ingest
from assistant.errors import SettingsInvalid
from ingest.settings import IngestSettings, split_hosts

Network = IPv4Network | IPv6Network


class Settings(IngestSettings):
    model: str = ""  # any init_chat_model name, "openai:gpt-5-mini", "ollama:llama3.2"; "" answers extractively
    model_timeout: float = Field(default=60.0, gt=0)  # seconds for a whole answer of the model
    passages_per_question: int = Field(default=8, ge=1)
    vector_weight: float = Field(default=0.5, ge=0, le=1)  # of meaning against words in ranking; 0.5 is as fitted
    reranker: str = ""  # any sentence-transformers CrossEncoder, a folder or a name in the cache; "" does without
    reranked_passages: int = Field(default=20, ge=1)  # it reads, of which the answer keeps passages_per_question
    max_question_characters: int = Field(default=2_000, ge=1)

    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    read_only: bool = False  # the page adds and removes no articles
    password: SecretStr = SecretStr("")  # lets in; "" asks nobody, which only this machine's own address may do
    editor_password: SecretStr = SecretStr("")  # lets in editors, and makes readers of those who know the other
    no_password: bool = False  # other machines may come in without one
    root_path: str = ""  # "/career": the page's path at a reverse proxy
    # Addresses or networks whose X-Forwarded-* headers count, "127.0.0.1,10.0.0.0/8".
    trusted_proxies: Annotated[frozenset[Network], NoDecode] = frozenset()
    # Names by which a page without a password is asked for, "career.example"; this machine's own always work.
    public_hosts: Annotated[frozenset[str], NoDecode] = frozenset()
    log: Literal["plain", "json"] = "plain"  # the server's lines on stderr
    log_questions: bool = False  # they tell what is asked

    debug: bool = False  # the command line shows the traceback of an unexpected error

    @property
    def asks_for_password(self) -> bool:
        return bool(self.password.get_secret_value()) and not self.no_password

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the page."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @field_validator("root_path")
    @classmethod
    def _clean_path(cls, path: str) -> str:
        path = path.strip("/")
        if not re.fullmatch(r"[A-Za-z0-9._~/-]*", path) or ".." in path or "//" in path:
            raise ValueError("not a path such as /career")
        return f"/{path}" if path else ""

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return frozenset(ip_network(each.strip(), strict=False) for each in value.split(",") if each.strip())

    @field_validator("public_hosts", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return split_hosts(value)


# What an answer depends on, beside ingest's: told in a report, and what a sweep can change. A list of what may be told,
# not of what may not: a password that is added above stands in no report.
ANSWER_SETTINGS = frozenset(
    {
        "model", "model_timeout", "passages_per_question", "vector_weight", "reranker", "reranked_passages",
        "max_question_characters",
    }
)  # fmt: skip


def load_settings() -> Settings:
    """The settings of the environment and `.env`. Raises SettingsInvalid, which names the variable and its value."""
    return _read_settings({})


def change_settings(settings: Settings, **changes: Any) -> Settings:
    """The settings with what a command line gave; None changes nothing. Raises SettingsInvalid."""
    return _read_settings({**dict(settings), **{name: value for name, value in changes.items() if value is not None}})


def _read_settings(given: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsInvalid(f"CAREER_{name}={first['input']}: {first['msg']}. Correct it or unset it.") from error
    except UnicodeDecodeError as error:
        raise SettingsInvalid(".env: not UTF-8 text. Save it as UTF-8.") from error


def find_corpus() -> Path:
    """The folder of the packaged articles and test prompts: in the checkout and beside an installed wheel alike."""
    return Path(ingest.__file__).parent.parent / "corpus"
