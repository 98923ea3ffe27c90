// Keeps the page up to date and sends its forms without loading it anew. Without this script everything still works.
"use strict";

document.documentElement.classList.add("scripted");

const topics = (element) => (element.dataset.live || "").split(" ");
let loading = null;

// -- what is shown ------------------------------------------------------------------------------

// The owner is in the middle of writing here, or has something open that a new text would close.
const isInUse = (element) => {
  const focused = document.activeElement;
  if (focused && element.contains(focused) && focused.matches("input:not([type=hidden]), textarea, select")) return true;
  return [...element.querySelectorAll("textarea, input:not([type=hidden])")].some(
    (field) => !["checkbox", "radio"].includes(field.type) && field.value !== field.defaultValue,
  );
};

const kept = (root) => new Set([...root.querySelectorAll("details[data-keep][open]")].map((one) => one.dataset.keep));

const reopen = (root, open) => {
  for (const one of root.querySelectorAll("details[data-keep]")) if (open.has(one.dataset.keep)) one.open = true;
};

const focusAgain = (id) => {
  if (id) document.querySelector(`[data-id="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
};

const focusedId = () => document.activeElement?.dataset?.id;

const parse = (text) => new DOMParser().parseFromString(text, "text/html");

function swap(element, made) {
  const open = kept(element);
  const id = element.contains(document.activeElement) ? focusedId() : null;
  const fresh = document.importNode(made, true);
  element.replaceWith(fresh);
  reopen(fresh, open);
  focusAgain(id);
}

// A part whose topic has changed gets its new text; parts that the owner works in wait for the next time.
async function refresh(changed) {
  if (loading) return void changed.forEach((topic) => loading.add(topic));
  loading = new Set();
  try {
    const answer = await fetch(location.href, { headers: { "x-quiet": "1" } });
    if (!answer.ok) return;
    const made = parse(await answer.text());
    for (const element of document.querySelectorAll("[data-live]")) {
      const other = element.id && made.getElementById(element.id);
      if (!other || !topics(element).some((topic) => changed.has(topic)) || isInUse(element)) continue;
      if (element.innerHTML !== other.innerHTML) swap(element, other);
    }
  } finally {
    const more = loading;
    loading = null;
    if (more.size) refresh(more);
  }
}

function show(made, url, form) {
  const open = kept(document);
  if (form && "close" in form.dataset) open.delete(form.closest("details")?.dataset.keep);
  const id = focusedId();
  const [main, other] = [document.querySelector("main"), made.querySelector("main")];
  if (!other) return void location.assign(url);
  const fresh = document.importNode(other, true);
  const notes = fresh.querySelector("#notas");
  const said = notes ? [...notes.childNodes] : [];
  // The region itself stays in the page, so that a screen reader hears what is put into it.
  const region = document.querySelector("#notas");
  main.querySelectorAll(":scope > :not(#notas)").forEach((one) => one.remove());
  main.append(...[...fresh.children].filter((one) => one.id !== "notas"));
  region?.replaceChildren(...said);
  reopen(main, open);
  document.title = made.title;
  const [nav, fresher] = [document.querySelector("nav"), made.querySelector("nav")];
  if (fresher && nav.innerHTML !== fresher.innerHTML) nav.replaceWith(document.importNode(fresher, true));
  focusAgain(id);
  if (said.length && region && region.getBoundingClientRect().top < 0) float(said);
}

// What was done is said where the owner looks, also far down on the page.
let floating = null;
function float(said) {
  floating?.remove();
  floating = document.createElement("div");
  floating.className = "toast";
  floating.setAttribute("aria-hidden", "true");
  floating.append(...said.map((one) => one.cloneNode(true)));
  document.body.append(floating);
  setTimeout(() => floating?.remove(), 5000);
}

// -- forms --------------------------------------------------------------------------------------

async function send(form, button) {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  const body = new URLSearchParams(new FormData(form));
  if (button?.name) body.append(button.name, button.value);
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    const text = await answer.text();
    if (answer.status === 401) return void location.reload();
    const here = new URL(answer.url);
    // The answer has the note of what was done, which is shown once: the other page is this very text.
    if (here.href !== location.href) history.pushState(null, "", here);
    show(parse(text), answer.url, form);
  } catch {
    lost(true);
  } finally {
    form.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) return void event.preventDefault();
  if (!("quiet" in form.dataset)) return;
  event.preventDefault();
  send(form, event.submitter);
});

document.addEventListener("change", (event) => {
  if ("auto" in event.target.dataset) event.target.form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  const details = event.key === "Escape" && event.target.closest?.("details.correct[open]");
  if (!details) return;
  details.open = false;
  details.querySelector("summary").focus();
});

window.addEventListener("popstate", () => location.reload());

// -- news ---------------------------------------------------------------------------------------

const lost = (is) => {
  const strip = document.querySelector("#perdida");
  if (strip) strip.hidden = !is;
};

const path = document.body.dataset.livePath;
if (path && "EventSource" in window) {
  let source = null;
  const listen = () => {
    source = new EventSource(path);
    source.addEventListener("open", () => lost(false));
    source.addEventListener("changed", (event) => refresh(new Set(JSON.parse(event.data))));
    source.addEventListener("error", () => lost(true));
  };
  listen();
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) listen();
  });
}
