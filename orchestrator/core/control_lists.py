"""Starter lists for the security checklist, one per domain: what to see to, and where OWASP says more of it.

Sources: OWASP Top 10:2021, OWASP API Security Top 10 2023, OWASP Application Security Verification Standard 4.0.3
(owasp.org). The wording is ours; the references name the entry or the requirement.
"""

from __future__ import annotations

_WEB = (
    ("Access is checked on the server for every page and action, and denied by default", "Top 10 A01, ASVS 4.1.1"),
    ("Nobody reaches another user's records by changing an id", "Top 10 A01, ASVS 4.2.1"),
    ("Requests that change something cannot be forged from another site", "Top 10 A01, ASVS 4.2.2"),
    ("All traffic goes over TLS, and browsers are told so (HSTS)", "Top 10 A02, ASVS 9.1.1, 14.4.5"),
    ("Output is encoded for its context, so that no script gets in", "Top 10 A03, ASVS 5.3.3"),
    ("Database queries take parameters, never pasted text", "Top 10 A03, ASVS 5.3.4"),
    ("Input is checked against what is expected, on the server", "Top 10 A03, ASVS 5.1.3"),
    ("Security headers are set, a content security policy among them", "Top 10 A05, ASVS 14.4.3"),
    ("Errors shown to users give nothing away", "Top 10 A05, ASVS 7.4.1"),
    ("Dependencies are known, kept up to date and scanned", "Top 10 A06, ASVS 14.2.1"),
    ("Secrets are in no code, no history and no log", "Top 10 A02, ASVS 6.4.1, 7.1.1"),
    ("Uploads are limited in size and type, and stored out of reach", "Top 10 A04, ASVS 12.1.1, 12.5.1"),
    ("Security events are logged with what an inquiry needs", "Top 10 A09, ASVS 7.1.3"),
)
_API = (
    ("Each request may touch only objects that its caller owns", "API Top 10 API1:2023, ASVS 4.2.1"),
    ("Tokens are verified on every call: signature, audience, expiry", "API Top 10 API2:2023, ASVS 3.5.3"),
    ("Only intended fields are accepted and returned", "API Top 10 API3:2023, ASVS 5.1.2"),
    ("Rates, sizes and page lengths are limited", "API Top 10 API4:2023, ASVS 11.1.4"),
    ("Administrative functions are closed to ordinary callers", "API Top 10 API5:2023, ASVS 4.1.3"),
    ("Flows that are worth abusing are guarded against automation", "API Top 10 API6:2023, ASVS 11.1.2"),
    ("Addresses given by callers are not fetched unchecked", "API Top 10 API7:2023, ASVS 5.2.6"),
    ("Methods, content types and origins (CORS) are those intended", "API Top 10 API8:2023, ASVS 13.2.1, 14.5.3"),
    ("Every version and host of the API is known and documented", "API Top 10 API9:2023"),
    ("Answers of other services are validated like user input", "API Top 10 API10:2023"),
    ("Requests are validated against a schema", "API Top 10 API8:2023, ASVS 13.2.2"),
)
_AUTH = (
    ("Passwords are stored with a slow, salted hash (Argon2id, scrypt, bcrypt)", "Top 10 A02, ASVS 2.4.1"),
    ("Passwords may be long, and leaked ones are refused", "Top 10 A07, ASVS 2.1.1, 2.1.7"),
    ("Guessing is slowed down on login, registration and recovery", "Top 10 A07, ASVS 2.2.1"),
    ("Answers do not tell whether an account exists", "Top 10 A07, ASVS 2.2.1"),
    ("A second factor is there for accounts that need it", "Top 10 A07, ASVS 2.2.4"),
    ("Recovery uses links that are random, short-lived and good for once", "Top 10 A07, ASVS 2.5.1"),
    ("A new session id is given at login", "Top 10 A07, ASVS 3.2.1"),
    ("Logging out, and a changed password, end the sessions", "Top 10 A07, ASVS 3.3.1, 3.3.3"),
    ("Session cookies are Secure, HttpOnly and SameSite", "Top 10 A07, ASVS 3.4.1, 3.4.2, 3.4.3"),
    ("Sessions and tokens expire, and refresh tokens are rotated", "Top 10 A07, ASVS 3.3.2"),
    ("Keys and secrets come from a store and can be changed", "Top 10 A02, ASVS 6.4.1"),
    ("Logins and failures are logged, without credentials", "Top 10 A09, ASVS 7.1.1, 7.2.1"),
)

LISTS = {"web": _WEB, "api": _API, "auth": _AUTH}
"""From each domain to its controls, as (text, reference)."""
