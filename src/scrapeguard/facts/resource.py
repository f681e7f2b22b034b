"""What kind of thing a path asks for, as far as its name tells."""

import re

from scrapeguard.model import Resource

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
    ),
    Resource.DATA: (
        "csv geojson gml gpx json jsonl jsonld kml kmz n3 ndjson nq nt parquet sql sqlite tsv ttl txt xml yaml yml",
        "doc docx epub ods odt pdf ppt pptx rtf xls xlsx",
        "7z bz2 gz rar tar tgz xz zip zst",
    ),
    Resource.FEED: ("atom rdf rss",),
}
EXTENSIONS = {extension: kind for kind, rows in KINDS.items() for row in rows for extension in row.split()}
FEED = re.compile(
    r"/(?:feeds?|rss2?|atom)/?$|/(?:feed|rss|atom|index|sitemap[^/]*)\.(?:xml|json)(?:\.gz)?$", re.IGNORECASE
)
DATA = re.compile(r"^/(?:[^/]+/)?(?:api|graphql|odata|ajax|xhr|rpc|wp-json|_next/data)(?:/|$)", re.IGNORECASE)
ASSET = re.compile(
    r"^/(?:_next/(?:static|image)|_nuxt|static|assets?|dist|css|js|fonts?|thumbs?)(?:/|$)", re.IGNORECASE
)


def resource_of(path: str, accept: str | None = None) -> Resource:
    """The kind of thing under a path. The name decides; `accept` only where the name says nothing.

    So a replay, which sees no headers, agrees with the live guard on all but pictures and styles without an extension.
    """
    if path in NOTICES:
        return Resource.NOTICE
    _, dot, extension = path[path.rfind("/") + 1 :].rpartition(".")
    known = EXTENSIONS.get(extension.lower()) if dot else None
    if known is Resource.ASSET:
        return known
    if FEED.search(path):
        return Resource.FEED
    if known is not None:
        return known
    if DATA.match(path):
        return Resource.DATA
    if not dot and ASSET.match(path):
        return Resource.ASSET
    if accept is not None and accept.startswith(("image/", "text/css")) and "text/html" not in accept:
        return Resource.ASSET
    return Resource.DATA if accept is not None and accept.startswith("application/json") else Resource.PAGE
