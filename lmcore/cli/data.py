"""`lmcore data`: what a configuration's text looks like, and fetching it beforehand."""

from dataclasses import asdict
from typing import Annotated

import typer

from lmcore.cli.narration import Narration
from lmcore.cli.options import AsJson, Config, Set, overrides_of
from lmcore.cli.output import give, give_json, loss_text, say

app = typer.Typer(help="Show and fetch the text to learn from.", no_args_is_help=True)


@app.command()
def show(config: Config, settings: Set = None, as_json: AsJson = False) -> None:
    """Prepare a configuration's text and show what there is: tokens, vocabulary, floor, how it begins."""
    from lmcore.config import find_config, load_config

    typed = load_config(find_config(config), overrides_of(settings))

    from lmcore.data.dataset import prepare

    with Narration(as_json) as narration:
        dataset = prepare(typed.dataset, on_progress=narration.preparing)
    excerpt = dataset.tokenizer.decode(dataset.train[:400].tolist())
    facts = {
        "source": typed.dataset.source,
        "tokenizer": dataset.tokenizer.name,
        "vocabulary": dataset.tokenizer.vocabulary_size,
        "training tokens": len(dataset.train),
        "validation tokens": len(dataset.validation),
        "floor": dataset.floor,
        "fingerprint": dataset.fingerprint,
    }
    if as_json:
        named = {name.replace(" ", "_"): value for name, value in facts.items()}
        give_json({**named, "notes": dataset.notes, "excerpt": excerpt})
        return
    for name, value in facts.items():
        shown = loss_text(dataset.floor) if name == "floor" else f"{value:,}" if isinstance(value, int) else str(value)
        give(f"{name:<18} {shown}")
    for note in dataset.notes:
        say(note)
    give(f"\n{excerpt} …")


@app.command()
def fetch(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which text. Default: list those there are.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download a named text into the cache, so that training needs no network. Prints the file's path."""
    from lmcore.data.download import DOWNLOADS, download

    if name is None:
        for known, source in DOWNLOADS.items():
            if as_json:
                give_json({"name": known, **asdict(source)})
            else:
                give(f"{known:<20} {source.size:>12,} bytes  {source.url}")
        return

    from lmcore.data.cache import TokenCache
    from lmcore.places import user_folder

    with Narration(as_json) as narration:
        path = download(name, TokenCache(user_folder("cache")).downloads, narration.preparing)
    if as_json:
        give_json({"name": name, "path": path})
    else:
        give(str(path))
