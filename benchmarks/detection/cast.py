"""Who comes to the site: each client's name, its kind, its style, and the command that plays it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.detection.ledger import Kind

HERE = Path(__file__).parent / "tools"
MOZILLA = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
)
Command = Callable[[str, Path, Path], list[str]]  # the site's address, the tools' environment, a folder to write to


@dataclass(frozen=True, slots=True)
class Client:
    """`addresses` are those it comes from in turn, one a connection; `needs` is a program or a module of the tools."""

    name: str
    kind: Kind
    style: str
    command: Command
    needs: str = ""
    addresses: int = 1
    seconds: int = 40
    naive: bool = False  # names itself a tool, or sends what no browser does


def crawl(library: str, style: str, count: int, *options: str) -> Command:
    return lambda url, tools, _: [
        str(tools / "bin/python"), str(HERE / "crawler.py"), library, style, url, str(count), *options,
    ]  # fmt: skip


def spider(*settings: str) -> Command:
    def command(url: str, tools: Path, folder: Path) -> list[str]:
        options = [part for setting in ("CLOSESPIDER_PAGECOUNT=400", "LOG_LEVEL=ERROR", *settings)
                   for part in ("-s", setting)]  # fmt: skip
        return [str(tools / "bin/scrapy"), "runspider", str(HERE / "spider.py"), "-a", f"url={url}", *options]

    return command


def node(kind: str, count: int) -> Command:
    return lambda url, tools, _: ["node", str(HERE / "fetch.mjs"), kind, url, str(count)]


def browse(library: str, pages: int, *options: str) -> Command:
    return lambda url, tools, _: [
        str(tools / "bin/python"), str(HERE / "browse.py"), "scrape", library, url, str(pages), *options,
    ]  # fmt: skip


def shell(text: str) -> Command:
    """A shell line with {url} and {folder} in it."""
    return lambda url, _, folder: ["sh", "-c", text.format(url=url, folder=folder)]


def module(code: str) -> Command:
    return lambda url, tools, _: [str(tools / "bin/python"), "-c", code, url]


CURL = "for n in $(seq 1 {last}); do curl -s -o /dev/null {options} {{url}}/item/$n; done"
WGET = "wget -q -r -l inf -P {folder} -T 5 -t 1 "
BROWSER_AGENT = ("--agent", MOZILLA)

NAIVE = (
    Client("curl", "scraper", "ids up", shell(CURL.format(last=250, options="")), "curl", naive=True),
    Client("wget -r", "scraper", "every link", shell(WGET + "{url}/"), "wget", naive=True, seconds=20),
    Client("HTTrack", "scraper", "every link",
           shell("httrack {url}/ -q -O {folder} -c4 -r6 -A9999999 --max-time=18 >/dev/null"), "httrack", naive=True),
    Client("Scrapy", "scraper", "every link", spider(), "scrapy", naive=True),
    Client("Scrapy AutoThrottle", "scraper", "every link", spider("AUTOTHROTTLE_ENABLED=1",
           "AUTOTHROTTLE_START_DELAY=0.3", "DOWNLOAD_DELAY=0.2", "CLOSESPIDER_PAGECOUNT=120"), "scrapy", naive=True),
    Client("Scrapy, obeys robots.txt", "scraper", "every link", spider("ROBOTSTXT_OBEY=1"), "scrapy", naive=True),
    Client("requests", "scraper", "breadth first", crawl("requests", "bfs", 300), "requests", naive=True),
    Client("urllib", "scraper", "ids down", crawl("urllib", "down", 300), naive=True),
    Client("aiohttp", "scraper", "burst of 20", crawl("aiohttp", "shuffled", 400, "--width", "20"), "aiohttp",
           naive=True),
    Client("httpx", "scraper", "API pages", crawl("httpx", "api", 250), "httpx", naive=True),
    Client("Node fetch", "scraper", "ids in strides", node("fetch", 250), "node", naive=True),
    Client("Node axios", "scraper", "ids in strides", node("axios", 250), "node", naive=True),
    Client("Node simplecrawler", "scraper", "every link", node("simplecrawler", 250), "node", naive=True, seconds=20),
    Client("linkchecker", "scraper", "every link",
           shell("linkchecker --no-status -r 3 {url}/ >/dev/null 2>&1"), "linkchecker", naive=True, seconds=20),
)  # fmt: skip

DISGUISED = (
    Client("curl, Chrome's agent", "scraper", "ids up", shell(CURL.format(last=250, options=f"-A '{MOZILLA}'")), "curl",
           naive=True),
    Client("wget -r, Chrome's agent", "scraper", "every link",
           shell(WGET + f"-e robots=off -U '{MOZILLA}' {{url}}/"), "wget", naive=True, seconds=20),
    Client("Scrapy, Chrome's agent", "scraper", "every link", spider(f"USER_AGENT={MOZILLA}"), "scrapy", naive=True),
    Client("requests, Chrome's agent", "scraper", "search paging", crawl("requests", "search", 300, *BROWSER_AGENT),
           "requests", naive=True),
    Client("httpx, Chrome's agent", "scraper", "sitemap", crawl("httpx", "sitemap", 300, *BROWSER_AGENT), "httpx",
           naive=True),
    Client("requests, Chrome's headers", "scraper", "ids shuffled",
           crawl("requests", "shuffled", 400, "--headers", "chrome"), "requests"),
    Client("httpx, Chrome's headers", "scraper", "API items",
           crawl("httpx", "api-items", 400, "--headers", "chrome"), "httpx"),
    Client("requests, Chrome's headers, API", "scraper", "API pages",
           crawl("requests", "api", 250, "--headers", "chrome"), "requests"),
    Client("curl_cffi as Chrome", "scraper", "breadth first", crawl("curl_cffi:chrome", "bfs", 400), "curl_cffi"),
    Client("curl_cffi as Chrome, walk", "scraper", "ids up", crawl("curl_cffi:chrome", "up", 400), "curl_cffi"),
    Client("curl_cffi as Firefox", "scraper", "ids down", crawl("curl_cffi:firefox", "down", 400), "curl_cffi"),
    Client("curl_cffi, new agents", "scraper", "ids shuffled", crawl("curl_cffi:chrome", "shuffled", 400, "--agents"),
           "curl_cffi"),
    Client("curl_cffi, pauses", "scraper", "ids shuffled",
           crawl("curl_cffi:chrome", "shuffled", 150, "--pause", "0.2"), "curl_cffi", seconds=60),
    Client("curl_cffi, moves when refused", "scraper", "ids up", crawl("curl_cffi:chrome", "up", 600, "--evade"),
           "curl_cffi", addresses=40),
    Client("curl_cffi, moves, shuffled", "scraper", "ids shuffled",
           crawl("curl_cffi:chrome", "shuffled", 1500, "--evade"), "curl_cffi", addresses=40),
    Client("curl_cffi, 50 addresses", "scraper", "ids shuffled",
           crawl("curl_cffi:chrome", "shuffled", 1500, "--fresh"), "curl_cffi", addresses=50, seconds=60),
)  # fmt: skip

BROWSERS = (
    Client("Playwright, headless", "scraper", "pages, assets", browse("playwright", 60), "playwright", seconds=60),
    Client("Playwright, no assets", "scraper", "pages only", browse("playwright", 250, "--no-assets"), "playwright",
           seconds=60),
    Client("Playwright, hidden, no assets", "scraper", "pages only", browse("playwright", 500, "--no-assets", "--hide"),
           "playwright", seconds=60),
    Client("Playwright, hidden", "scraper", "pages, assets", browse("playwright", 200, "--hide"), "playwright",
           seconds=60),
    Client("Selenium, headless", "scraper", "pages, assets", browse("selenium", 60), "selenium", seconds=60),
    Client("Selenium, no assets", "scraper", "pages only", browse("selenium", 200, "--no-assets"), "selenium",
           seconds=60),
)  # fmt: skip

READ_FEED = "import feedparser, sys\nfor _ in range(20): feedparser.parse(sys.argv[1] + '/feed.xml')"
PREVIEWS = (
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Twitterbot/1.0",
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.23.20.0",
)
MACHINES = (
    Client("feedparser", "machine", "polls the feed", module(READ_FEED), "feedparser"),
    Client("newsboat", "machine", "polls the feed", shell(
           "echo {url}/feed.xml > {folder}/urls; for n in 1 2 3 4 5; do newsboat -u {folder}/urls -c {folder}/cache.db"
           " -C /dev/null -x reload; done >/dev/null 2>&1"), "newsboat"),
    Client("link previews", "machine", "five services, four pages each", shell("".join(
           f"for n in 5 50 500 777; do curl -s -o /dev/null -A '{agent}' {{url}}/item/$n; done;"
           for agent in PREVIEWS)),
           "curl"),
    Client("monitor", "machine", "a check a second", shell(
           "for n in $(seq 1 30); do curl -s -o /dev/null -A 'Uptime-Kuma/1.23.11' {url}/health; sleep 1; done"),
           "curl"),
)  # fmt: skip

PEOPLE = {
    "reader": "reads, goes back", "tabs": "fifteen tabs in a row", "seeker": "searches",
    "fast": "sixty items at a glance", "pager": "turns twenty pages", "poll": "a page that polls every 2 s",
    "phone": "reads on a phone", "noscript": "reads without JavaScript", "private": "no cookies, no referer",
}  # fmt: skip
