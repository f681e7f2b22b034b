"""What to do when a shared store does not answer, by what the server or TLS said: most often store.url is to blame."""

import re

AUTHORITY = "Let ssl_ca_certs in store.url name the CA's file; the certificate has to name the hosts as they are named."
OURS = (
    "The server wants to see a certificate of ours: name it in store.url with ssl_certfile, its key with ssl_keyfile."
)
SCHEME = (
    "Look at the server, and at store.url: is it rediss:// that is spoken there, or redis:// without TLS, and does the "
    "server want to see a certificate (ssl_certfile)?"
)
LOGIN = "Look at user and password in store.url. Sentinels have their own: sentinel_username and sentinel_password."
RIGHTS = "Look at the ACL of this user: docs/operating.md says what the store needs."
ELSE = "Look at the server, or raise store.budget_ms; scrapeguard doctor tries it without haste."

ADVICE = {
    "CERTIFICATE_VERIFY_FAILED": AUTHORITY,
    "CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|UNKNOWN_CA|BAD_CERTIFICATE": OURS,
    r"\[SSL|[Cc]onnection reset|closed by server|Timeout connecting": SCHEME,
    "username-password|Authentication required|AUTH <password>|invalid password": LOGIN,
    "[Nn]o permissions|NOPERM|executing the script can't|ACL failure": RIGHTS,
}


def advice(said: str) -> str:
    """A sentence for the operator."""
    return next((advised for pattern, advised in ADVICE.items() if re.search(pattern, said)), ELSE)
