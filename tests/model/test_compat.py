"""scvi-tools' private surface: what is in use is named in one file, and is there."""

import ast
import inspect
from pathlib import Path

import pytest

import crystallin.model
from crystallin.model._compat import PRIVATE

ROOM = Path(crystallin.model.__file__).parent
OWNERS = ("scvi", "lightning")


def sources_of(owner):
    """Text of a class and its parents, as far as they are of scvi-tools or Lightning."""
    parents = (parent for parent in owner.__mro__ if parent.__module__.partition(".")[0] in OWNERS)
    return "".join(map(inspect.getsource, parents))


def is_of(name, owner):
    return hasattr(owner, name) or f"self.{name} =" in sources_of(owner)


def private_names():
    """Private names that the room uses or defines, with the files they are in."""
    found = {}
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "attr", None) or (node.name if isinstance(node, ast.FunctionDef) else "")
            if name.startswith("_") and not name.startswith("__"):
                found.setdefault(name, set()).add(path.name)
    return found


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in PRIVATE.items() for name in names])
def test_it_is_there(owner, name):
    assert is_of(name, owner), f"{owner.__name__} has no {name} any more"


def test_the_list_is_complete():
    used = private_names()
    assert len(used) > 50
    missing = [
        f"{owner.__name__}.{name} ({', '.join(sorted(files))})"
        for name, files in used.items()
        for owner in PRIVATE
        if is_of(name, owner) and name not in PRIVATE[owner]
    ]
    assert not missing
    named = {name for names in PRIVATE.values() for name in names}
    assert named <= set(used), f"not in use: {sorted(named - set(used))}"


def test_no_other_file_imports_scvi_tools():
    importing = {
        path.name
        for path in ROOM.parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "scvi")
        or (isinstance(node, ast.Import) and any(name.name.partition(".")[0] == "scvi" for name in node.names))
    }
    assert importing == {"_compat.py"}
