"""Publish the labs' notebooks as pages that load nothing from elsewhere."""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

log = logging.getLogger("mkdocs.hooks.notebooks")

_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.S)
# mkdocs-jupyter adds loaders for mermaid and MathJax from a CDN; the labs draw with neither.
_LOADERS = (
    re.compile(r'<script type="module">.*?</script>', re.S),
    re.compile(r"<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->", re.S),
)
_LINK = re.compile(r'href="([^"]+)"')
# Prompts and copy buttons are no words of the lab: the search would show "In [ ]: Copied!" for each cell.
_NO_WORDS = re.compile(r'<div (?=class="(?:jp-InputPrompt|jp-OutputPrompt|zeroclipboard-container)\b)')
_STYLE_ADDRESS = "assets/css/notebook.css"  # only notebooks load it: it is as heavy as all the rest of a page
_styles: dict[str, str] = {}


@event_priority(100)  # before mkdocs-jupyter looks at the files
def on_files(files: Files, config: MkDocsConfig) -> Files:
    root = Path(config.config_file_path).parent
    for notebook in sorted(root.glob("labs/*/lab.ipynb")):
        path = notebook.relative_to(root).as_posix()
        files.append(File(path, str(root), config.site_dir, config.use_directory_urls))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    _styles.setdefault("notebook", "\n".join(_STYLE.findall(html)))
    html = _STYLE.sub("", html)
    for loader in _LOADERS:
        html = loader.sub("", html)
    html = _NO_WORDS.sub("<div data-search-exclude ", html)
    style = get_relative_url(_STYLE_ADDRESS, page.file.url)
    html = f'<link rel="stylesheet" href="{style}">\n{html}'
    return _LINK.sub(lambda match: _page_link(match, page, files), html)


def on_post_build(config: MkDocsConfig) -> None:
    """All notebooks share one stylesheet instead of carrying 300 KB each."""
    target = Path(config.site_dir) / _STYLE_ADDRESS
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_styles.get("notebook", ""), encoding="utf-8")


def _page_link(match: re.Match[str], page: Page, files: Files) -> str:
    """Point a link to a Markdown file or notebook of this repository at its page; a dead one fails the strict build."""
    url, _, anchor = match[1].partition("#")
    if "://" in url or not url.endswith((".md", ".ipynb")):
        return match[0]
    source = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), url)).removeprefix(
        "../../docs/"
    )
    target = files.get_file_from_path(source.removeprefix("docs/"))
    if target is None:
        log.warning("%s links to %s, which is not a page", page.file.src_uri, match[1])
        return match[0]
    return f'href="{target.url_relative_to(page.file)}{"#" + anchor if anchor else ""}"'
