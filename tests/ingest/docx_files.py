"""Word documents made for tests: the parts that matter, from bodies written in WordprocessingML."""

from __future__ import annotations

import io
import zipfile

W_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_NAMESPACES = (
    f'xmlns:w="{W_NAMESPACE}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:v="urn:schemas-microsoft-com:vml"'
)
_HEADINGS = "".join(
    f'<w:style w:type="paragraph" w:styleId="Titre{level}"><w:name w:val="heading {level}"/>'
    f'<w:pPr><w:outlineLvl w:val="{level - 1}"/></w:pPr></w:style>'
    for level in range(1, 4)
)
STYLES = (
    f'<w:styles {_NAMESPACES}><w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/>'
    f'</w:style><w:style w:type="paragraph" w:styleId="Titre"><w:name w:val="Title"/></w:style>{_HEADINGS}'
    '<w:style w:type="paragraph" w:styleId="TM1"><w:name w:val="toc 1"/></w:style>'
    '<w:style w:type="character" w:styleId="Secret"><w:name w:val="Secret"/><w:rPr><w:vanish/></w:rPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Puce"><w:name w:val="List Bullet"/><w:pPr><w:numPr><w:numId w:val="2"/>'
    "</w:numPr></w:pPr></w:style>"
    '<w:style w:type="table" w:styleId="Fancy"><w:name w:val="Fancy"/><w:tblStylePr w:type="firstRow"/></w:style>'
    "</w:styles>"
)


def _level(depth: int, kind: str, text: str, start: int = 1) -> str:
    return (
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="{start}"/><w:numFmt w:val="{kind}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


# List 1: "1." > "a)" > "1.a.i"; list 2: bullets; list 3: as list 1, begun again at 6.
NUMBERING = (
    f'<w:numbering {_NAMESPACES}><w:abstractNum w:abstractNumId="1">{_level(0, "decimal", "%1.")}'
    f"{_level(1, 'lowerLetter', '%2)')}{_level(2, 'lowerRoman', '%1.%2.%3')}</w:abstractNum>"
    f'<w:abstractNum w:abstractNumId="2">{_level(0, "bullet", "•")}{_level(1, "bullet", "o")}</w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="2"/></w:num>'
    '<w:num w:numId="3"><w:abstractNumId w:val="1"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="6"/>'
    "</w:lvlOverride></w:num></w:numbering>"
)


def paragraph(text: str, style: str = "", inner: str = "") -> str:
    """A paragraph; `inner` is what else its properties hold."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{inner}</w:pPr>{run(text)}</w:p>"


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def item(text: str, number: int, depth: int = 0) -> str:
    return paragraph(text, inner=f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>')


def table(*rows: str, properties: str = "") -> str:
    return f"<w:tbl><w:tblPr>{properties}</w:tblPr>{''.join(rows)}</w:tbl>"


def row(*cells: str, properties: str = "") -> str:
    """A row of cells, each a text or WordprocessingML that begins with a tag."""
    made = (cell if cell.startswith("<w:tc>") else f"<w:tc>{_content(cell)}</w:tc>" for cell in cells)
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(made)}</w:tr>"


def cell(content: str, properties: str) -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{_content(content)}</w:tc>"


def _content(content: str) -> str:
    return content if content.startswith("<") else paragraph(content)


def core(**fields: str) -> str:
    """The document's properties, by their Dublin Core names."""
    inner = "".join(f"<{name.replace('_', ':')}>{value}</{name.replace('_', ':')}>" for name, value in fields.items())
    return f'<c:coreProperties xmlns:c="urn:c" xmlns:dc="urn:dc" xmlns:dcterms="urn:dcterms">{inner}</c:coreProperties>'


def notes(kind: str, **texts: str) -> str:
    """The part that holds foot- or endnotes; n1="…" is the note with the id "1"."""
    inner = "".join(f'<w:{kind} w:id="{name[1:]}">{paragraph(text)}</w:{kind}>' for name, text in texts.items())
    return f"<w:{kind}s {_NAMESPACES}>{inner}</w:{kind}s>"


def make_docx(body: str, **parts: str) -> bytes:
    """A document of that body; `parts` are further ones by name: styles, numbering, footnotes, core."""
    return pack(
        {
            "word/document.xml": f"<w:document {_NAMESPACES}><w:body>{body}</w:body></w:document>",
            "word/styles.xml": STYLES,
            "word/numbering.xml": NUMBERING,
            **{("docProps/core.xml" if name == "core" else f"word/{name}.xml"): part for name, part in parts.items()},
        }
    )


def pack(members: dict[str, str | bytes]) -> bytes:
    """A zip archive of those members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
