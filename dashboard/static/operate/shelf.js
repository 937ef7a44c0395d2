// The items that were taught: renamed in place, hidden, removed. Everything goes in as text, never as markup.

import { t, titleOf } from "../kiosk/i18n.js";
import { address, call } from "./api.js";

const byId = (id) => document.getElementById(id);
let items = [];

export async function loadShelf(done) {
  items = (await call("GET", "/api/v1/items?taught&limit=200")).items;
  paintShelf(done);
}

export function paintShelf(done) {
  byId("shelf-empty").hidden = items.length > 0;
  byId("shelf").replaceChildren(...items.map((item) => row(item, done)));
  const categories = [...new Set(items.map((item) => item.category).filter(Boolean))].sort();
  byId("categories").replaceChildren(...categories.map((category) => new Option(category, category)));
}

function row(item, done) {
  const element = byId("row").content.cloneNode(true).firstElementChild;
  const [image, monogram, title] = ["img", ".monogram", ".row-title"].map((name) => element.querySelector(name));
  const [hide, remove] = [".row-hide", ".row-remove"].map((name) => element.querySelector(name));
  element.dataset.state = item.state;
  monogram.textContent = [...titleOf(item)][0] ?? "";
  if (item.thumbnail) {
    image.onload = () => {
      image.hidden = false;
      monogram.hidden = true;
    };
    image.src = item.thumbnail;
  }
  title.value = titleOf(item);
  title.setAttribute("aria-label", t("teach.rename"));
  const facts = [item.category, t("teach.count", { count: item.taught_views })];
  if (item.state === "hidden") facts.push(t("teach.hidden"));
  element.querySelector("small").textContent = facts.filter(Boolean).join(" · ");
  hide.textContent = t(item.state === "hidden" ? "teach.show" : "teach.hide");
  remove.textContent = t("teach.remove");
  const rename = () => title.value.trim() !== titleOf(item) && done(() => call("PATCH", address(item), { title: title.value }));
  title.addEventListener("change", rename);
  title.form.addEventListener("submit", (event) => {
    event.preventDefault();
    title.blur();
  });
  const state = item.state === "hidden" ? "active" : "hidden";
  hide.addEventListener("click", () => done(() => call("PATCH", address(item), { state })));
  remove.addEventListener("click", () =>
    done(() => call("DELETE", address(item)), t("teach.removed", { title: titleOf(item) })),
  );
  return element;
}
