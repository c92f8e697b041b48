"""`explain-code`: the page of one diagnostic."""

import click


@click.command("explain-code")
@click.argument("code")
def command(code: str) -> None:
    """Print the page of a diagnostic, such as ZT205."""
    from zt_dsl.diagnostics.pages import page

    text = page(code.upper())
    if text is None:
        raise click.UsageError(f"there is no diagnostic {code!r}; `python -m zt_dsl codes` lists them")
    click.echo(text.rstrip("\n"))
