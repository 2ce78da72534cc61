"""The commands of ``orderbell template``, put together."""

import typer

from daemon.cli.template import drafting, listing, preview, publishing

group = typer.Typer(no_args_is_help=True, help="Words that staff have written, over those of the catalogues.")
group.command("list")(listing.list_)
group.command("draft")(drafting.draft)
group.command("preview")(preview.preview)
group.command("publish")(publishing.publish)
group.command("retire")(publishing.retire)
