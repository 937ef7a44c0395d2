// Teaching one item: views are taken one by one, each is kept or refused with what to do; then it gets its name.

import { firstLanguage, has, t, titleOf, useLanguage } from "../kiosk/i18n.js";
import { showPreview } from "../kiosk/preview.js";
import { listen } from "../kiosk/stream.js";
import { Refusal, call } from "./api.js";
import { loadShelf, paintShelf } from "./shelf.js";

const byId = (id) => document.getElementById(id);
const ADVICE_MS = 6000;
const TOAST_MS = 9000;
const GUIDANCE_MS = 1500;

let draft = null,
  busy = false,
  guided = 0,
  advice = 0,
  toast = 0,
  answered = null,
  asked = null;

const words = (error) => {
  const keys = [`teach.why.${error.guidance}`, `teach.why.${error.code}`];
  return t(keys.find(has) ?? "teach.why.other");
};

function say(sentence, kind = "hint") {
  clearTimeout(advice);
  byId("advice").textContent = sentence;
  byId("advice").dataset.kind = kind;
  byId("advice").hidden = sentence === "";
  if (sentence) advice = setTimeout(() => say(""), ADVICE_MS);
}

function offerUndo(sentence, operation) {
  clearTimeout(toast);
  byId("toast-text").textContent = sentence;
  byId("toast-undo").hidden = !operation;
  byId("toast").hidden = false;
  byId("toast-undo").onclick = () => done(() => call("POST", "/api/v1/teach/undo", { operation }), t("teach.undone"), false);
  toast = setTimeout(() => {
    byId("toast").hidden = true;
  }, TOAST_MS);
}

function ask(question) {
  asked = question;
  paintAsk();
}

function paintAsk() {
  byId("ask").hidden = asked === null;
  if (asked === null) return;
  const { text, picture, yes, no } = asked;
  byId("ask-text").textContent = text();
  byId("ask-picture").hidden = !picture;
  if (picture) byId("ask-picture").src = picture;
  byId("ask-yes").textContent = t(yes.label);
  byId("ask-no").textContent = t(no.label);
  byId("ask-yes").onclick = yes.act;
  byId("ask-no").onclick = no.act;
}

async function trying(work) {
  if (busy) return null;
  busy = true;
  byId("take").dataset.busy = "true";
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error;
  } finally {
    busy = false;
    byId("take").dataset.busy = "false";
  }
}

async function done(work, sentence = "", undoable = true) {
  const answer = await trying(work);
  if (answer === null) return;
  if (answer instanceof Refusal) offerUndo(words(answer), 0);
  else if (sentence) offerUndo(sentence, undoable ? answer.operation : 0);
  await loadShelf(done).catch(() => {});
  await resume();
}

function paint() {
  const views = draft?.views ?? [],
    [least, good, most] = [draft?.least ?? 3, draft?.good ?? 5, draft?.most ?? 8];
  const shots = Array.from({ length: most }, (_, i) => {
    const shot = document.createElement("li"),
      view = views[i];
    shot.classList.toggle("needed", i < good);
    if (!view) return shot;
    shot.classList.add("taken");
    shot.dataset.view = view.view_id;
    if (view.thumbnail) {
      const image = new Image();
      image.alt = "";
      image.src = view.thumbnail;
      shot.append(image);
    }
    const remove = document.createElement("button");
    remove.type = "button";
    remove.setAttribute("aria-label", t("teach.remove_view", { number: i + 1 }));
    remove.addEventListener("click", () => drop(view));
    shot.append(remove);
    return shot;
  });
  const [before, after] = [byId("shots").children, shots];
  const same = (old, shot) => old && old.dataset.view === shot.dataset.view && old.className === shot.className;
  if (before.length !== after.length || after.some((shot, i) => !same(before[i], shot)))
    byId("shots").replaceChildren(...after.map((shot, i) => (shot.dataset.view && same(before[i], shot) ? before[i] : shot)));
  byId("count").textContent = t("teach.progress", { count: views.length, good });
  byId("enough").hidden = views.length < least;
  byId("save").disabled = views.length < least;
  byId("again").disabled = views.length === 0;
  byId("take").disabled = views.length >= most;
}

