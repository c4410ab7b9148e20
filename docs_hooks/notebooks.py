"""Publish the labs' notebooks as pages that load nothing from elsewhere."""

from __future__ import annotations

import io
import logging
import os
import posixpath
import re
import subprocess
import tarfile
import tempfile
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
# A site that shows other notebooks than those that are here says so with this file: `make site` builds it anew.
_AS_COMMITTED = "notebooks-as-committed.txt"  # no hidden file: mkdocs leaves those when it cleans the folder
_styles: dict[str, str] = {}
_committed: list[tempfile.TemporaryDirectory[str]] = []


@event_priority(100)  # before mkdocs-jupyter looks at the files
def on_files(files: Files, config: MkDocsConfig) -> Files:
    root = Path(config.config_file_path).parent
    notebooks = dict.fromkeys(_notebooks_in(root), root)
    if os.environ.get("NOTEBOOKS_AS_COMMITTED"):
        folder = tempfile.TemporaryDirectory(prefix="notebooks-")
        _committed.append(folder)
        _take_committed(root, Path(folder.name))
        notebooks |= dict.fromkeys(_notebooks_in(Path(folder.name)), Path(folder.name))
    for path in sorted(notebooks):
        files.append(File(path, str(notebooks[path]), config.site_dir, config.use_directory_urls))
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
    root = Path(config.config_file_path).parent
    while _committed:
        with _committed.pop() as folder:
            if any(_changed(root / path, Path(folder) / path) for path in _notebooks_in(Path(folder))):
                (Path(config.site_dir) / _AS_COMMITTED).touch()


def _notebooks_in(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in root.glob("labs/*/lab.ipynb")]


def _take_committed(root: Path, folder: Path) -> None:
    """Put the labs' notebooks into ``folder`` as they were committed; none where this is no clone."""
    command = ["git", "-C", str(root), "archive", "HEAD", ":(glob)labs/*/lab.ipynb"]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:  # a folder has none
                notebook = folder / member.name
                notebook.parent.mkdir(parents=True, exist_ok=True)
                notebook.write_bytes(content.read())


def _changed(notebook: Path, committed: Path) -> bool:
    return not notebook.is_file() or notebook.read_bytes() != committed.read_bytes()


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
