"""What a report says, in English. Same keys as in chinese.py."""

# ruff: noqa: E501, ISC004 (sentences, as long as they are)

from scrapeguard.exports.readme import NOT_PROVED
from scrapeguard.exports.steps import ENGLISH

LANGUAGE = "en"
NOTHING_PROVED = tuple(NOT_PROVED)
SAID = {
    "title": "Incident {id}: {actor}",
    "heading": "What {actor} did, and what was done about it",
    "incident": "Incident {id} · {first} to {last}",
    "lead": "Within {span}, {actor} asked {hosts} for {asked} different objects in {requests} requests and was handed "
    "{taken} of them.",
    "lead_measures": "Measures it met: {placed}. Further requests after the first of them: {returned}.",
    "this_site": "this site",
    "observed": "Nothing was imposed: the guard only observed, or the signals were observed ones. Enforced, the highest "
    "answer would have been: {rung}. Observation is not a protective measure.",
    "imported": "{count} of these requests were read from an access log, not seen live.",
    "tile_requests": "requests",
    "tile_taken": "different pages or data objects taken",
    "tile_bytes": "of content taken",
    "tile_refused": "requests refused",
    "tile_placed": "measures imposed",
    "tile_returned": "requests after the first measure",
    "course": "The course of it",
    "course_text": "Requests in each of {intervals} equal intervals of {each}.",
    "course_chart": "requests over time, served and refused",
    "served": "content served",
    "other": "errors, redirects",
    "refused": "refused",
    "mark": "a measure",
    "1": "1. What was forbidden",
    "no_notice": "No notice was recorded as published while this happened.",
    "in_force": "in force since {time} at the latest",
    "not_kept": "Its bytes were not kept.",
    "forbidden": "{count} requests took what these rules of robots.txt forbid to this agent:",
    "not_forbidden": "No request took a path that robots.txt forbids to this agent.",
    "trapped": "{count} requests followed a link that no person sees.",
    "1_rests": "config.activated and start (which notice was in force, by SHA-256), data/notices/ (its bytes); "
    "requests with what.forbidden or what.trapped, and their disclosure request.forbidden",
    "2": "2. How it was protected",
    "modes": "The guard's mode was: {modes}.",
    "mode": "{mode} ({count} requests)",
    "thresholds": "{steps}. The score is the sum of the weights of the signals.",
    "step": "{name} from a score of {score}",
    "signals": "Signals, with the most that each saw",
    "none": "None.",
    "met": "What the requests met",
    "2_rests": "config.activated and data/configs/ (mode, limits); requests: what.signals (detector, seen, limit), "
    "what.verdict (rung, mode, score)",
    "3": "3. What they knew",
    "asked": "Requests for robots.txt: {count}, the first at {time}.",
    "not_asked": "robots.txt was never asked for during this time.",
    "told": "{count} answers refused the request and said why, each with a reference.",
    "not_told": "No request was refused.",
    "notice": "Notice",
    "version": "Version (SHA-256)",
    "how": "How",
    "times": "Times",
    "first_told": "First",
    "last_told": "Last",
    "told_to": "Addresses",
    "by_asking": "served on request",
    "by_refusal": "linked from refusals",
    "agents": "Who they said they were",
    "no_agent": "(none sent)",
    "3_rests": "what.told of requests for notices and of refusals (name, and the beginning of the digest under which "
    "data/notices/ has the bytes); what.ref of each refusal, printed in its answer; "
    "disclosure agent.agent",
    "4": "4. How they got round it",
    "no_measure": "No measure was imposed, so there was nothing to get round.",
    "after": "After the first measure {returned} requests followed; {served} of them were served, with {objects} "
    "objects ({bytes}). That the sender knew of the measure is an inference from the answers it was sent.",
    **ENGLISH,
    "5": "5. How much was taken",
    "taken": "{objects} different objects in {requests} answers, {size} ({bytes} bytes). Counted are pages, data and "
    "feeds that were answered 2xx with nothing imposed; objects are told apart by path and query.",
    "grown": "Different objects taken, as they grew",
    "grown_chart": "different objects taken over time",
    "kinds": "All requests, by what was asked for",
    "statuses": "By status",
    "first_objects": "The first objects taken",
    "5_rests": "requests: what.status, what.bytes, what.resource, what.verdict.rung; disclosure request.object. "
    "data/analysis/requests.csv has them by hour and object, queries.txt says how each figure is counted",
    "6": "6. What it cost",
    "period": "Period",
    "before": "before",
    "during": "during",
    "after_period": "after",
    "of_actor": "of this actor, during",
    "share": "its share, during",
    "requests": "Requests",
    "bytes": "Bytes",
    "work": "Time of work",
    "licence": "Licences for {objects} objects at {price} each would have cost {sum}.",
    "no_licence": "No price of a licence was given.",
    "spent": "Expenses entered: {sums}.",
    "no_spent": "No expenses were entered.",
    "assumptions": "What is assumed",
    "6_rests": "all requests of this log in the three periods (only sums leave it: data/analysis/loss.json); records of "
    "the kind expense",
    "7": "7. The ten elements of a claim",
    "element": "Element",
    "state": "State",
    "what": "What is here, and what is missing",
    "there": "there",
    "partly": "partly there",
    "missing": "missing",
    "8": "8. What this does not prove",
    "lacking": "What the log itself says is missing",
    "no_lacking": "Nothing that is shown here.",
    "more_lacking": "… and {count} more.",
    "leaf_of": "(leaf {leaf})",
    "lacking_gap": "From {since} to {until}, {count} records could not be written ({error}).",
    "lacking_unsynced": "What had been written could not be made durable {count} times before {time} ({error}).",
    "lacking_cut": "The process that wrote {segment} was killed or broke off after its record {seq} of {last}, as was found on "
    "{time}. Requests that it was answering, or that waited to be written (by its settings at most {records}, or those of "
    "{ms} ms), left no trace. Whether there were any, nobody knows.",
    "lacking_torn": "{segment} has {bytes} torn bytes at its end and {lines} damaged lines.",
    "lacking_damage": "{file} is damaged from byte {offset} on.",
    "lacking_step": "The clock was stepped by {seconds} s, as was seen on {time}: times before and after cannot be compared.",
    "lacking_ahead": "On {time} the clock was {seconds} s ahead of a time-stamp authority's.",
    "lacking_behind": "On {time} the clock was {seconds} s behind a time-stamp authority's.",
    "lacking_alone": "The shared store did not answer from {since} to {until}; so long a process counted alone. (?: not shown.)",
    "lacking_silent": "{by} stamped nothing from {since} to {until}. (?: not shown.)",
    "9": "9. How to check this",
    "checking": "README.txt in the bundle says how, with common tools and without us. The log is signed by the key "
    "{key}. That proves something only to somebody who got this key by another road than the bundle. This page is for "
    "reading; the records in data/log/ are the evidence.",
    "made_from": "This page was made from these files in data/analysis/, by SHA-256: {figures}.",
    "based": "rests on {count} records, leaves {leaves}",
    "based_one": "rests on one record, leaf {leaves}",
    "leaf": "Where it says “leaf 2026-11/17”, the line that begins with 17 in data/log/2026-11/records.index has the same "
    "number as the record's line in records.jsonl there. data/analysis/references.json has more of the leaves.",
    "tested": "Self-tests on record from this time: {count}. In each, made-up scrapers were sent past every detector, and a made-up "
    "person. Every scraper was seen, and the person was not, in {good} of {count}.",
    "not_tested": "No self-test is on record from this time.",
    "exhibits": "Exhibits: what was asked and answered",
    "exhibits_text": "{count} exchanges were captured and lie in data/exhibits/ as WARC files, request and answer, each bound "
    "to its record. Cookies, credentials and the bodies of requests are not in them.",
    "exhibit": "Exhibit",
    "exhibit_time": "Time (UTC)",
    "exhibit_status": "Answered with",
    "exhibit_body": "Body",
    "whole": "whole",
    "catalogue": "That is {share} of the catalogue: {taken} of {all} objects.",
    "catalogue_option": "How large the catalogue is, the operator said at the export; nothing here proves it.",
    "catalogue_settings": "How large the catalogue is, the operator had set beforehand ([evidence] catalogue); the settings in "
    "force are in data/configs/.",
    "catalogue_sitemap": "The size is the number of pages in a sitemap with the SHA-256 {digest}…, given at the export.",
    "no_catalogue": "The size of the whole catalogue was not given, so no share can be told.",
    "not_known": "not known",
    "rests": "Rests on: ",
    "cause_signals": "by its signals",
    "cause_deny-list": "by the operator's deny list",
    "cause_standing": "measure from before",
    "allow": "let through",
    "throttle": "slowed (429)",
    "challenge": "challenged",
    "tarpit": "answered slowly",
    "block": "blocked (403)",
    "and": " and ",
}
ASSUMPTIONS = (
    "“During” is from the first to the last request of the incident; “before” and “after” are as long, directly beside.",
    "The load of a period is the requests that this log recorded in it. If only odd ones are recorded, it is not all.",
    "Time of work runs from the first byte of judging a request to the last byte of its answer, waiting included. It is "
    "not CPU time.",
    "Bytes are those of bodies handed over, without headers, encryption and retransmissions.",
    "A share says what part this actor was. It does not say that the rest would have been faster or cheaper without it.",
    "A licence's price is counted for each different object taken, as if each had been bought once.",
    "Each object taken is counted as one of the catalogue, also one that is a list, a search or another view of it.",
    "Expenses are what the operator entered. Nothing here checks a bill.",
)
ELEMENTS = {  # (name, what is here, what is missing or has to come from elsewhere)
    "a": ("Right and public notice", "Notices with their bytes, SHA-256 and time: {notices}. Requests for robots.txt: "
          "{robots}.", "Who owns the data and why it is protected; that terms were accepted."),
    "b": ("Measures existed and worked", "Settings in force and mode. Measures imposed: {placed}. Self-tests on record: "
          "{tests}, of them good: {good}.", "A test that others saw; the false-alarm rate."),
    "c": ("They knew", "Requests for robots.txt: {robots}, versions of notices served: {versions}. Refusals with reason: "
          "{refused}.", "A letter (cease and desist) and its receipt."),
    "d": ("They evaded", "Requests after the first measure: {returned}. Agents: {agents}. Returns from other addresses, by "
          "links whose error is printed: {moves}. Forgeries, traps and other ways round: {tricks}.", "Who ordered it; "
          "addresses that nothing links."),
    "e": ("How much", "Objects: {objects}, in {requests} requests, {bytes}. Share of the catalogue: {share}. Queries and "
          "tables.", "What was taken before this log began, or from elsewhere."),
    "f": ("Who", "Addresses with source ports, times and networks: {subjects}. Sessions or keys: {accounts}. Fingerprints: "
          "{fingerprints}. Links with reasons: {links}.", "The person: the networks' owners have to say who had these "
          "addresses and ports then."),
    "g": ("Use elsewhere", "Traces planted and found again, on record: {traces}.", "Captures of the other side's product by "
          "a third party."),
    "h": ("Damage and expenses", "Share of requests, bytes and time of work. Expenses entered: {expenses}.", "Bills and "
          "hours; lost licences; that the damage is this actor's."),
    "i": ("Integrity and custody", "Signed tree, {stamped}, counts of each hour, record of this export. Troubles that the "
          "log tells of: {troubles} (section 8).", "Integrity is not truth. A witness makes a second version of the log impossible to hide."),
    "j": ("The evidence is lawful", "Personal facts are sealed by day, and only this actor's are opened here. Looks into "
          "the vault on record here: {looks}.", "The legal ground, and why: from the operator's own records."),
}  # fmt: skip
STAMPED = ("no time stamp by others", "time stamps by others")
