// Which of a few items it is, where the device cannot tell: a person does, for as long as the same lies there.

import { t, titleOf } from "./i18n.js";
import { fillCards, say } from "./render.js";

const list = document.getElementById("choices");

let showing = null, // what the device counts up when it shows something else
  order = [],
  chosen = null;

// The candidates of an ambiguous result, the chosen one first. They keep their places under a finger that is on its way.
export function candidatesOf(result) {
  const items = result.matches.slice(0, result.candidates);
  const ids = items.map((item) => item.item_id);
  if (showing !== result.showing || ids.length !== order.length || !ids.every((id) => order.includes(id))) {
    forgetChoice();
    showing = result.showing;
    order = ids;
  }
  const rank = (item) => (item.item_id === chosen ? -1 : order.indexOf(item.item_id));
  return items.sort((one, other) => rank(one) - rank(other));
}

export function isChosen(item) {
  return item.item_id === chosen;
}

export function forgetChoice() {
  showing = chosen = null;
  order = [];
}

export function showChoice(items) {
  fillCards(list, document.getElementById("choice-card"), items);
  items.forEach((item, i) => {
    list.children[i].dataset.item = item.item_id;
  });
  say(t("spoken.choice", { titles: items.map(titleOf).join(", ") }));
}

// Calls ``paint`` after a choice was made or taken back; ``shown`` tells the result on the screen.
export function listenToChoices(shown, paint) {
  const again = document.getElementById("hero-again");
  list.addEventListener("click", (event) => {
    const card = event.target.closest("li");
    if (!card || shown() === null) return;
    chosen = card.dataset.item;
    judge(shown().query_id, chosen);
    paint();
    again.focus({ preventScroll: true });
  });
  again.addEventListener("click", () => {
    chosen = null;
    paint();
    list.querySelector("button")?.focus({ preventScroll: true });
  });
}

// The device may learn of it; where it does not, the choice on the screen is as good.
function judge(query_id, item_id) {
  const body = JSON.stringify({ query_id, item_id, verdict: "right" });
  const headers = { "Content-Type": "application/json" };
  fetch("/api/v1/feedback", { method: "POST", headers, body }).catch(() => {});
}
