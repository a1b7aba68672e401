// The words of the page, in the language that the live page has in this browser, or that the URL names.
import { settings } from "../page/settings.js";
import { current, load as loadLanguage } from "../page/words.js";
import english from "../words/en.pipeline.js";

export { current, t } from "../page/words.js";

// load loads the words. Call it before the page shows anything.
export async function load() {
  await loadLanguage(settings.peek().lang);
  const { code } = current.value;
  const own = code === "en" ? english : (await import(`../words/${code}.pipeline.js`)).default;
  current.value = { ...current.value, texts: { ...english, ...own } };
}
