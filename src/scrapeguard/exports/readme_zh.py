"""The second half of the bundle's README: the same in Simplified Chinese, with the same commands."""

from scrapeguard.exports.chinese import NOTHING_PROVED

README = """\

================================================================================================
中文说明

一次事件的证据
--------------
事件        {incident}
行为人      {actor}
起          {first}
止          {last}
日志公钥    {key}

内容
----
data/analysis/report.zh.html   供阅读的中文报告；report.en.html 为英文报告
data/analysis/                 供程序读取的数字、按小时列出的请求、费用，以及统计方法（queries.txt）
data/log/月份/                 签名的树根及其时间戳，相关区段全部叶的哈希值，所披露的记录原文及其披露项
data/notices/  data/configs/   当时提供的 robots.txt 等声明，当时生效的设置（不含密钥）
data/exhibits/*.warc           留存的完整交互（仅在开启留存时）；其 README.txt 说明略去了什么
data/certificates/             声明的草稿，由本人核对并签署
data/custody/case.jsonld       各文件及其摘要（CASE/UCO）
seal/                          对全部内容的签名与时间戳

如何核验
--------
日志公钥（VKEY）与时间戳机构的根证书（ROOT.pem）须经数据包以外的途径取得，例如网站公示、合同、函件或该机构自身；
仅凭数据包内的副本不能证明什么。在解压后的文件夹内依次执行：

1. 导出之后未被改动：

       sha256sum -c --strict --quiet manifest-sha256.txt
       sha256sum -c --strict --quiet tagmanifest-sha256.txt
       sha256sum -c --strict --quiet seal/seal-sha256.txt

2. 由日志密钥签封（公钥 KEY.pem 的内容见上文英文部分第 2 条）：

       openssl pkeyutl -verify -pubin -inkey KEY.pem -rawin \\
               -in seal/seal-sha256.txt -sigfile seal/seal-sha256.txt.sig

3. 在时间戳机构所述时间之前已经存在：

       openssl ts -verify -data tagmanifest-sha256.txt -in seal/tagmanifest-sha256.txt.*.tsr -CAfile ROOT.pem

4. 仅用 bash 与 openssl 核验主要内容，并说明未核验的部分：

       bash verify.sh --key VKEY --tsa-root ROOT.pem

5. 全部核验（Python 3.11，`pip install cryptography`；verify.py 应另行取得，而非取自本数据包）：

       python verify.py BUNDLE --key VKEY --tsa-root ROOT.pem [--witness VKEY]

   ANCHORED、WITNESSED（退出码 0）：依您自备的公钥与根证书，全部核验通过。
   CONSISTENT-UNANCHORED（3）：自身不矛盾，但制作者可能昨日方才制成。
   INCOMPLETE（4）：核验通过，但已知有所缺失，或时间未获证明。
   INVALID（1）：某项核验未通过，并指明编号、文件与行号。2：这不是数据包。

不能证明的事项
--------------
{caveats}

本数据包含有个人信息。请仅在案件所需的期间内保存。
"""


def chinese_readme(incident: str, actor: str, first: str, last: str, key: str) -> str:
    """The part of README.txt for one bundle; `key` is a vkey."""
    caveats = "\n".join(f"- {text}" for text in NOTHING_PROVED)
    return README.format(incident=incident, actor=actor, first=first, last=last, key=key, caveats=caveats)
