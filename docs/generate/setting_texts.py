"""Writes what settings mean as a catalogue to be translated: `python -m docs.generate.setting_texts > settings.pot`."""

import sys

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from skyferry.effective_settings import effective
from skyferry.settings import Settings


def texts() -> list[str]:
    """What each setting means, as people are told."""
    return [item.text for item in effective(Settings.model_construct())]


if __name__ == "__main__":
    catalog = Catalog()
    for text in texts():
        catalog.add(text)
    write_po(sys.stdout.buffer, catalog, omit_header=True, sort_output=True)
