"""Reference pages that are made whole: quotas and errors."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from docs_hooks import error_tables, exams, quota_table


def on_files(files: Files, config: MkDocsConfig) -> Files:
    pages = {
        "reference/quotas.md": quota_table.page(quota_table.load(exams.DOCS / "facts")),
        "reference/errors.md": error_tables.page(exams.DOCS / "errors.yaml"),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files
