"""Settings of the assistant and the page, on top of ingest's. Environment `CAREER_*` or `.env`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

import ingest
from assistant.errors import SettingsInvalid
from ingest.settings import IngestSettings


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

    debug: bool = False  # the command line shows the traceback of an unexpected error


def load_settings() -> Settings:
    """The settings of the environment and `.env`. Raises SettingsInvalid, which names the variable and its value."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsInvalid(f"CAREER_{name}={first['input']}: {first['msg']}. Correct it or unset it.") from error
    except UnicodeDecodeError as error:
        raise SettingsInvalid(".env: not UTF-8 text. Save it as UTF-8.") from error


def find_corpus() -> Path:
    """The folder of the packaged articles and test prompts: in the checkout and beside an installed wheel alike."""
    return Path(ingest.__file__).parent.parent / "corpus"
