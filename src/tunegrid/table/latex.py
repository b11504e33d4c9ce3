"""The table as LaTeX with booktabs: a part of a document, to be read by its input command."""

from tunegrid.table.layout import Grid, Text, cost_grids, difference_grid, published_grids, score_grid
from tunegrid.table.model import Table

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "±": r"\ensuremath{\pm}", "−": r"\ensuremath{-}", "×": r"\ensuremath{\times}", "·": r"\ensuremath{\cdot}",
    "↓": r"\ensuremath{\downarrow}", "†": r"\ensuremath{^\dagger}", "≥": r"\ensuremath{\geq}",
    "≤": r"\ensuremath{\leq}", "–": r"\textendash{}", "—": r"\textemdash{}", "…": r"\ldots{}", "’": "'",
    "“": "``", "”": "''", "\u00a0": "~",
}  # fmt: skip
"""What LaTeX would read as a command, or has no character for; other characters below U+0180 it takes as UTF-8."""


def to_latex(table: Table) -> str:
    """Score, comparison and cost tables as floats."""
    notes = [*table.missing, *table.notes]
    if table.protocol.published_source:
        notes.append(f"Published numbers: {table.protocol.published_source}.")
    floats = [_float(table, score_grid(table), table.title, notes)]
    floats += [_float(table, grid, f"{table.title}: {grid.title}", []) for grid in published_grids(table)]
    difference = difference_grid(table)
    extra = [difference] if difference else []
    floats += [_float(table, grid, f"{table.title}: {grid.title}", []) for grid in (*extra, *cost_grids(table))]
    return "% In the preamble: \\usepackage{booktabs} \\usepackage{graphicx}\n" + "\n".join(floats)


def escape(text: str) -> str:
    """Text that LaTeX sets as it is; a character it may not have is set as its code point."""
    return "".join(SPECIAL.get(character, _known(character)) for character in " ".join(text.split(" ")))


def _known(character: str) -> str:
    if character.isspace():
        return " "
    return character if ord(character) < 0x180 and character.isprintable() else f"U+{ord(character):04X}"


def _float(table: Table, grid: Grid, caption: str, notes: list[str]) -> str:
    label = "".join(c if c.isascii() and c.isalnum() else "-" for c in f"{table.experiment}-{grid.title}".lower())
    body = [
        r"\begin{table}[htbp]",
        r"  \centering",
        rf"  \caption{{{escape(caption)}}}",
        rf"  \label{{tab:{label}}}",
        r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"  \begin{{tabular}}{{l{'r' * (len(grid.header) - 1)}}}",
        r"    \toprule",
        f"    {_line(tuple(map(Text, grid.header)))}",
        r"    \midrule",
        *(f"    {_line(row)}" for row in grid.rows),
        r"    \bottomrule",
        r"  \end{tabular}}",
        *(rf"  \par\smallskip{{\footnotesize\raggedright {escape(note)}\par}}" for note in notes),
        r"\end{table}",
    ]
    return "\n".join(body) + "\n"


def _line(cells: tuple[Text, ...]) -> str:
    return " & ".join(map(_cell, cells)) + r" \\"


def _cell(cell: Text) -> str:
    if cell.is_best:
        return rf"\textbf{{{escape(cell.text)}}}"
    return escape(cell.text) + (SPECIAL["†"] if cell.is_tied else "")
