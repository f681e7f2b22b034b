"""Decoys in Django's templates: `{% load decoys %}{% decoys %}`, once a library of that name is this module.

    TEMPLATES = [{…, "OPTIONS": {…, "libraries": {"decoys": "scrapeguard.decoys.django_tags"}}}]

The template needs the request in its context (django.template.context_processors.request).
"""

from django.template import Context, Library

from scrapeguard.decoys import NONE, Html, links

register = Library()


@register.simple_tag(takes_context=True)  # type: ignore[untyped-decorator]
def decoys(context: Context, count: int = 1) -> Html:
    """The links for this page; none for a request that did not come through the guard, such as one over WSGI."""
    request = context.get("request")
    return links(request, count) if hasattr(request, "scope") else NONE
