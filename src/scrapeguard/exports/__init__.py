"""Evidence in forms that others can use."""

from scrapeguard.exports.bundle import Bundle, Extras, export
from scrapeguard.exports.explanation import explain

__all__ = ["Bundle", "Extras", "explain", "export"]
