"""``restock warm``: compile everything ahead, so that nothing is compiled when it is needed."""

from typing import Annotated

import typer

from restock.cli.output import JSON, bad_input, console, failed, print_json


def warm(as_json: Annotated[bool, JSON] = False) -> None:
    """Compile all kernels and keep the code, for every process of this machine.

    Run it once after an installation or an update, or while an image is built. Exits 1 when
    code is left that could not be compiled or kept.
    """
    from restock.cli.progress import progress
    from restock.infra.settings import SettingsError, load_settings
    from restock.infra.threads import plan
    from restock.infra.warm import warm

    with bad_input(SettingsError):
        made = plan(load_settings().cores)
    with progress(quiet=as_json):
        warmed = warm(made)
    if as_json:
        print_json(warmed.model_dump())
    else:
        console.print(
            f"{warmed.kernels} kernels are ready in {warmed.folder} "
            f"({warmed.compiled} compilations, {warmed.seconds:.1f} s)",
            highlight=False,
            soft_wrap=True,
        )
    if warmed.missing:
        failed(f"no code is kept of {', '.join(warmed.missing)}: see docs/jit.md")
        raise typer.Exit(1)
