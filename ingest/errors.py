"""What can go wrong between a source and the library. Each message names the thing and the remedy, in one line.

CareerError
├── SourceError                 a source that cannot become an article; the others go on
│   ├── SourceMissing           no such file or folder
│   ├── SourceUnreadable        no permission, a binary, an empty or unsupported file
│   ├── SourceRefused           an address that must not be fetched (scheme, private network)
│   ├── ArticleUnreachable      the server or the network did not deliver
│   └── ArticleNotFound         the page was read and holds no article
├── LibraryError                the library itself
│   ├── LibraryDamaged          the catalog cannot be read
│   ├── LibraryLocked           another process is writing
│   ├── LibraryUnwritable       disk full, read-only or no permission
│   ├── ArticleUnknown          no article with that id
│   └── EmbeddingMismatch       the library was made with another embedding model
├── EmbeddingModelUnknown       the embedding model cannot be loaded
├── ClusterUnknown              no Ray cluster at the address, or its package is not installed
├── WorkerLost                  a process or a machine that ingest is spread over does not answer
├── ArchiveInvalid              an archive of a library that cannot be written, or read
└── (assistant/errors.py goes on below CareerError)
"""


class CareerError(Exception):
    """A one-line message for the person at the keyboard; never shown with a traceback."""


class SourceError(CareerError):
    pass


class SourceMissing(SourceError):
    pass


class SourceUnreadable(SourceError):
    pass


class SourceRefused(SourceError):
    pass


class ArticleUnreachable(SourceError):
    pass


class ArticleNotFound(SourceError):
    pass


class LibraryError(CareerError):
    pass


class LibraryDamaged(LibraryError):
    pass


class LibraryLocked(LibraryError):
    pass


class LibraryUnwritable(LibraryError):
    pass


class ArticleUnknown(LibraryError):
    pass


class EmbeddingMismatch(LibraryError):
    pass


class EmbeddingModelUnknown(CareerError):
    pass


class ClusterUnknown(CareerError):
    pass


class WorkerLost(CareerError):
    pass


class ArchiveInvalid(CareerError):
    pass
