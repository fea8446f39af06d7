"""The files of the project that the story builds: small, but what its gates test is really there."""

from __future__ import annotations

SKELETON = {
    ".gitignore": """\
__pycache__/
reports/
""",
    "src/__init__.py": '"""An authentication system."""\n',
    "tests/__init__.py": '"""Its tests."""\n',
    "tools/lint.py": '''\
"""Complain about what nobody wants in the code: lint.py FOLDER."""

import pathlib
import sys

UNWANTED = ("print(", "eval(", "import *", "\\t")
complaints = [
    f"{file}:{number}: {word!r} is unwanted"
    for file in sorted(pathlib.Path(sys.argv[1]).rglob("*.py"))
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    for word in UNWANTED
    if word in line
]
print("\\n".join(complaints) or "nothing to complain about")
sys.exit(bool(complaints))
''',
    "tools/run_tests.py": '''\
"""Run the tests below a folder and write a JUnit report: run_tests.py FOLDER REPORT."""

import pathlib
import sys
import unittest
from xml.sax.saxutils import quoteattr

sys.path.insert(0, "")
folder, report = map(pathlib.Path, sys.argv[1:])
ran = []


class Result(unittest.TextTestResult):
    """Remembers what ran."""

    def stopTest(self, test):
        super().stopTest(test)
        ran.append(test.id())


names = [".".join(file.with_suffix("").parts) for file in sorted(folder.rglob("test_*.py"))]
suite = unittest.defaultTestLoader.loadTestsFromNames(names)
result = unittest.TextTestRunner(resultclass=Result).run(suite)
failed = {test.id() for test, _ in result.failures + result.errors}
cases = [
    f"<testcase name={quoteattr(name)}>{'<failure/>' if name in failed else ''}</testcase>" for name in ran
]
report.parent.mkdir(exist_ok=True)
report.write_text("\\n".join(["<testsuite>", *cases, "</testsuite>"]), encoding="utf-8")
sys.exit(not result.wasSuccessful())
''',
    "tools/check_docs.py": '''\
"""Whether the documents tell of every route and of every setting."""

import pathlib
import sys

sys.path.insert(0, "")
from src.routes.auth import ROUTES

settings = [line.partition("=")[0] for line in pathlib.Path(".env.example").read_text().splitlines()]
missing = [
    f"{path} does not tell of {name}"
    for path, names in {"docs/API.md": list(ROUTES), "docs/AUTH_SETUP.md": settings}.items()
    for name in names
    if name not in pathlib.Path(path).read_text(encoding="utf-8")
]
print("\\n".join(missing) or "every route and every setting is there")
sys.exit(bool(missing))
''',
}

# -- Foundation ------------------------------------------------------------------------------------------------------

SCHEMA = """\
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    salt BLOB NOT NULL,
    password_hash BLOB NOT NULL
);
"""

ENV_EXAMPLE = """\
JWT_SECRET=change-me
TOKEN_MINUTES=15
"""

JWT = '''\
"""JSON Web Tokens, signed with HS256."""

import base64
import hashlib
import hmac
import json


def _text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _signature(signed, secret):
    return _text(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


def encode(claims, secret):
    """The token that says so."""
    header = {"alg": "HS256", "typ": "JWT"}
    signed = ".".join(_text(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_signature(signed, secret)}"


def decode(token, secret):
    """What the token says; ValueError if it is not signed with the secret."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature, _signature(signed, secret)):
        raise ValueError("the signature is wrong")
    text = signed.partition(".")[2]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
'''

_CHECK = """\
    if not hmac.compare_digest(signature, _signature(signed, secret)):
        raise ValueError("the signature is wrong")
"""

JWT_THAT_TRUSTS_EVERYBODY = JWT.replace(_CHECK, "")

TEST_FOUNDATION = """\
import pathlib
import unittest

from src.utils import jwt


class Foundation(unittest.TestCase):
    def test_a_token_says_what_was_put_in(self):
        self.assertEqual(jwt.decode(jwt.encode({"sub": "ada"}, "secret"), "secret"), {"sub": "ada"})

    def test_a_forged_token_is_refused(self):
        with self.assertRaises(ValueError):
            jwt.decode(jwt.encode({"sub": "ada"}, "guessed"), "secret")

    def test_no_password_is_stored(self):
        columns = [line.split()[0] for line in pathlib.Path("db/schema.sql").read_text().splitlines()]
        self.assertIn("password_hash", columns)
        self.assertNotIn("password", columns)
"""

# -- Backend API -----------------------------------------------------------------------------------------------------

MIDDLEWARE = '''\
"""Who asks."""

from src.utils import jwt


def user_of(headers, secret):
    """The user that the request's token names; PermissionError without a good one."""
    kind, _, token = headers.get("Authorization", "").partition(" ")
    try:
        if kind == "Bearer":
            return jwt.decode(token, secret)["sub"]
    except (KeyError, ValueError):
        pass
    raise PermissionError("log in first")
'''

API_REGISTER_AND_LOGIN = '''\
"""What can be asked for."""

import hashlib
import hmac
import os

from src.utils import jwt

users = {}


def _hashed(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1000)


def register(email, password):
    """Make an account."""
    if email in users:
        raise ValueError("there is such an account already")
    salt = os.urandom(16)
    users[email] = (salt, _hashed(password, salt))


def login(email, password, secret):
    """A token for the owner of the account."""
    salt, hashed = users.get(email, (b"", b""))
    if not hmac.compare_digest(hashed, _hashed(password, salt)):
        raise PermissionError("no such account, or another password")
    return jwt.encode({"sub": email}, secret)
'''

