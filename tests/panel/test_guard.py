"""The page attacked: what another site, another program and another user of this machine may try."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message

from aeon_plugin_ft.dataset.feedback.opinions import load_feedback
from aeon_plugin_ft.panel.guard import ENTRY, HEADERS, MOST_BYTES, TOKEN_SECONDS, Guard, Keys
from tests.panel.site import EVIL, HOME, PORT, Site, add_version, site

__all__ = ["site"]

PRIVATE_WORDS = ("Fork", "Joinville", "git reset")


def own_routes(site: Site) -> list[Route]:
    return [route for route in site.panel.app._app.routes if isinstance(route, Route)]  # type: ignore[attr-defined]


def pages(site: Site) -> list[str]:
    add_version(site, "r1", 0.2, use=True)
    filled = {"/versoes/{name:str}": "/versoes/v0001", "/versoes/comparar": ""}
    paths = [route.path for route in own_routes(site) if route.methods and "GET" in route.methods]
    made = [filled.get(path, path) for path in paths if path not in {ENTRY, "/agora"}]
    return [path for path in made if path] + ["/esquecer?sobre=repete", "/conversas?busca=repete", "/nada"]


def complaint(site: Site) -> dict[str, str]:
    return {"chave": site.key, "turno": site.turn("daily"), "opiniao": "ruim"}


def nothing_was_said(site: Site) -> bool:
    return not load_feedback(site.desk.store)


# -- who is not let in ---------------------------------------------------------------------------


def test_without_the_cookie_nothing_of_the_owners_is_shown(site: Site) -> None:
    stranger = site.stranger()
    for path in [*pages(site), "/agora"]:
        answer = stranger.get(path)
        assert answer.status_code == 401, path
        assert not any(word in answer.text for word in PRIVATE_WORDS), path


def test_without_the_cookie_nothing_is_done(site: Site) -> None:
    stranger = site.stranger()
    for route in own_routes(site):
        if route.methods and "POST" in route.methods:
            answer = stranger.post(route.path, data=complaint(site), headers={"origin": HOME})
            assert answer.status_code == 401, route.path
    assert nothing_was_said(site)


@pytest.mark.parametrize("value", ["", "x", '"', "a=b; c", "é"])
def test_another_cookie_opens_nothing(site: Site, value: str) -> None:
    header = f"aeon-ft-{PORT}={value}".encode()
    assert site.stranger().get("/", headers=[(b"cookie", header)]).status_code == 401


def test_the_cookie_of_another_run_opens_nothing(site: Site) -> None:
    stranger = site.stranger()
    stranger.cookies.set(f"aeon-ft-{PORT}", Keys().cookie)
    assert stranger.get("/").status_code == 401


# -- the first link ------------------------------------------------------------------------------


def test_the_link_opens_the_page_once(site: Site) -> None:
    token = site.panel.keys.new_token()
    first, second = site.stranger(), site.stranger()
    answer = first.get(ENTRY, params={"t": token})
    assert answer.status_code == 200 and first.get("/").status_code == 200
    assert second.get(ENTRY, params={"t": token}).status_code == 401
    assert second.get("/").status_code == 401


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 5000])
def test_a_wrong_token_opens_nothing_and_leaves_the_right_one(site: Site, token: str) -> None:
    right, stranger = site.panel.keys.new_token(), site.stranger()
    assert stranger.get(ENTRY, params={"t": token}).status_code == 401
    assert "set-cookie" not in stranger.get(ENTRY).headers
    assert stranger.get(ENTRY, params={"t": right}).status_code == 200


def test_a_link_lapses() -> None:
    now = 0.0
    keys = Keys(clock=lambda: now)
    token = keys.new_token()
    now = TOKEN_SECONDS + 1
    assert not keys.redeem(token)


def test_before_a_link_was_made_no_token_is_right() -> None:
    assert not Keys().redeem("")


def test_the_cookie_is_for_this_browser_and_this_site_only(site: Site) -> None:
    answer = site.stranger().get(ENTRY, params={"t": site.panel.keys.new_token()})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie
    assert "domain" not in cookie and "expires" not in cookie and "max-age" not in cookie
    assert site.panel.keys.cookie not in answer.text


def test_keys_are_in_no_text(site: Site) -> None:
    keys = site.panel.keys
    assert keys.cookie not in repr(keys) and keys.form not in repr(keys)


# -- another site --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT + 1}", f"127.0.0.1.evil.example:{PORT}",
     f"0.0.0.0:{PORT}", f"[::1]:{PORT}", ""],
)  # fmt: skip
def test_another_name_for_this_machine_is_refused(site: Site, host: str) -> None:
    """DNS rebinding: a name of the attacker's that leads to 127.0.0.1."""
    for path in ("/", ENTRY, "/static/page.css"):
        answer = site.browser.get(path, headers={"host": host})
        assert answer.status_code == 421, path
        assert len(answer.text) < 10


