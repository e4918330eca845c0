"""Run the cells of examples/quickstart.ipynb in order and keep what they print; needs no Jupyter.

python docs/tools/notebook.py
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"


def main() -> None:
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    runnable = [c for c in cells if "jupyter-only" not in c["metadata"].get("tags", ())]
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        for number, cell in enumerate(runnable, 1):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec("".join(cell["source"]), names)  # noqa: S102 - the notebook is our own
            text = printed.getvalue().splitlines(keepends=True)
            output = {"name": "stdout", "output_type": "stream", "text": text}
            cell |= {"execution_count": number, "outputs": [output]}
        os.chdir(NOTEBOOK.parent)
    text = json.dumps(book, indent=1, ensure_ascii=False)
    NOTEBOOK.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
