"""The names of classes and functions in a pickle: which are refused, and that none is looked up."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint

# No checkpoint has an honest use for these; a file that names one was made to run code.
_MODULES = """
    os posix nt posixpath ntpath subprocess _posixsubprocess sys shutil socket _socket ssl ctypes
    _ctypes cffi importlib imp runpy pty pdb bdb code codeop pickle _pickle cPickle dill
    cloudpickle joblib marshal operator _operator webbrowser multiprocessing threading _thread
    asyncio tempfile io _io codecs timeit cProfile profile trace doctest pydoc pip ensurepip venv
    urllib http requests httpx aiohttp ftplib smtplib telnetlib signal gc inspect atexit site
    sysconfig distutils setuptools commands popen2 linecache zipimport pkgutil fileinput
"""
DANGEROUS = frozenset(_MODULES.split())
DANGEROUS_PATHS = (
    *("torch.load", "torch.serialization.load", "torch.storage._load_from_bytes", "torch.hub"),
    *("torch.jit.load", "torch.package", "torch.ops", "torch.classes", "torch.utils.cpp_extension"),
    *("numpy.load", "numpy.f2py", "numpy.testing", "numpy.distutils"),
    *("types.FunctionType", "types.CodeType", "types.MethodType", "types.ModuleType"),
)
_BUILTINS = """
    object set frozenset list dict tuple bytearray bytes complex int float str bool slice range
    Ellipsis NotImplemented long unicode basestring xrange
"""
HARMLESS_BUILTINS = frozenset(_BUILTINS.split())
_LONGEST = 1000


@dataclass(frozen=True)
class GlobalName:
    """The dotted name of a class or function that a file mentions. It was not looked up."""

    name: str


def global_name(module: str, name: str) -> GlobalName:
    """A reference to `module.name`. Raises UnsafeCheckpoint for names that are only there to run.

    Every part of `name` is judged as well: `torch.serialization` + `os.system` is `os.system`.
    """
    if len(module) + len(name) > _LONGEST:
        raise BadCheckpoint("Its pickle imports a name of more than 1000 characters.")
    module = module.replace("__builtin__", "builtins")
    path = "".join(c if c.isprintable() else "?" for c in f"{module}.{name}")[:200]
    parts = name.split(".")
    unsafe = (
        module.split(".")[0] in DANGEROUS
        or not DANGEROUS.isdisjoint(parts[:-1])
        or parts[-1] in DANGEROUS - {"code", "site", "trace", "profile", "signal"}
        or any(part.startswith("__") for part in parts)
        or any(path == bad or path.startswith(f"{bad}.") for bad in DANGEROUS_PATHS)
        or (module == "builtins" and not _harmless_builtin(name))
    )
    if unsafe:
        raise UnsafeCheckpoint(
            f"The file asks for '{path}', which could run code. Nothing was run.",
            "Do not use this file; get the model as .safetensors or from a source you trust.",
        )
    return GlobalName(path)


def _harmless_builtin(name: str) -> bool:
    return name in HARMLESS_BUILTINS or name.endswith(("Error", "Exception", "Warning"))
