"""What the documentation shows runs as it stands."""

from __future__ import annotations

import re

import pytest

from conftest import ROOT


@pytest.mark.parametrize("page", ["metrics", "gate"])
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, f"docs/{page}.md", "exec"), {})  # noqa: S102 - our own page
