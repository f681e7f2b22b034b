"""What a request asks for: the kind of thing, and its identity."""

import re
from hashlib import blake2b

from scrapeguard.model import Headers, Resource

NOTICES = frozenset(
    (
        "/robots.txt",
        "/security.txt",
        "/ai.txt",
        "/.well-known/security.txt",
        "/.well-known/tdmrep.json",
        "/.well-known/ai.txt",
    )
)
KINDS = {
    Resource.ASSET: (
        "avif bmp gif heic heif ico jfif jpe jpeg jpg jxl png svg svgz tif tiff webp",
        "css js map mjs wasm webmanifest eot otf ttf woff woff2",
        "aac flac m3u8 m4a m4s m4v mov mp3 mp4 mpd mpeg mpg oga ogg ogv opus ts vtt wav webm",
        "cur glb gltf mvt pbf",  # a map asks for dozens of tiles with each view
    ),
    Resource.DATA: (
        "csv geojson gml gpx json jsonl jsonld kml kmz n3 ndjson nq nt parquet sql sqlite tsv ttl txt xml yaml yml",
        "doc docx epub ods odt pdf ppt pptx rtf xls xlsx",
        "7z bz2 gz rar tar tgz xz zip zst",
    ),
    Resource.FEED: ("atom rdf rss",),
}
EXTENSIONS = {extension: kind for kind, rows in KINDS.items() for row in rows for extension in row.split()}
FEEDS = frozenset({"feed", "feeds", "rss", "rss2", "atom"})
FEED_FILE = re.compile(r"(?:feed|rss|atom|index|sitemap[^/]*)\.(?:xml|json)(?:\.gz)?", re.IGNORECASE)
DATA = re.compile(
    r"^/(?:[^/]+/)?(?:api|graphql|odata|ajax|xhr|rpc|wp-json|_next/data"
    r"|socket\.io|engine\.io|sockjs|signalr|_blazor|longpoll|cometd|faye|livewire)(?:/|$)",  # ask again and again
    re.IGNORECASE,
)
ASSET = re.compile(
    r"^/(?:_next/(?:static|image)|_nuxt|static|assets?|dist|css|js|fonts?|thumbs?)(?:/|$)", re.IGNORECASE
)

NO_PAGE = (b"application/json", b"image/", b"text/css", b"text/event-stream")

MAX_OBJECT = 512  # characters; what is longer is told apart by a digest
NOISE = re.compile(
    r"(?:utm_\w*|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|yclid|ysclid|twclid|ttclid|li_fat_id|igshid|igsh"
    r"|srsltid|mc_[ce]id|mkt_tok|_ga|_gl|_hs\w+|vero_id|oly_\w+_id|wickedid|epik|_rsc|phpsessid|jsessionid|aspsessionid\w*"
    r"|_)(?:=|$)|(?:t|ts|time|timestamp|cb|cachebust\w*|nocache|rnd|rand|random|r|v|ver)=(?:\d{10,17}|0?\.\d+)$",
    re.IGNORECASE,
)
ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def resource_of(path: str, headers: Headers | None = None) -> Resource:
    """The kind of thing under a path. The name decides; where it says nothing, the Accept header can make it data.

    Never more than that: a header that made an asset of a page would hide a collector from all that count pages. So a
    picture without an image's name is data, which counts.
    """
    if path in NOTICES:
        return Resource.NOTICE
    tail = path[path.rfind("/") + 1 :]
    _, dot, extension = tail.rpartition(".")
    if dot:
        kind = EXTENSIONS.get(extension.lower())
        if kind is Resource.DATA and FEED_FILE.fullmatch(tail):
            return Resource.FEED
        if kind is not None:
            return kind
    elif (tail or path[:-1].rpartition("/")[2]).lower() in FEEDS:
        return Resource.FEED
    if DATA.match(path):
        return Resource.DATA
    if not dot and ASSET.match(path):
        return Resource.ASSET
    accept = b"" if headers is None else headers.raw.get(b"accept", b"")
    return Resource.DATA if accept.startswith(NO_PAGE) and b"text/html" not in accept else Resource.PAGE


def object_of(path: str, query: str) -> str:
    """What is asked for, written in one way, in at most 512 characters.

    Escapes of unreserved characters are decoded and the others upper-cased (RFC 3986 section 6.2.2); parameters that
    track, carry a session or only defeat caches are dropped. Parameters keep their order: another order is, to the
    site, another request.
    """
    if len(path) + len(query) > 8 * MAX_OBJECT:
        return _bounded(f"{path}?{query}")
    if "%" in path:
        path = ESCAPE.sub(_plain, path)
    if ";" in path:
        path = SESSION.sub("", path)
    if not query:
        return _bounded(path)
    kept = "&".join([part for part in query.split("&") if part and not NOISE.match(part)])
    if "%" in kept:
        kept = ESCAPE.sub(_plain, kept)
    return _bounded(f"{path}?{kept}" if kept else path)


def _plain(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in UNRESERVED else escape[0].upper()


def _bounded(text: str) -> str:
    if len(text) <= MAX_OBJECT:
        return text
    rest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{text[: MAX_OBJECT - 33]}~{rest}"
