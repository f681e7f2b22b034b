"""The rules of the tree, as functions from a source folder to the sentences that say where it breaks them.

`test_architecture.py` demands that none is broken, and plants a violation of each to see that it would be told.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LAYERS = (  # a module imports from its own package and from lower lines, never from its own line or a higher one
    {"__init__", "cli"},
    {"demo"},
    {"doors"},
    {"guard", "exports"},
    {"selftest", "meter", "lifespan"},
    {"parts"},
    {"signals", "policy", "responses", "stores", "evidence", "notices", "decoys"},
    {"facts", "sidecar"},
    {"config"},
    {"model", "errors", "version"},
    {"fleeting"},
)
HOMES = {  # the files or folders that may import a package that is not ours
    "altcha": ("responses/tasks.py",),
    "click": ("cli/",),
    "cryptography": ("facts/signatures.py", "evidence/"),
    "django": ("decoys/django_tags.py",),
    "dns": ("facts/dns.py",),
    "http_message_signatures": ("facts/signatures.py",),
    "httptools": ("doors/proxy/",),
    "redis": ("stores/lines.py", "stores/urls.py", "stores/sentinel.py", "stores/cluster.py"),
    "rich": ("cli/",),
    "starlette": (
        "guard.py",
        "lifespan.py",
        "meter.py",
        "parts.py",
        "responses/",
        "notices/",
        "decoys/",
        "doors/",
        "demo/",
    ),
    "ua_parser": ("facts/agent.py",),
    "user_agents": ("facts/agent.py",),
    "uvicorn": ("cli/", "demo/"),
    "websockets": ("doors/proxy/",),
    "zstandard": ("doors/",),
}
PURE = ("signals/", "policy.py", "model.py")
PURE_IMPORTS = {
    "bisect", "collections", "dataclasses", "enum", "fractions", "functools", "ipaddress", "itertools", "math",
    "operator", "re", "statistics", "string", "typing", "scrapeguard",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}
STANDALONE = ("verify",)  # of evidence/: strangers audit it, so nothing else of ours is in it
LATE_IMPORTS = {  # imports inside a function, each with its reason in the code
    ("cli/proxy.py", "scrapeguard.doors.proxy"),
    ("cli/serving.py", "scrapeguard.cli.bounded.Bounded"),
    ("__init__.py", "scrapeguard.guard.ScrapeGuard"),
    ("facts/crawlers.py", "scrapeguard.facts.dns.Resolver"),
    ("facts/crawlers.py", "scrapeguard.facts.signatures.Signatures"),
    ("stores/__init__.py", "scrapeguard.stores.redis.RedisStore"),
}
BROAD_EXCEPTS = {"lifespan.py": 1}  # an app without a lifespan may raise anything at all
BASES = {
    "Exception",
    "click.ClickException",
    "Enum",
    "IntEnum",
    "StrEnum",
    "NamedTuple",
    "Protocol",
    "asyncio.Protocol",
    "asyncio.Transport",
    "HttpToolsProtocol",  # uvicorn's, which has no other way to be given bounds
}
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core"}
MODULE_LINES, FUNCTION_LINES = 250, 40
LONGER = {
    "evidence/verify.py": 1_930,  # runs alone as one file, and writes tree, notes, stamps and exhibits a second time
    "model.py": 350,  # all the nouns in one place, one after the other: to be looked up, not to be followed
}
UNUSED_YET = {"decoys/django_tags.py"}  # built and tested ahead of what will use them, or for others to import
REGISTRIES = ("signals", "responses", "notices", "stores", "doors/formats", "exports", "cli")


@dataclass(frozen=True)
class Module:
    path: str  # relative to the package, such as "signals/pace.py"
    tree: ast.Module
    lines: int

    @property
    def unit(self) -> str:
        """The part of the tree it belongs to: a name in LAYERS."""
        return self.path.split("/")[0].removesuffix(".py")

    @property
    def name(self) -> str:
        return "scrapeguard." + self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def pure(self) -> bool:
        return self.path.startswith(PURE)

    def imports(self, within: ast.AST | None = None) -> Iterator[tuple[int, str]]:
        """Line and dotted name of everything imported: `from a.b import c` is "a.b.c"."""
        for node in ast.walk(within or self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = "." * node.level + (node.module or "")
                yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node


@cache
def parse(path: str, text: str) -> Module:
    return Module(path, ast.parse(text), len(text.splitlines()))


def read(package: Path) -> list[Module]:
    """Every Python file of the package."""
    return [
        parse(file.relative_to(package).as_posix(), file.read_text("utf-8")) for file in sorted(package.rglob("*.py"))
    ]


def layers(modules: list[Module]) -> Iterator[str]:
    """Imports go downwards only, and everything at the top has its line."""
    line_of = {unit: number for number, units in enumerate(LAYERS) for unit in units}
    for module in modules:
        if module.unit not in line_of:
            yield f"{module.path}: {module.unit} has no line in LAYERS"
            continue
        for line, name in module.imports():
            if name.startswith("."):
                yield f"{module.path}:{line} imports {name}; write it in full"
            if not name.startswith("scrapeguard."):
                continue
            other = name.split(".")[1]
            below = line_of.get(other, -1) > line_of[module.unit]
            friend = (module.unit, other) == ("policy", "facts")
            if other != module.unit and not below and not friend:
                yield f"{module.path}:{line} imports {name}, which is not below it"


def homes(modules: list[Module]) -> Iterator[str]:
    """Each package that is not ours is imported where it lives, and nowhere else."""
    for module in modules:
        for line, name in module.imports():
            package = name.split(".")[0]
            if package in sys.stdlib_module_names or package in ("scrapeguard", ""):
                continue
            if package not in HOMES:
                yield f"{module.path}:{line} imports {package}, which has no home in HOMES"
            elif not module.path.startswith(HOMES[package]):
                yield f"{module.path}:{line} imports {package}, whose home is {' and '.join(HOMES[package])}"


def purity(modules: list[Module]) -> Iterator[str]:
    """Rules know no clock, no randomness, no input or output, no logging and no HTTP."""
    for module in filter(Module.pure, modules):
        for line, name in module.imports():
            if name.split(".")[0] not in PURE_IMPORTS:
                yield f"{module.path}:{line} imports {name}, which is not pure"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
                yield f"{module.path}:{node.lineno} calls {node.func.id}(), which is not pure"


def standalone(modules: list[Module]) -> Iterator[str]:
    """The verifier can be read and run without the rest of us: the standard library, cryptography and itself."""
    own = tuple(f"scrapeguard.evidence.{name}." for name in STANDALONE)
    for module in modules:
        if f"{module.name}." in own:
            for line, name in module.imports():
                known = name.split(".")[0] in sys.stdlib_module_names | {"cryptography"}
                if not known and not name.startswith(own):
                    yield f"{module.path}:{line} imports {name}; it stands alone"


def uses(modules: list[Module]) -> dict[str, set[str]]:
    """By module, the modules of ours that it imports."""
    files = {module.name for module in modules}
    return {
        module.name: {name if name in files else name.rpartition(".")[0] for _, name in module.imports()}
        for module in modules
    }


def registries(modules: list[Module]) -> Iterator[str]:
    """What can be extended is a folder: its __init__ leads to every file in it."""
    used = uses(modules)
    for folder in REGISTRIES:
        package = "scrapeguard." + folder.replace("/", ".")
        reached, ahead = set[str](), {package}
        while ahead:
            reached |= ahead
            ahead = {name for at in ahead for name in used.get(at, ()) if name.startswith(package + ".")} - reached
        beside = {name for name in used if name.startswith(package + ".")}
        yield from (f"{name} is not registered in {folder}/__init__.py" for name in sorted(beside - reached))


def orphans(modules: list[Module]) -> Iterator[str]:
    """Nothing lies about unused."""
    wanted = {name for at, names in uses(modules).items() for name in names if name != at}
    for module in modules:
        unused = module.name not in wanted and not module.path.endswith("__init__.py")
        if unused and module.path not in UNUSED_YET:
            yield f"{module.path} is imported by nobody"
        elif not unused and module.path in UNUSED_YET:
            yield f"{module.path} is used now; take it off UNUSED_YET"


def late_imports(modules: list[Module]) -> Iterator[str]:
    """No import hides inside a function."""
    for module in modules:
        for function in module.functions():
            for line, name in module.imports(function):
                if (module.path, name) not in LATE_IMPORTS:
                    yield f"{module.path}:{line} imports {name} inside {function.name}()"


def sizes(modules: list[Module]) -> Iterator[str]:
    """A module fits in the head, a function on the screen."""
    for module in modules:
        limit = LONGER.get(module.path, MODULE_LINES)
        if module.lines > limit:
            yield f"{module.path} has {module.lines} lines; the limit is {limit}"
        for function in module.functions():
            length = (function.end_lineno or function.lineno) - function.lineno + 1
            if length > FUNCTION_LINES:
                place = f"{module.path}:{function.lineno} {function.name}()"
                yield f"{place} has {length} lines; the limit is {FUNCTION_LINES}"


def sentences(modules: list[Module]) -> Iterator[str]:
    """Every module opens with a sentence that says what it is."""
    for module in modules:
        opening = (ast.get_docstring(module.tree) or "").split("\n\n")[0]
        if not opening.rstrip().endswith((".", "?", ":", "…")):
            yield f"{module.path} does not open with a sentence"


def broad_excepts(modules: list[Module]) -> Iterator[str]:
    """Nobody swallows errors he does not know."""
    for module in modules:
        found = []
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler):
                caught = {"BaseException"} if node.type is None else {ast.unparse(n) for n in ast.walk(node.type)}
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
                caught = {ast.unparse(argument) for argument in node.args}
            else:
                continue
            if caught & {"Exception", "BaseException"}:
                found.append(node.lineno)
        for line in found[BROAD_EXCEPTS.get(module.path, 0) :]:
            yield f"{module.path}:{line} catches everything"


def habits(modules: list[Module]) -> Iterator[str]:
    """No inheritance but from exceptions, enumerations and protocols; no `global`; no drawer for odds and ends."""
    errors = {n.name for m in modules if m.path == "errors.py" for n in m.tree.body if isinstance(n, ast.ClassDef)}
    for module in modules:
        if BANNED_NAMES & set(module.path.removesuffix(".py").split("/")):
            yield f"{module.path} says nothing about what is in it"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Global):
                yield f"{module.path}:{node.lineno} changes the state of its module"
            elif isinstance(node, ast.ClassDef):
                for base in (ast.unparse(base).split("[")[0] for base in node.bases):
                    if base not in BASES | errors:
                        yield f"{module.path}:{node.lineno} {node.name} inherits from {base}"


RULES: tuple[Callable[[list[Module]], Iterator[str]], ...] = (
    layers,
    homes,
    purity,
    standalone,
    registries,
    orphans,
    late_imports,
    sizes,
    sentences,
    broad_excepts,
    habits,
)
