"""Words by which programs give themselves away in a user agent, each with the kind of program that uses it."""

import re

from scrapeguard.model import AgentKind

KINDS: tuple[tuple[AgentKind, str], ...] = (
    ("library", """
        curl libcurl wget python-requests python-urllib python-httpx python-urllib3 aiohttp httpx urllib3 scrapy
        colly go-http-client node-fetch undici okhttp axios superagent libwww-perl lwp-trivial lwp-request
        mechanize jsoup guzzlehttp guzzle apache-httpclient commons-httpclient httpclient asynchttpclient
        restsharp reqwest ureq indy httpie postmanruntime postman insomnia http_request2 lua-resty-http faraday
        typhoeus httparty rest-client http.rb unirest-java akka-http ktor-client mojolicious hackney
        windowspowershell powershell winhttp aria2 http_get grpc-java-netty grpc-node grpc-python grpc-ruby
        httpunit newspaper newspaper3k newspaper4k trafilatura httrack sitesucker webcopier webcopy
        cyotekwebcopy webzip teleport wpull grab-site webcapture webreaper nutch zgrab masscan nmap nikto sqlmap
        nuclei wpscan gobuster feroxbuster dirbuster ffuf acunetix openvas nessus arachni apachebench siege
        jmeter k6 zmeu morfeus jorgee
    """),
    ("headless", """
        headlesschrome headlessedg chrome-headless-shell phantomjs slimerjs casperjs puppeteer playwright
        selenium htmlunit splash nightmare zombie.js jsdom cypress lightpanda crawl4ai browserless
    """),
    ("reader", "universalfeedparser feedparser simplepie magpierss apple-pubsub podcasts newsgator"),
    ("monitor", "lighthouse pagespeed synthetics uptime healthcheck healthchecker health-check"),
    ("app", "apt-http apt-cacher-ng"),
    ("browser", """
        konqueror ibrowse amiga-aweb amigavoyager voyager3 netpositive webpositive abrowse
        ncsa_mosaic dillo netsurf offbyone icab omniweb emacs
    """),
)  # fmt: skip

# Whole words, wherever they stand.
NAMES: dict[str, AgentKind] = {word: kind for kind, words in KINDS for word in words.split()}

# Whole words, but only as the first: these are part of other programs' agents too.
FIRST_NAMES: dict[str, AgentKind] = {
    **dict.fromkeys((
        "java", "php", "ruby", "python", "perl", "node", "node.js", "deno", "bun", "dart", "http", "client", "lwp",
        "rust", "elixir", "erlang", "go", "pecl", "snoopy", "jakarta", "jersey", "jetty", "fetch", "request",
        "requests", "got", "siege", "locust", "photon", "axel",
    ), "library"),
    **dict.fromkeys((
        "git", "git-lfs", "jgit", "pip", "uv", "npm", "yarn", "pnpm", "cargo", "composer", "bundler", "docker",
        "containerd", "homebrew", "libdnf", "dnf", "pacman", "davx5", "icsx5", "rclone", "davfs2", "gvfs",
    ), "app"),  # each does what one person tells it, on a machine of hers
    **dict.fromkeys(("links", "lynx", "elinks", "w3m"), "browser"),
}  # fmt: skip

# Libraries that apps of telephones name behind their own name and the device.
IN_APPS = frozenset({"okhttp", "apache-httpclient", "httpclient", "ktor-client", "axios", "asynchttpclient"})

# Parts of words, in any agent, a browser's too. CUBOT makes telephones, Talbots sells clothes.
ROBOT = re.compile(r"(?<!cu)(?<!tal)bots?(?![a-z])|crawl|spider(?!man)|scraper")
ROBOT_PARTS = ("bot", "crawl", "spider", "scraper")

# Endings of words, in any agent but an app's.
TOOL = re.compile(
    r"(?<!user-)agent(?![a-z])"
    r"|(?:monitor(?:ing)?|synthetics?|validator|checker|inspector|auditor|optimizer|archiver)(?![a-z])"
)
TOOL_PARTS = (
    "agent", "monitor", "synthetic", "validator", "checker", "inspector", "auditor", "optimizer", "archiver",
)  # fmt: skip

