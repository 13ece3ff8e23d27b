"""Writes `docs/reference/` anew."""

from docs.generate.reference import DIRECTORY, documents

for path in set(DIRECTORY.glob("**/*.md")) - set(documents()):
    path.unlink()
for path, text in documents().items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
