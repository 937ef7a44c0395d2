// The texts of the page in the language that was chosen; a catalog's titles in that language, or the nearest there is.

let texts = {};
let language = "en";

export async function useLanguage(code) {
  const response = await fetch(`/static/i18n/${encodeURIComponent(code)}.json`);
  if (!response.ok) return;
  texts = await response.json();
  language = code;
  document.documentElement.lang = code;
  for (const element of document.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
  for (const element of document.querySelectorAll("[data-i18n-label]"))
    element.setAttribute("aria-label", t(element.dataset.i18nLabel));
  for (const button of document.querySelectorAll("[data-language]"))
    button.setAttribute("aria-pressed", String(button.dataset.language === code));
}

export function firstLanguage() {
  return document.documentElement.dataset.defaultLanguage;
}

export function currentLanguage() {
  return language;
}

export function t(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function has(key) {
  return key in texts;
}

export function titleOf(item) {
  const titles = item.title ?? {};
  return titles[language] || titles[""] || titles.en || Object.values(titles)[0] || item.item_id;
}
