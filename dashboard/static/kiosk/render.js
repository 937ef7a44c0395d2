// Puts results into the page. Everything from the catalog goes in as text, never as markup.

import { has, t, titleOf } from "./i18n.js";

const byId = (id) => document.getElementById(id);
const SHOWN_NEXT = 4;
const SURE = [
  [0.8, "sure.high"],
  [0.5, "sure.medium"],
  [0, "sure.low"],
];
const ALIKE = [
  [0.6, "sure.high"],
  [0.5, "sure.medium"],
  [-2, "sure.low"],
]; // cosines, where the index is not calibrated

const percent = (share) => Math.round(100 * Math.min(1, Math.max(0, share)));
export const placeOf = (item) => item.attributes?.place ?? "";

export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
  element.hidden = value === "";
}

// A text that stays right when the language changes.
function label(element, key) {
  element.dataset.i18n = key;
  text(element, t(key));
}

export function picture(box, item) {
  const image = box.querySelector("img"),
    monogram = box.querySelector(".monogram");
  text(monogram, [...titleOf(item)][0] ?? "");
  monogram.hidden = item.thumbnail !== "";
  if (image.getAttribute("src") === item.thumbnail) return;
  image.hidden = true;
  image.onload = () => {
    image.hidden = false;
  };
  image.onerror = () => {
    image.hidden = true;
    monogram.hidden = false;
  };
  if (item.thumbnail) image.src = item.thumbnail;
  else image.removeAttribute("src");
}

export function showMatch(matches, isChosen) {
  const best = matches[0],
    hero = byId("hero");
  if (hero.dataset.item !== best.item_id) {
    hero.dataset.item = best.item_id;
    hero.getAnimations({ subtree: true }).forEach((animation) => {
      if (animation instanceof CSSAnimation) {
        animation.cancel();
        animation.play();
      }
    });
  }
  picture(hero.querySelector(".picture"), best);
  showSure(best, isChosen);
  text(byId("hero-title"), titleOf(best));
  byId("hero-title").dataset.long = String(titleOf(best).length > 28);
  text(byId("hero-category"), best.category);
  text(byId("hero-price"), best.price);
  text(byId("hero-place"), placeOf(best));
  byId("hero-place-row").hidden = placeOf(best) === "";
  byId("hero-sold-out").hidden = best.available !== false;
  showNext(matches.slice(1, 1 + SHOWN_NEXT));
  say(t("spoken.match", { title: titleOf(best), price: best.price }));
}

// How sure the device is of an item; of what a person chose it has nothing to say.
function showSure(item, isChosen) {
  const isCalibrated = item.probability !== null;
  const share = isCalibrated ? item.probability : item.score;
  const [, words] = (isCalibrated ? SURE : ALIKE).find(([low]) => share >= low);
  label(byId("hero-sure"), isChosen ? "sure.chosen" : words);
  byId("hero-again").hidden = !isChosen;
  byId("hero-likeness").hidden = isChosen;
  const meter = byId("hero-meter");
  label(byId("hero-meter-label"), isCalibrated ? "item.sure" : "item.likeness");
  meter.value = percent(share);
  byId("hero-percent").textContent = `${percent(share)} %`;
  byId("hero").style.setProperty("--likeness", percent(share) / 100);
}

function showNext(items) {
  fillCards(byId("next"), byId("card"), items);
  document.body.dataset.next = String(items.length);
}

export function fillCards(list, template, items) {
  while (list.children.length > items.length) list.lastElementChild.remove();
  while (list.children.length < items.length) list.append(template.content.cloneNode(true));
  items.forEach((item, i) => {
    const card = list.children[i];
    picture(card.querySelector(".picture"), item);
    text(card.querySelector(".card-title"), titleOf(item));
    text(card.querySelector(".card-price"), item.price);
    text(card.querySelector(".card-note"), placeOf(item) || item.category);
  });
}

// An item that the catalog does not hold, or none that could be told apart.
export function showNone(isUnknown) {
  byId("none").dataset.kind = isUnknown ? "unknown" : "none";
  label(byId("none-title"), isUnknown ? "unknown.title" : "none.title");
  label(byId("none-lead"), isUnknown ? "unknown.lead" : "none.lead");
  say(t(isUnknown ? "spoken.unknown" : "spoken.none"));
}

// What to do about a poor picture, in words and large; "" when nothing need be done.
export function showGuidance(guidance) {
  document.body.dataset.guidance = guidance;
  if (!guidance) return;
  text(byId("guide-title"), t(`guide.${guidance}.title`));
  text(byId("guide-lead"), t(`guide.${guidance}.lead`));
  text(byId("advice"), t(`guide.${guidance}.title`));
}

export function sayGuidance(guidance) {
  say(t(`guide.${guidance}.title`));
}

// The part of the camera's picture that was searched; without one, the square in which to hold an item.
export function showRegion(region) {
  const roi = byId("roi");
  roi.dataset.placed = String(Boolean(region));
  if (!region) return;
  ["--left", "--top", "--width", "--height"].forEach((name, i) => roi.style.setProperty(name, region[i]));
}

export function forget() {
  delete byId("hero").dataset.item;
  byId("hero-title").textContent = "";
  byId("next").replaceChildren();
  byId("choices").replaceChildren();
  say("");
}

export function say(sentence) {
  if (byId("spoken").textContent !== sentence) byId("spoken").textContent = sentence;
}

export function showProblem(problems) {
  const first = problems[0],
    notice = document.querySelector(".notice-problem");
  notice.hidden = first === undefined;
  if (first === undefined) return;
  const keys = [`problem.${first.component}.${first.kind}`, `problem.${first.kind}`, "problem.degraded"];
  text(byId("problem"), t(keys.find(has) ?? keys[2]));
  text(byId("problem-reason"), first.kind === "degraded" ? first.reason : "");
}
