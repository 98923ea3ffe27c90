"""The page in a real Chromium: every flow with the mouse and the keyboard, on a phone and on a desktop.

Chromium is the machine's own (Debian's package `chromium`); Playwright only drives it. With AEON_FT_SCREENSHOTS naming
a folder, what each page looks like is kept there.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.feedback.opinions import load_feedback, say_opinion
from aeon_plugin_ft.dataset.model import Feedback
from aeon_plugin_ft.panel import comparing
from aeon_plugin_ft.panel.rendering import PATHS
from aeon_plugin_ft.panel.server import PanelServer
from tests.leaks import leaked_since, running
from tests.panel.site import EVIL, Site, add_version, site

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow(seconds=6),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian: apt-get install chromium)"),
]
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
SHOTS = os.environ.get("AEON_FT_SCREENSHOTS")

__all__ = ["site"]


@dataclass
class Seen:
    """The page in a browser, and everything that went wrong in it."""

    site: Site
    server: PanelServer
    page: playwright.Page
    size: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(f"http://127.0.0.1:{self.server.port}{path}")

    def shoot(self, name: str) -> None:
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(SHOTS) / f"{name}-{self.size}.png", full_page=True)

    def says(self, text: str) -> playwright.Locator:
        found = self.page.get_by_text(text).first
        found.wait_for(timeout=30_000)
        return found


@pytest.fixture(scope="module", autouse=True)
def no_leaks() -> Iterator[None]:
    """For the whole file: Chromium lives as long, and starts helpers of its own when it needs them."""
    before = running()
    yield
    left = leaked_since(before)
    assert not left, f"leaked {left}"


@pytest.fixture(scope="module")
def chromium(no_leaks: None) -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        # Without its sandbox: as root, which CI is, Chromium does not start with it.
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=SIZES)
def seen(site: Site, chromium: playwright.Browser, request: pytest.FixtureRequest) -> Iterator[Seen]:
    server = PanelServer(site.desk, stay=True)
    thread = threading.Thread(target=server.run)
    thread.start()
    width, height = SIZES[request.param]
    context = chromium.new_context(viewport={"width": width, "height": height}, locale="pt-BR")
    page = context.new_page()
    made = Seen(site, server, page, request.param)
    page.on("console", lambda message: made.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (made.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.set_default_timeout(30_000)
    try:
        page.goto(server.new_link())
        page.wait_for_url(re.compile(r"/$"))
        yield made
        assert made.complaints == []
    finally:
        context.close()
        server.end()
        thread.join(30)
        assert not thread.is_alive()


def test_every_page_is_usable_at_this_size(seen: Seen) -> None:
    """Nothing is wider than the screen, every field has a name, every button is large enough for a finger."""
    add_version(seen.site, "r1", 0.1)
    add_version(seen.site, "r2", 0.3, use=True)
    seen.site.desk.read_facts()
    for path in (*PATHS.values(), "/versoes/v0002", "/esquecer?sobre=git"):
        seen.go(path)
        assert seen.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        assert seen.page.locator("h1").count() == 1, path
        nameless = seen.page.evaluate(NAMELESS)
        assert nameless == [], path
        small = seen.page.evaluate(SMALL)
        assert small == [], path
        seen.shoot(path.strip("/").replace("/", "-").split("?")[0] or "inicio")


NAMELESS = """() => [
  ...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a, summary")].filter(
  (one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute("aria-label") || one.title
             || one.querySelector("img[alt]"))).map((one) => one.outerHTML)"""
SMALL = """() => [...document.querySelectorAll("button, summary.act, nav a, a.button, a.act")].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width && (box.height < 32 || box.width < 32);
}).map((one) => one.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_what_it_stands_on(seen: Seen, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5:1, for large text 3:1."""
    add_version(seen.site, "r1", 0.1, accepted=False)
    seen.site.desk.settings_file.set("log.enabled", False)
    seen.page.emulate_media(color_scheme=scheme)
    for path in PATHS.values():
        seen.go(path)
        seen.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert seen.page.evaluate(CONTRAST) == [], path


CONTRAST = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    pen.clearRect(0, 0, 1, 1); pen.fillStyle = color; pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [.2126, .7152, .0722][at], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] > .99) return color;
    }
    return [255, 255, 255, 1];
  };
  const bad = [];
  for (const one of document.querySelectorAll("main *, header *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const box = one.getBoundingClientRect();
    if (!own || one.closest(".hidden, svg, [hidden]") || box.width < 2) continue;
    const style = getComputedStyle(one), size = parseFloat(style.fontSize);
    const [a, b] = [light(rgba(style.color)), light(behind(one))].sort((x, y) => y - x);
    const need = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const ratio = (a + .05) / (b + .05);
    const text = one.textContent.trim().slice(0, 40);
    if (ratio < need) bad.push(`${ratio.toFixed(2)} ${one.tagName}.${one.className} ${text}`);
  }
  return bad;
}"""


def test_what_was_said_runs_nowhere(seen: Seen) -> None:
    seen.site.desk.read_facts()
    for path in ("/conversas", f"/conversas?busca={'<script>'}", "/esquecer?sobre=repete"):
        seen.go(path)
        assert seen.page.locator("script:not([src])").count() == 0 and seen.page.locator("img[src=x]").count() == 0
    seen.go("/conversas")
    assert seen.page.get_by_text(EVIL[:25]).count() > 0


def test_a_talk_is_found_praised_and_put_right(seen: Seen) -> None:
    seen.go("/conversas")
    seen.page.get_by_role("searchbox").fill("daily")
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_url("**busca=daily**")
    talk = seen.page.locator(".talk")
    assert talk.count() == 1
    good = talk.get_by_role("button", name="Boa resposta")
    good.click()
    seen.says("Anotado: gostou")
    assert good.get_attribute("aria-pressed") == "true"
    turn = seen.site.turn("daily")
    assert load_feedback(seen.site.desk.store)[turn].kind == "praise"
    talk.get_by_text("Corrigir").click()
    talk.get_by_label("O que ele devia ter dito").fill("A daily é às 9h30.")
    seen.shoot("corrigir")
    talk.get_by_role("button", name="Salvar").click()
    seen.says("A resposta certa")
    assert load_feedback(seen.site.desk.store)[turn].correction == "A daily é às 9h30."
    assert "busca=daily" in seen.page.url and not talk.locator("details.correct").evaluate("(one) => one.open")


def test_a_talk_is_forgotten_after_a_look_at_what_goes(seen: Seen) -> None:
    turn = seen.site.turn("Joinville")
    seen.go("/conversas")
    seen.page.locator(f"[id='turno-{turn}']").get_by_role("link", name="Esquecer").click()
    seen.says("Isto sai para sempre")
    seen.shoot("esquecer")
    seen.page.get_by_role("button", name="Esquecer para sempre").click()
    seen.says("Esquecido.")
    assert not seen.site.desk.index.has([turn])
    assert seen.page.get_by_text("Joinville").count() == 0 and "/conversas" in seen.page.url


def test_a_fact_is_told_and_put_right_with_the_keyboard_alone(seen: Seen) -> None:
    seen.go("/voce")
    seen.page.get_by_label("Conte mais uma coisa").focus()
    seen.page.keyboard.type("minha banda favorita é Angra")
    seen.page.keyboard.press("Enter")
    card = seen.page.locator(".fact", has_text="Angra")
    card.wait_for()
    card.locator("summary", has_text="Corrigir").focus()
    seen.page.keyboard.press("Enter")
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Control+A")
    seen.page.keyboard.type("Sepultura")
    seen.page.keyboard.press("Enter")
    seen.page.locator(".fact", has_text="Sepultura").wait_for()
    assert seen.page.locator(".fact", has_text="Angra").locator(".sentence", has_text="Angra").count() == 0


def test_a_version_is_used_and_left_again(seen: Seen) -> None:
    first, second = add_version(seen.site, "r1", 0.1, use=True), add_version(seen.site, "r2", 0.3)
    seen.go("/versoes")
    seen.page.locator("li.card", has_text="Versão 2").get_by_role("button", name="Usar").click()
    seen.says("Escolhido")
    assert seen.site.desk.registry.current() == second
    seen.go("/")
    seen.page.get_by_role("button", name="Voltar para a versão 1").click()
    seen.says("Desfeito")
    assert seen.site.desk.registry.current() == first


def test_two_are_compared_blind(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    name = add_version(seen.site, "r1", 0.1)
    replies = {name: "laranja", "base": "limão"}

    def ask(_: object, __: object, asked: str, questions: tuple[str, ...], on_reply: object) -> None:
        for _question in questions:
            on_reply(replies[asked])  # type: ignore[operator]

    monkeypatch.setattr(comparing, "ask_model", ask)
    seen.go("/versoes")
    seen.page.get_by_label("Perguntas suas").fill("quem é você?")
    seen.page.get_by_label("Uma", exact=True).select_option(name)
    seen.page.get_by_label("Outra").select_option("base")
    seen.page.get_by_role("button", name="Comparar").click()
    seen.says("Pergunta 1 de 1")
    seen.shoot("comparar")
    main = seen.page.locator("main")
    assert "versão 1" not in main.inner_text().lower(), "whose reply it is would tell"
    shown = main.locator(".reply").all_inner_texts()
    assert sorted(shown) == sorted(replies.values())
    seen.page.get_by_role("button", name="Esta é melhor").first.click()
    seen.says("As suas escolhas")
    assert "versão 1" in main.inner_text().lower()
    won = ["1", "0", "0"] if shown[0] == replies[name] else ["0", "1", "0"]
    assert main.locator("dl.numbers dd").all_inner_texts() == won


def test_a_setting_counts_when_it_is_changed(seen: Seen) -> None:
    seen.go("/ajustes")
    seen.page.get_by_label("Treinar sozinho").select_option("false")
    seen.says("Salvo.")
    assert not seen.site.desk.settings.schedule.enabled
    field = seen.page.get_by_label("Minutos sem você até começar")
    field.fill("muito")
    field.press("Enter")
    seen.says("esse valor não vale")


def test_what_changes_elsewhere_shows_by_itself(seen: Seen) -> None:
    seen.go("/conversas?busca=daily")
    good = seen.page.get_by_role("button", name="Boa resposta")
    assert good.get_attribute("aria-pressed") == "false"
    say_opinion(seen.site.desk.store, Feedback(seen.site.turn("daily"), "praise"))
    seen.page.locator("button[aria-pressed=true]").wait_for()


def test_what_the_owner_writes_is_not_taken_away_by_news(seen: Seen) -> None:
    seen.go("/conversas?busca=daily")
    seen.page.get_by_text("Corrigir").click()
    field = seen.page.get_by_label("O que ele devia ter dito")
    field.fill("A daily é")
    with seen.page.expect_response(lambda answer: "busca=daily" in answer.url):
        say_opinion(seen.site.desk.store, Feedback(seen.site.turn("daily"), "praise"))
    seen.page.wait_for_function("document.querySelector('textarea')?.value === 'A daily é'")


def test_the_page_says_when_it_was_closed(seen: Seen) -> None:
    seen.go("/")
    seen.page.wait_for_function("performance.getEntriesByType('resource').some((one) => one.name.endsWith('page.js'))")
    seen.server.end()
    seen.says("O painel foi fechado")
    seen.complaints.clear()  # that the stream was cut is what this is about


def test_without_scripts_everything_still_works(seen: Seen) -> None:
    context = seen.page.context.browser.new_context(java_script_enabled=False, locale="pt-BR")
    try:
        page = context.new_page()
        page.goto(seen.server.new_link())
        page.get_by_role("heading", name="Como vai o seu Aeon").wait_for()
        page.goto(f"http://127.0.0.1:{seen.server.port}/conversas?busca=daily")
        page.get_by_role("button", name="Resposta ruim").click()
        page.get_by_text("Anotado: não gostou").wait_for()
        assert load_feedback(seen.site.desk.store)[seen.site.turn("daily")].kind == "complaint"
    finally:
        context.close()


def test_another_site_in_the_same_browser_gets_nothing(seen: Seen) -> None:
    """A page of another origin tries what a page can try: read, send a form, frame."""
    host = f"http://127.0.0.1:{seen.server.port}"
    page = seen.page.context.new_page()
    page.route("http://evil.test/**", lambda route: route.fulfill(body="<body></body>", content_type="text/html"))
    page.goto("http://evil.test/")
    read = page.evaluate(
        "(host) => fetch(host + '/conversas', {credentials: 'include'}).then(() => 'read', () => 'no')", host
    )
    assert read == "no"
    form = f"""(host) => {{
      const form = document.createElement("form");
      form.method = "post"; form.action = host + "/conversas/opiniao";
      for (const [name, value] of Object.entries({{turno: "{seen.site.turn("daily")}", opiniao: "ruim"}})) {{
        const field = document.createElement("input"); field.name = name; field.value = value; form.append(field);
      }}
      document.body.append(form); form.submit();
    }}"""
    with page.expect_response(re.compile("/conversas/opiniao")) as sent:
        page.evaluate(form, host)
    assert sent.value.status in {401, 403}
    assert load_feedback(seen.site.desk.store) == {}
    page.close()