API = f'''{API_REGISTER_AND_LOGIN}

def refresh(token, secret):
    """A new token for a good one."""
    return jwt.encode(jwt.decode(token, secret), secret)
'''

ROUTES = '''\
"""Where it can be asked for."""

from src.api import auth

ROUTES = {
    "POST /auth/register": auth.register,
    "POST /auth/login": auth.login,
    "POST /auth/refresh": auth.refresh,
}
'''

TEST_BACKEND = """\
import unittest

from src.middleware.auth import user_of
from src.routes.auth import ROUTES
from src.utils import jwt


class Backend(unittest.TestCase):
    def test_the_middleware_knows_the_user(self):
        token = jwt.encode({"sub": "ada"}, "secret")
        self.assertEqual(user_of({"Authorization": f"Bearer {token}"}, "secret"), "ada")

    def test_the_middleware_refuses_strangers(self):
        for headers in ({}, {"Authorization": "Bearer x.y.z"}):
            with self.assertRaises(PermissionError):
                user_of(headers, "secret")

    def test_every_route_leads_somewhere(self):
        self.assertTrue(all(callable(handler) for handler in ROUTES.values()))
"""

# -- Frontend --------------------------------------------------------------------------------------------------------

CONTEXT = '''\
"""Who is logged in, for every component to see."""

from src.api import auth


class AuthContext:
    """Holds the token."""

    def __init__(self, secret):
        self.secret = secret
        self.token = ""

    def log_in(self, email, password):
        self.token = auth.login(email, password, self.secret)

    def log_out(self):
        self.token = ""
'''

FORM = '''\
"""The form to {what}."""


def render():
    """Its HTML."""
    return (
        '<form method="post" action="/auth/{action}">'
        '<input name="email" type="email"><input name="password" type="password">'
        "<button>{button}</button></form>"
    )
'''

LOGIN_FORM = FORM.format(what="log in", action="login", button="Log in")
REGISTER_FORM = FORM.format(what="make an account", action="register", button="Register")

PROTECTED_ROUTE = '''\
"""What only users may see."""

from src.components import login_form


def render(context, page):
    """The page, or the form to log in."""
    return page if context.token else login_form.render()
'''

TEST_FRONTEND = """\
import unittest

from src.components import login_form, protected_route, register_form
from src.contexts.auth_context import AuthContext


class Frontend(unittest.TestCase):
    def test_the_forms_lead_to_the_routes(self):
        self.assertIn("/auth/login", login_form.render())
        self.assertIn("/auth/register", register_form.render())

    def test_strangers_see_the_form(self):
        self.assertEqual(protected_route.render(AuthContext("secret"), "page"), login_form.render())
"""

# -- Testing ---------------------------------------------------------------------------------------------------------

TEST_API = """\
import unittest

from src.api import auth
from src.utils import jwt


class Api(unittest.TestCase):
    def setUp(self):
        auth.users.clear()
        auth.register("ada@example.com", "correct horse")

    def test_register_once(self):
        with self.assertRaises(ValueError):
            auth.register("ada@example.com", "battery staple")

    def test_login(self):
        token = auth.login("ada@example.com", "correct horse", "secret")
        self.assertEqual(jwt.decode(token, "secret"), {"sub": "ada@example.com"})
        with self.assertRaises(PermissionError):
            auth.login("ada@example.com", "guessed", "secret")

    def test_refresh(self):
        token = auth.login("ada@example.com", "correct horse", "secret")
        self.assertTrue(auth.refresh(token, "secret"))
        with self.assertRaises(ValueError):
            auth.refresh(token, "another secret")
"""

TEST_COMPONENTS = """\
import unittest

from src.components import login_form
from src.contexts.auth_context import AuthContext


class Components(unittest.TestCase):
    def test_the_password_is_not_shown(self):
        self.assertIn('type="password"', login_form.render())

    def test_logged_out(self):
        context = AuthContext("secret")
        context.token = "token"
        context.log_out()
        self.assertEqual(context.token, "")
"""

TEST_E2E = """\
import unittest

from src.components import protected_route
from src.contexts.auth_context import AuthContext
from src.routes.auth import ROUTES


class EndToEnd(unittest.TestCase):
    def test_register_log_in_and_see_the_page(self):
        ROUTES["POST /auth/register"]("grace@example.com", "correct horse")
        context = AuthContext("secret")
        self.assertNotEqual(protected_route.render(context, "page"), "page")
        context.log_in("grace@example.com", "correct horse")
        self.assertEqual(protected_route.render(context, "page"), "page")
"""

# -- Documentation & Deployment --------------------------------------------------------------------------------------

API_DOCS = """\
# API

- `POST /auth/register` makes an account.
- `POST /auth/login` gives a token to its owner.
- `POST /auth/refresh` gives a new token for a good one.
"""

SETUP_DOCS = """\
# Setup

Copy `.env.example` to `.env`, put a long random text into `JWT_SECRET`,
and into `TOKEN_MINUTES` how long a token shall be good.
"""