function take(next) {
  draft = next;
  if (next) sessionStorage.setItem("draft", next.item_id);
  else sessionStorage.removeItem("draft");
  const alike = next?.looks_like;
  if (alike && answered !== `${next.item_id} ${alike.item_id}`) askAlike(alike);
  else if (!alike && asked?.about === "alike") ask(null);
  paint();
}

function askAlike(alike) {
  ask({
    about: "alike",
    text: () => t("teach.alike", { title: titleOf(alike) }),
    picture: alike.thumbnail,
    yes: { label: "teach.add_to", act: () => addTo(alike) },
    no: {
      label: "teach.another",
      act: () => {
        answered = `${draft.item_id} ${alike.item_id}`;
        ask(null);
      },
    },
  });
}

async function begin() {
  ask(null);
  answered = null;
  byId("form").reset();
  take(null);
}

async function takeView(sure = false) {
  if (asked?.about === "other") ask(null);
  const answer = await trying(async () => {
    if (draft === null) draft = (await call("POST", "/api/v1/teach", {})).draft;
    return call("POST", `/api/v1/teach/${encodeURIComponent(draft.item_id)}/views`, { sure });
  });
  if (answer === null) return;
  if (!(answer instanceof Refusal)) {
    take(answer.draft);
    say(t("teach.progress", { count: draft.views.length, good: draft.good }), "good");
    return;
  }
  if (answer.code === "unknown_item") take(null);
  if (answer.code !== "other_item") return say(words(answer));
  ask({
    about: "other",
    text: () => t("teach.why.other_item"),
    yes: { label: "teach.same", act: () => takeView(true) },
    no: { label: "teach.another", act: () => ask(null) },
  });
}

async function drop(view) {
  const answer = await trying(() => call("DELETE", `/api/v1/teach/views/${view.view_id}`));
  if (answer && !(answer instanceof Refusal)) take(answer.draft);
}

async function save(event) {
  event.preventDefault();
  const title = byId("title").value.trim();
  if (draft === null) return;
  const sure = answered !== null;
  const fields = { item_id: draft.item_id, title, category: byId("category").value, sure };
  const answer = await trying(() => call("POST", "/api/v1/items", fields));
  if (answer === null) return;
  if (answer instanceof Refusal) {
    if (answer.code === "looks_like" && draft.looks_like) askAlike(draft.looks_like);
    return say(words(answer));
  }
  offerUndo(t("teach.saved", { title }), answer.operation);
  await begin();
  await loadShelf(done).catch(() => {});
}

async function addTo(alike) {
  const path = `/api/v1/teach/${encodeURIComponent(draft.item_id)}/move`;
  const answer = await trying(() => call("POST", path, { into: alike.item_id }));
  if (answer === null || answer instanceof Refusal) return;
  offerUndo(t("teach.added", { title: titleOf(alike) }), answer.operation);
  await begin();
  await loadShelf(done).catch(() => {});
}

async function resume() {
  const item_id = draft?.item_id ?? sessionStorage.getItem("draft");
  if (!item_id) return paint();
  const path = `/api/v1/teach/${encodeURIComponent(item_id)}`;
  const found = await call("GET", path).catch(() => ({ draft: null }));
  take(found.draft?.state === "draft" ? found.draft : null);
}

function onResult(result) {
  // What the camera's own gate says of the picture, while it says so.
  if (!result.guidance || performance.now() - guided < GUIDANCE_MS) return;
  guided = performance.now();
  say(words({ guidance: result.guidance, code: "no_picture" }));
}

async function choose(code) {
  await useLanguage(code);
  paint();
  paintAsk();
  paintShelf(done);
}

await useLanguage(firstLanguage()).catch(() => {});
for (const button of document.querySelectorAll("[data-language]"))
  button.addEventListener("click", () => choose(button.dataset.language));
byId("take").addEventListener("click", () => takeView());
byId("again").addEventListener("click", begin);
byId("form").addEventListener("submit", save);
listen({ hello: () => {}, result: onResult, status: () => {}, heartbeat: () => {} }, (up) => {
  document.body.dataset.link = up ? "up" : "lost";
});
showPreview(byId("preview"), (there) => {
  document.body.dataset.camera = there ? "on" : "off";
});
await loadShelf(done).catch(() => paintShelf(done));
await resume();
document.body.dataset.ready = "true";
