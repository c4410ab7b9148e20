"""The search: its index as a script too, since a page opened from disk may load scripts, but no JSON; and whom it finds last."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Decision notes are for those who develop the course; learners look for other pages first."""
    if page.file.src_uri.startswith("contribute/decisions/"):
        page.meta["search"] = {"boost": 0.1}
    return markdown


@event_priority(-100)  # after the search plugin has written its index
def on_post_build(config: MkDocsConfig) -> None:
    search = Path(config.site_dir) / "search"
    index = (search / "search_index.json").read_text(encoding="utf-8")
    (search / "search_index.js").write_text(f"var __index = {index}", encoding="utf-8")
