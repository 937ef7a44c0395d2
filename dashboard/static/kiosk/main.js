// What the kiosk shows, and until when. A result has a time to live from the device, and is cleared here when that is
// over, whether or not the device still answers.

import { candidatesOf, forgetChoice, isChosen, listenToChoices, showChoice } from "./choice.js";
import { currentLanguage, firstLanguage, useLanguage } from "./i18n.js";
import { showPreview } from "./preview.js";
import { forget, sayGuidance, showGuidance, showMatch, showNone, showProblem, showRegion } from "./render.js";
import { listen } from "./stream.js";

const HOLD_MS = 700; // an answer stays through a short doubt
const IDLE_MS = 15000; // nothing recognized for so long: nobody is there
const RESET_MS = 30000; // the next shopper finds the page as the shop set it up
const GUIDE_AFTER_MS = 400; // what is over sooner needs no words: an item on its way to the counter
const GUIDE_FOR_MS = 1200;
const LINK_LOST_MS = 1200;

// Poor pictures: what was said of the last one, since when, and what the page says about it.
let guidance = "",
  guidanceSince = 0,
  guidanceSaid = "",
  guidanceEnd = 0;

let result = null,
  expiry = 0,
  noneSince = 0, // since when there is something that is not recognized
  doubt = 0,
  doubtful = null,
  problems = [],
  reset = 0;

function show(state) {
  if (state === document.body.dataset.state && reset) return;
  document.body.dataset.state = state;
  clearTimeout(reset);
  reset = setTimeout(() => {
    reset = 0;
    if (state === "attract" && currentLanguage() !== firstLanguage()) choose(firstLanguage());
  }, RESET_MS);
}

function paint() {
  const guide = performance.now() - guidanceSince < IDLE_MS ? guidanceSaid : "";
  showGuidance(guide);
  if (isAnswer(result)) {
    paintAnswer();
    return;
  }
  if (guide) {
    sayGuidance(guide);
    show("guide");
    return;
  }
  if (result !== null && noneSince && performance.now() - noneSince < IDLE_MS) {
    showNone(result.cause === "unknown_item");
    show("none");
    return;
  }
  forget();
  show("attract");
}

function paintAnswer() {
  if (result.decision === "match") {
    showMatch(result.matches, false);
    show("match");
    return;
  }
  const candidates = candidatesOf(result);
  if (isChosen(candidates[0])) {
    showMatch([...candidates, ...result.matches.slice(candidates.length)], true);
    show("match");
    return;
  }
  showChoice(candidates);
  show("choice");
}

// Something that it is, or may be.
function isAnswer(shown) {
  return shown !== null && shown.decision !== "no_match" && shown.matches.length > 0;
}

function clearResult() {
  result = null;
  forgetChoice();
  clearTimeout(doubt);
  doubt = 0;
  showRegion(null);
  paint();
}

function take(next) {
  result = next;
  if (next.decision !== "ambiguous") forgetChoice();
  clearTimeout(expiry);
  expiry = setTimeout(clearResult, next.fresh_for_ms);
  paint();
}

// A poor picture was not searched: it says nothing against the match on the screen, which keeps its own time to live.
function onGuidance(next) {
  if (next.guidance !== guidance) {
    guidance = next.guidance;
    guidanceSince = performance.now();
  }
  if (performance.now() - guidanceSince >= GUIDE_AFTER_MS) guidanceSaid = guidance;
  clearTimeout(guidanceEnd);
  guidanceEnd = setTimeout(endGuidance, Math.min(GUIDE_FOR_MS, next.fresh_for_ms));
  paint();
}

function endGuidance() {
  clearTimeout(guidanceEnd);
  if (!guidance) return;
  guidance = guidanceSaid = "";
  paint();
}

function onResult(next) {
  showRegion(next.region);
  if (next.guidance) {
    onGuidance(next);
    return;
  }
  endGuidance();
  if (isAnswer(next)) {
    clearTimeout(doubt);
    doubt = 0;
    noneSince = 0;
    take(next);
    return;
  }
  doubtful = next;
  noneSince = next.cause === "nothing_there" ? 0 : noneSince || performance.now();
  if (!isAnswer(result)) {
    take(next);
    return;
  }
  // The answer on the screen keeps its own time to live; a doubt that lasts replaces it sooner.
  doubt ||= setTimeout(() => {
    doubt = 0;
    take(doubtful);
  }, HOLD_MS);
}

function onStatus(status) {
  problems = status.problems;
  showProblem(problems);
}

function onHello(hello) {
  document.body.dataset.process = hello.process;
}

let linkTimer = 0;
function onLink(up) {
  clearTimeout(linkTimer);
  linkTimer = 0;
  if (up) document.body.dataset.link = "up";
  else
    linkTimer = setTimeout(() => {
      document.body.dataset.link = "lost";
    }, LINK_LOST_MS);
}

async function choose(code) {
  clearTimeout(reset);
  reset = 0;
  await useLanguage(code);
  showProblem(problems);
  paint();
}

await useLanguage(firstLanguage()).catch(() => {});
for (const button of document.querySelectorAll("[data-language]"))
  button.addEventListener("click", () => choose(button.dataset.language));
listenToChoices(() => result, paint);
listen({ hello: onHello, result: onResult, status: onStatus, heartbeat: onStatus }, onLink);
showPreview(document.getElementById("preview"), (there) => {
  document.body.dataset.camera = there ? "on" : "off";
});
document.body.dataset.ready = "true";
