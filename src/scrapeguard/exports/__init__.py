"""Evidence in forms that others can use."""

from scrapeguard.exports.bundle import Bundle, Extras, export

__all__ = ["Bundle", "Extras", "export"]
