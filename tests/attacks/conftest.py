"""One bundle, stamped by a real authority, that every attack begins with."""

from collections.abc import Iterator

import pytest
from authority import Authority
from bundling import brought, bundled, keeping, unpacked
from insider import Case, World

from scrapeguard.evidence import keys


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("attacked")
    authority = Authority(folder / "tsa")
    with authority.serve() as url:
        bundle = bundled(folder, keeping(url, authority))
        signer = keys.load(folder / "evidence", "shop.example/evidence/web1")
        case = Case(unpacked(bundle.path), signer, authority, Authority(folder / "rogue"), folder)
        yield case, bundle, brought(bundle, authority)
