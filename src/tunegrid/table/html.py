"""The table as one HTML file: no script, no network, figures inside."""

from importlib.resources import files

from tunegrid.table.figure import has_figure, to_svg
from tunegrid.table.layout import cost_grids, difference_grid, published_grids, score_grid, shared_grid, varying_grid
from tunegrid.table.model import Table


def to_html(table: Table) -> str:
    """Scores, figures, comparison with published numbers, costs and the whole protocol, in light and dark."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    source = files("tunegrid.table").joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    drawn = [column for column in table.columns if has_figure(table, column)]
    return environment.from_string(source).render(
        table=table,
        scores=score_grid(table),
        figures=[(column.heading, Markup(to_svg(table, column.name))) for column in drawn],
        difference=difference_grid(table),
        published=published_grids(table),
        costs=cost_grids(table),
        varying=varying_grid(table),
        shared=shared_grid(table),
    )
