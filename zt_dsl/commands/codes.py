"""`codes`: every diagnostic there is."""

import click


@click.command("codes")
def command() -> None:
    """List every diagnostic there is."""
    from zt_dsl.diagnostics.codes import TITLES, severity

    for code, title in TITLES.items():
        click.echo(f"{code}  {severity(code):7}  {title}")