def test_two_hosts_are_refused(site: Site) -> None:
    headers = [(b"host", f"127.0.0.1:{PORT}".encode()), (b"host", b"evil.example")]
    assert asgi(site.panel.app, "GET", "/", headers) == 421


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", f"https://127.0.0.1:{PORT}", f"http://127.0.0.1:{PORT + 1}",
     f"http://localhost:{PORT}", f"http://127.0.0.1:{PORT}.evil.example"],
)  # fmt: skip
def test_a_form_of_another_site_does_nothing(site: Site, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    answer = site.browser.post("/conversas/opiniao", data=complaint(site), headers=headers)
    assert answer.status_code == 403
    assert nothing_was_said(site)


@pytest.mark.parametrize("key", [None, "", "x", "é"])
def test_a_form_without_the_pages_word_does_nothing(site: Site, key: str | None) -> None:
    form = {name: value for name, value in complaint(site).items() if name != "chave"}
    if key is not None:
        form["chave"] = key
    for route in own_routes(site):
        if route.methods and "POST" in route.methods:
            answer = site.browser.post(route.path, data=form, headers={"origin": HOME})
            assert answer.status_code == 403, route.path
    assert nothing_was_said(site)


@pytest.mark.parametrize("from_where", ["cross-site", "same-site", "anything"])
def test_another_site_may_neither_show_nor_follow_a_page(site: Site, from_where: str) -> None:
    for path in ("/", "/conversas", "/agora", "/static/page.js"):
        assert site.browser.get(path, headers={"sec-fetch-site": from_where}).status_code == 403, path


def test_the_link_may_be_clicked_anywhere(site: Site) -> None:
    token = site.panel.keys.new_token()
    answer = site.stranger().get(ENTRY, params={"t": token}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(site: Site, method: str) -> None:
    assert site.browser.request(method, "/", headers={"origin": HOME}).status_code == 405


def test_what_is_done_is_never_done_by_looking(site: Site) -> None:
    for route in own_routes(site):
        if route.methods and "POST" in route.methods and route.path != "/versoes/usar":
            assert site.browser.get(route.path).status_code in {404, 405, 500}, route.path
    assert nothing_was_said(site)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
def test_only_a_form_is_read(site: Site, kind: str) -> None:
    body = "&".join(f"{name}={value}" for name, value in complaint(site).items())
    answer = site.browser.post("/conversas/opiniao", content=body, headers={"origin": HOME, "content-type": kind})
    assert answer.status_code == 415
    assert nothing_was_said(site)


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_a_form_leads_to_no_other_site(site: Site, back: str) -> None:
    where = site.post("/conversas/opiniao", turno=site.turn("daily"), opiniao="bom", back=back)
    assert where == "/conversas"
    page = site.get(f"/esquecer?turno={site.turn('daily')}&volta={back}")
    assert "evil.example" not in page and "javascript:" not in page


# -- too much of it ------------------------------------------------------------------------------


def test_a_body_that_is_too_long_is_refused(site: Site) -> None:
    form = {**complaint(site), "texto": "x" * MOST_BYTES}
    answer = site.browser.post("/conversas/opiniao", data=form, headers={"origin": HOME})
    assert answer.status_code == 413
    assert nothing_was_said(site)


def test_a_body_of_unknown_length_is_cut_off(site: Site) -> None:
    headers = [
        (b"host", f"127.0.0.1:{PORT}".encode()), (b"origin", HOME.encode()), (b"content-type", FORM),
        (b"cookie", f"aeon-ft-{PORT}={site.panel.keys.cookie}".encode()),
    ]  # fmt: skip
    assert asgi(site.panel.app, "POST", "/conversas/opiniao", headers, [b"x" * 10_000] * 20) == 413


@pytest.mark.parametrize("body", ["&".join(f"a{n}=1" for n in range(500)), "chave=%ff", "\xff\xfe"])
def test_a_form_that_is_none_is_refused(site: Site, body: str) -> None:
    headers = {"origin": HOME, "content-type": FORM.decode()}
    answer = site.browser.post("/conversas/opiniao", content=body.encode("latin-1"), headers=headers)
    assert answer.status_code in {400, 403}


FORM = b"application/x-www-form-urlencoded"


def asgi(app: Guard, method: str, path: str, headers: list[tuple[bytes, bytes]], body: Sequence[bytes] = (b"",)) -> int:
    """The status of a request as no client of ours would send it."""
    chunks = list(body)
    sent: list[Message] = []

    async def receive() -> Message:
        chunk = chunks.pop(0) if chunks else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", PORT),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


# -- what a browser may do with an answer --------------------------------------------------------


def test_each_answer_says_what_a_browser_may_do_with_it(site: Site) -> None:
    stranger = site.stranger()
    answers = [site.browser.get(path) for path in [*pages(site), "/static/page.js", "/static/nothing"]]
    answers += [stranger.get("/"), stranger.get(ENTRY), stranger.get("/", headers={"host": "evil.example"})]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, answer.url
    assert "unsafe" not in HEADERS["content-security-policy"] and "*" not in HEADERS["content-security-policy"]


def test_what_was_said_is_never_a_part_of_the_page(site: Site) -> None:
    fact = site.desk.book.add("minha banda favorita é Angra")[0]
    site.desk.book.edit(fact, "<b>Sepultura</b>")
    site.post("/conversas/corrigir", turno=site.turn("daily"), texto=EVIL)
    for path in pages(site):
        page = site.browser.get(path).text
        assert EVIL not in page and "<img src=x" not in page and "alert(1)</script>" not in page, path
        assert "<b>Sepultura" not in page and "49" not in page.split("repete isto")[-1][:200], path
    assert "&lt;script&gt;alert(1)" in site.get("/conversas")
    assert "&lt;b&gt;Sepultura" in site.get("/voce")


def test_a_search_is_never_a_part_of_the_page(site: Site) -> None:
    for path in ("/conversas?busca=", "/conversas?dia=", "/conversas?desde=", "/conversas?turno=", "/voce?busca=",
                 "/esquecer?sobre=", "/esquecer?turno=", "/esquecer?fato="):  # fmt: skip
        page = site.browser.get(path[: path.index("=") + 1].split("?")[0], params={path.split("?")[1][:-1]: EVIL}).text
        assert EVIL not in page and "<img src=x" not in page, path


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fguard.py", "/static//etc/passwd"]
)
def test_nothing_but_the_static_files_is_given_out(site: Site, path: str) -> None:
    answer = site.browser.get(path)
    assert answer.status_code == 404 and "import" not in answer.text


def test_a_failure_shows_no_traceback(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("Fork is in here")

    monkeypatch.setattr(site.desk, "catch_up", broken)
    browser = TestClient(site.panel.app, base_url=HOME, raise_server_exceptions=False, cookies=site.browser.cookies)
    answer = browser.get("/conversas")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text and "Fork" not in answer.text
    assert "painel" in answer.text
