"""What can go wrong between a question and its reply. Each message names the thing and the remedy, in one line.

CareerError (ingest/errors.py)
├── QuestionInvalid             empty, or longer than CAREER_MAX_QUESTION_CHARACTERS
├── LibraryEmpty                nothing to answer from
├── LibraryNotReady             still being opened, for a program that asks; the page waits
├── ModelError                  the chat model named by CAREER_MODEL
│   ├── ModelUnknown            no such provider or model name, or its package is not installed
│   └── ModelKeyMissing         the provider wants a key that is not set
├── RerankerUnknown             the cross-encoder named by CAREER_RERANKER cannot be loaded
├── SettingsInvalid             a CAREER_* variable with a value that cannot be used
├── PromptsInvalid              a test prompt file that cannot be used
├── EvaluationInvalid           floors or an earlier evaluation that cannot be used, a report that cannot be written
├── ExtraMissing                a command whose package was not installed
├── PortTaken                   the chat page cannot listen at its address
├── PasswordMissing             other machines could reach the page, and nobody said that they may
└── ServerBusy                  too many wait for an answer already
    └── ServerStopping          the server ends, and answers nothing more
"""

from ingest.errors import CareerError

__all__ = [
    "CareerError",
    "EvaluationInvalid",
    "ExtraMissing",
    "LibraryEmpty",
    "LibraryNotReady",
    "ModelError",
    "ModelKeyMissing",
    "ModelUnknown",
    "PasswordMissing",
    "PortTaken",
    "PromptsInvalid",
    "QuestionInvalid",
    "RerankerUnknown",
    "ServerBusy",
    "ServerStopping",
    "SettingsInvalid",
]


class QuestionInvalid(CareerError):
    pass


class LibraryEmpty(CareerError):
    pass


class LibraryNotReady(CareerError):
    pass


class ModelError(CareerError):
    pass


class ModelUnknown(ModelError):
    pass


class ModelKeyMissing(ModelError):
    pass


class RerankerUnknown(CareerError):
    pass


class PromptsInvalid(CareerError):
    pass


class SettingsInvalid(CareerError):
    pass


class EvaluationInvalid(CareerError):
    pass


class ExtraMissing(CareerError):
    pass


class PortTaken(CareerError):
    pass


class PasswordMissing(SettingsInvalid):
    pass


class ServerBusy(CareerError):
    pass


class ServerStopping(ServerBusy):
    pass
