"""The report on what an incident cost: its share of the work, a licence's price, expenses, and all that is assumed."""

from scrapeguard.exports.grounds import based
from scrapeguard.exports.loss import PERIODS
from scrapeguard.exports.sources import Says, Sources
from scrapeguard.exports.words import lasting, number, shown, size

SHARED = ("requests", "bytes", "micros")
LISTED = 30  # expenses told one by one


def cost(sources: Sources, says: Says) -> str:
    """The section as HTML."""
    loss = sources.loss
    licence = says("no_licence")
    if loss.licence is not None:
        price, total = f"{loss.price} {loss.currency}", f"{loss.licence} {loss.currency}"
        licence = says("licence", objects=number(len(sources.incident.taken.objects)), price=price, sum=total)
    assumed = "".join(f"<li>{shown(text, 400)}</li>" for text in says.words.ASSUMPTIONS)
    return (
        f"<h2>{says('6')}</h2>{_periods(sources, says)}{based(sources, says, 'requests')}<p>{licence}</p>"
        f"{_expenses(sources, says)}<h3>{says('assumptions')}</h3><ul>{assumed}</ul>" + says.rests("6")
    )


def _periods(sources: Sources, says: Says) -> str:
    loss, incident = sources.loss, sources.incident
    head = "".join(f"<th>{says(name)}</th>" for name in ("period", "requests", "bytes", "work"))
    names = {"before": "before", "during": "during", "after": "after_period"}
    loads = [(names[each], loss.loads[each]) for each in PERIODS]
    rows = [(name, load.requests, load.bytes, load.micros) for name, load in loads]
    rows.append(("of_actor", incident.requests, incident.bytes, incident.micros))
    lines: list[tuple[str, ...]] = []
    for name, count, many, micros in rows:
        lines.append((says(name), number(count), size(many), lasting(micros)))
    lines.append((says("share"), *(f"{loss.share(what) / 10:.1f} %" for what in SHARED)))
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _expenses(sources: Sources, says: Says) -> str:
    """The sum of what was entered, and each entry."""
    loss = sources.loss
    sums = ", ".join(f"{amount} {currency}" for currency, amount in sorted(loss.spent.items()))
    if not sums:
        return f"<p>{says('no_spent')}</p>"
    rows = "".join(
        f"<li>{shown(str(each.get('amount')))} {shown(str(each.get('currency')))}: {shown(str(each.get('what')))}</li>"
        for each in loss.expenses[:LISTED]
    )
    return f"<p>{says('spent', sums=sums)}</p><ul>{rows}</ul>"


def share(sources: Sources, says: Says) -> str:
    """Which share of the catalogue was taken, and who says how large it is."""
    loss = sources.loss
    if loss.catalogue is None or loss.taken is None:
        return f"<p>{says('no_catalogue')}</p>"
    kind, _, digest = loss.catalogue.source.partition(" ")
    values = {"taken": number(len(sources.incident.taken.objects)), "all": number(loss.catalogue.objects)}
    source = says(f"catalogue_{kind}", digest=digest[:16])
    return f"<p>{says('catalogue', share=f'{loss.taken / 10:.1f} %', **values)} {source}</p>"