# In agents with a browser's name and no telephone's: a service that looks at pages with a browser (scans them, or
# fetches them for Google), or one that puts its own name where browsers say no more than "like Gecko". A bare word at
# the end is no such mark: Brave, Viber and the browsers in which examinations are taken have one too.
SERVICE = re.compile(r"scan(?:ner)?(?![a-z])|-google(?![\w-])|\(khtml, like gecko[;,] ?(?!safari)[a-z][a-z ]{3,40}\)")
SERVICE_PARTS = ("scan", "-google", "gecko;", "gecko,")
PHONES = ("mobile", "android", "iphone", "ipad")

# These say what a program is, and not what it is called.
PLAIN = frozenset({"bot", "robot", "crawler", "spider", "scraper", "agent", "monitor", "checker", "validator"})

# Who runs a robot well says where to read about it; browsers and apps do not.
LINK = re.compile(r"https?:[^\s,;)\]]*|www\.[^\s,;)\]]*|(?:@|\(at\)|\[at\])[a-z][\w-]{0,60}\.[a-z]{2,10}")
LINK_PARTS = ("http", "www.", "@", "(at)", "[at]")
SITES = frozenset({"com", "org", "net", "io", "ai", "co", "dev", "info", "eu", "de", "fr", "uk", "cz", "ru"})

# Parts of words, in agents that name no engine.
HINTS: tuple[tuple[AgentKind, tuple[str, ...]], ...] = (
    ("app", (
        "player", "streaming", "quicktime", "itunes", "gstreamer", "lavf", "sonos", "upnp", "app/", "mozacfetch",
    )),
    ("reader", ("rss", "feed", "podcast", "subscribers")),
    ("preview", (
        "preview", "unfurl", "onebox", "embed", "thumbnail", "favicon", "metadata", "imageproxy", "github-camo",
    )),
    ("monitor", (
        "monitor", "uptime", "health", "check", "probe", "valid", "synthetic", "ssl", "dcv", "watch", "ping",
        "status",
    )),
    ("crawler", (
        "fetch", "search", "scan", "link", "site", "seo", "analy", "index", "research", "archiv", "harvest",
        "extract",
    )),
)  # fmt: skip

ENGINES = (
    "applewebkit", "gecko/", "khtml", "presto/", "trident/", "msie ", "webkit/", "netscape", "opera/", "opera ",
    "netfront",
)  # fmt: skip
SYSTEMS = (
    "windows", "linux", "android", "iphone", "ipad", "ipod", "mac os", "macintosh", "x11", "cros ", "bsd", "sunos",
    "solaris", "win9", "win3", "mac_powerpc", "amiga", "beos", "haiku", "os/2", "symbian", "series60", "midp",
    "inferno", "blackberry", "bb10", "webos", "web0s", "tizen", "bada", "kindle", "nintendo", "playstation",
    "xbox", "crkey", "j2me", "smart-tv", "smarttv", "harmony", "palm", "maemo", "meego", "kaios", "nokia",
    "samsung", "sonyericsson", "motorola", "mobile", "morphos", "risc os", "syllable", "mot-", "up.browser",
)  # fmt: skip
DEVICES = (
    "android", "iphone", "ipad", "ipod", "ios/", "ios ", "cfnetwork", "darwin", "dalvik", "windows nt",
    "windows phone", "win10", "macintosh", "macos", "tizen", "symbian", "series60", "midp", "webos", "tvos",
    "watchos", "appletv", "amiga", "morphos", "blackberry", "nokia", "up.browser", "playstation", "xbox",
    "nintendo", "roku", "maui", "wap browser",
)  # fmt: skip
IN_APP = (
    "cfnetwork", "dalvik", "; wv)", ";wv)", "electron/", "fban/", "fbav/", "fb_iab", "instagram", "micromessenger",
    " line/", "gsa/", "snapchat", "pinterest/", "tiktok", "musical_ly", "trill_", "bytedance", "baiduboxapp",
    "naver(", "kakaotalk", "telegram", "twitter", "linkedinapp", "bingweb", "webviewapp", "wkwebview", "ms-office",
    "microsoft office", "(via translate.google.com)",
)  # fmt: skip
