"""Evidence and decisions in forms that others can use."""

from scrapeguard.exports.bundle import Bundle, Extras, export
from scrapeguard.exports.decisions import Ban, Publication
from scrapeguard.exports.explanation import explain

__all__ = ["Ban", "Bundle", "Extras", "Publication", "explain", "export"]
