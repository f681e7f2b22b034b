"""The terms page: who claims the data, what robots may do, and whom to ask for a licence; in English and Chinese."""

from html import escape

from scrapeguard.notices.purposes import Purposes
from scrapeguard.notices.settings import NoticeSettings
from scrapeguard.notices.template import fill

ENGLISH = {
    "search": "index the site for a search engine, with links and short excerpts",
    "ai_train": "collect its data to train models with, or to sell",
    "ai_input": "fetch pages to answer the questions of an assistant's user",
    "archive": "keep copies of its pages",
    "preview": "show a preview of a link",
}
CHINESE = {
    "search": "为搜索引擎建立索引，并显示链接和简短摘录",
    "ai_train": "收集本站数据用于训练模型或出售",
    "ai_input": "抓取页面以回答智能助手用户的问题",
    "archive": "保存页面副本",
    "preview": "显示链接预览",
}
MAY = {"allow": ("Robots may", "允许机器人"), "refuse": ("Robots must not", "禁止机器人")}


def terms_page(settings: NoticeSettings, policy: Purposes) -> bytes:
    """The page. A draft for the site's lawyers: robots/terms.html is a template, and no legal advice."""
    owner = escape(settings.owner or settings.url.partition("//")[2])
    contact = escape(settings.contact.removeprefix("mailto:"))
    link = f'<a href="{escape(settings.contact_url())}">{contact}</a>' if settings.contact_url() else contact
    listed = policy.stated().items()
    values = {
        "owner": (owner or "the operator of this site",),
        "owner_zh": (owner or "本网站的运营者",),
        "use": [f"{MAY[stance][0]} {ENGLISH[name]}." for name, stance in listed],
        "use_zh": [f"{MAY[stance][1]}{CHINESE[name]}。" for name, stance in listed],
        "contact": (link,) if contact else (),
        "contact_zh": (link,) if contact else (),
    }
    return fill("terms.html", values)
