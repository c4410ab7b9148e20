"""What every lab's notebooks look like, read and not run: the lab contract itself is in test_contract."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import pytest

LABS = Path(__file__).resolve().parents[2] / "labs"
LISTED = tomllib.loads((LABS / "labs.toml").read_text("utf-8"))["lab"]
SLUGS = [lab["slug"] for lab in LISTED]
SECTIONS = ["Goal", "Predict", "Example", "Fill in", "Your turn", "Check", "Why", "On real AWS"]
CONNECT = "from lambda_sandbox import connect\n\nsandbox = connect({})"
CHECK = "from autograder import checks\n\nchecks.run()"

every_lab = pytest.mark.parametrize("slug", SLUGS)
every_notebook = pytest.mark.parametrize(
    "path", [LABS / slug / name for slug in SLUGS for name in ("lab.ipynb", "solution/lab.ipynb")],
    ids=lambda path: str(path.relative_to(LABS)),
)  # fmt: skip


def cells_of(path: Path, kind: str | None = None) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cells"]
    return [
        {**cell, "source": "".join(cell["source"])} for cell in cells if kind in (None, cell["cell_type"])
    ]


def answer_of(cell: dict[str, Any]) -> str | None:
    tags = [tag for tag in cell["metadata"].get("tags", []) if tag.startswith("answer:")]
    return tags[0].removeprefix("answer:") if tags else None


def test_every_folder_is_listed_and_every_listed_lab_has_a_folder() -> None:
    assert sorted(path.name for path in LABS.iterdir() if path.is_dir()) == sorted(SLUGS)


@every_lab
def test_a_lab_comes_after_labs_that_are_listed_before_it(slug: str) -> None:
    place = SLUGS.index(slug)
    assert set(LISTED[place]["after"]) <= set(SLUGS[:place])


@every_lab
def test_a_lab_says_what_it_is_worth_taking_it_for(slug: str) -> None:
    lab = LISTED[SLUGS.index(slug)]
    assert lab["title"]
    assert 15 <= lab["minutes"] <= 45
    assert len(lab["goals"]) >= 3
    assert set(lab["requires"]) <= {"process"}
    assert all(re.fullmatch(r"(DVA-C02|SAA-C03|CLF-C02) \d\.\d", task) for task in lab["exam_tasks"])


@every_notebook
def test_notebook_is_valid_4_5_with_nothing_of_a_run_in_it(path: Path) -> None:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert not [cell.id for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]


@every_notebook
def test_sections_come_in_the_order_that_every_lab_keeps(path: Path) -> None:
    prose = "\n".join(cell["source"] for cell in cells_of(path, "markdown"))
    found = [match[1] for match in re.finditer(r"(?m)^## ([^:\n]+)", prose)]
    assert [title for title in found if title in SECTIONS] == SECTIONS


@every_notebook
def test_notebook_begins_with_connect_and_ends_with_the_checks(path: Path) -> None:
    sources = [cell["source"] for cell in cells_of(path, "code")]
    slug = path.relative_to(LABS).parts[0]
    lab = LISTED[SLUGS.index(slug)]
    # The grader's sandbox is like this: the learner's is to be so too.
    asked = [f'clock="{lab["clock"]}"'] if "clock" in lab else []
    asked += ["enforce_iam=True"] if lab.get("enforce_iam") else []
    assert sources[0] == CONNECT.format(", ".join(asked))
    assert sources[-1] == CHECK


@every_notebook
def test_code_is_plain_python_and_names_no_address(path: Path) -> None:
    for cell in cells_of(path, "code"):
        magic, code = re.match(r"((?:%%writefile work/\S+\n)?)(.*)", cell["source"], re.DOTALL).groups()  # type: ignore[union-attr]
        if not magic or magic.endswith(".py\n"):  # other files may be in another language: a shell script
            ast.parse(code)
        assert not re.search(r"^\s*[!%]", code, re.MULTILINE), cell["id"]
        # A site below .example is nobody's and is never called: it stands for the origin of a page, for instance.
        address = r"localhost|127\.0\.0\.1|endpoint_url|https?://(?![\w.-]+\.example\b)"
        assert not re.search(address, magic + code), cell["id"]


@every_notebook
def test_files_go_into_folders_that_the_notebook_makes(path: Path) -> None:
    sources = [cell["source"] for cell in cells_of(path, "code")]
    for place, source in enumerate(sources):
        folder = re.match(r"%%writefile (work/\w+)/", source)
        if folder:
            assert any(f'Path("{folder[1]}").mkdir(' in earlier for earlier in sources[:place]), folder[1]


@every_lab
def test_solution_differs_from_the_starter_in_every_answer_cell_and_nowhere_else(slug: str) -> None:
    starter, solution = cells_of(LABS / slug / "lab.ipynb"), cells_of(LABS / slug / "solution" / "lab.ipynb")
    assert [cell["id"] for cell in starter] == [cell["id"] for cell in solution]
    answers = {cell["id"] for cell in starter if answer_of(cell)}
    assert answers
    for open_cell, filled in zip(starter, solution, strict=True):
        differs = open_cell["source"] != filled["source"]
        assert differs == (open_cell["id"] in answers), open_cell["id"]
        assert open_cell["metadata"] == filled["metadata"]


@every_lab
def test_answers_that_the_checks_read_exist_in_the_notebook(slug: str) -> None:
    checks = "".join(path.read_text("utf-8") for path in (LABS / slug / "checks").glob("test_*.py"))
    read = set(re.findall(r'submission\.(?:literal|source)\("([^"]+)"\)', checks))
    answers = {answer_of(cell) for cell in cells_of(LABS / slug / "lab.ipynb")}
    assert read
    assert read <= answers


@every_lab
def test_every_event_is_a_json_object(slug: str) -> None:
    events = sorted((LABS / slug / "events").glob("*.json"))
    assert len(events) >= 2
    for path in events:
        assert isinstance(json.loads(path.read_text("utf-8")), dict), path.name


@every_lab
def test_template_deploys_folders_and_functions_of_the_notebook(slug: str) -> None:
    template = (LABS / slug / "template.yaml").read_text("utf-8")
    code = "\n".join(cell["source"] for cell in cells_of(LABS / slug / "solution" / "lab.ipynb", "code"))
    names = re.findall(r"FunctionName: (\S+)", template)
    folders = re.findall(r"CodeUri: (\S+)/", template)
    assert len(names) == len(folders) == template.count("AWS::Serverless::Function")
    for name, folder in zip(names, folders, strict=True):
        assert re.search(rf'deploy\(\s*"{name}",\s*"{folder}"', code), name


def test_readme_lists_every_lab_with_its_minutes() -> None:
    readme = (LABS / "README.md").read_text("utf-8")
    for lab in LISTED:
        row = next(line for line in readme.splitlines() if f"({lab['slug']}/lab.ipynb)" in line)
        assert row.split("|")[3].strip() == str(lab["minutes"])
