"""The commands of ``orderbell template``, put together."""

import typer

from daemon.cli.commands import OF_TEMPLATES
from daemon.cli.template import drafting, listing, preview, publishing

group = typer.Typer(no_args_is_help=True, help="Words that staff have written, over those of the catalogues.")
group.command("list", epilog=OF_TEMPLATES["list"].epilog)(listing.list_)
group.command("draft", epilog=OF_TEMPLATES["draft"].epilog)(drafting.draft)
group.command("preview", epilog=OF_TEMPLATES["preview"].epilog)(preview.preview)
group.command("publish", epilog=OF_TEMPLATES["publish"].epilog)(publishing.publish)
group.command("retire", epilog=OF_TEMPLATES["retire"].epilog)(publishing.retire)
