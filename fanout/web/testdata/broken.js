// broken returns what hostile texts have broken on the page, or "". The text of an element may not run a script, load
// anything, become an element, leave the window or its box, cover another row, or change the direction of other texts. No
// row that the selector rows selects may be higher than maxHeight.
(rows, maxHeight) => {
  const bad = [];
  const name = (e) => e.tagName + "." + e.className + " " + e.textContent.slice(0, 40);
  if (window.ran !== undefined) bad.push("a script ran: " + window.ran);
  if (window.violations.length) bad.push("violations: " + window.violations);

  const addresses = performance.getEntriesByType("resource").map((e) => e.name);
  const foreign = addresses.filter((n) => new URL(n).origin !== location.origin);
  if (foreign.length) bad.push("requests: " + foreign);

  const active = "script:not([src]), iframe, body base, meta[http-equiv], form[action], math, object, embed, body style";
  for (const e of document.querySelectorAll(active)) bad.push("an element: " + e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll("*")) {
    for (const a of e.attributes) {
      const runs = ["href", "src", "action"].includes(a.name) && /^\s*javascript:/i.test(a.value);
      if (a.name.startsWith("on") || runs) bad.push("a handler: " + e.outerHTML.slice(0, 80));
    }
  }

  const clipped = (e) => {
    while (e && getComputedStyle(e).overflowX === "visible") e = e.parentElement;
    return e && e !== document.documentElement && e !== document.body;
  };
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) bad.push("the page has a width of " + width);
  for (const e of document.querySelectorAll("body *:not(svg, svg *, option)")) {
    const r = e.getBoundingClientRect();
    if (r.width && (r.right > innerWidth + 1 || r.left < -1) && !clipped(e)) bad.push("outside the window: " + name(e));
    const hasText = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
    if (hasText && e.clientWidth && e.scrollWidth > e.clientWidth + 1 && !clipped(e)) bad.push("wider than its box: " + name(e));
  }

  for (const e of document.querySelectorAll("button, a, summary")) {
    const r = e.getBoundingClientRect();
    if (e.closest(".cover")) continue; // it is as high as its card
    if (r.width && r.height > 60 && r.height > 2 * r.width) bad.push("squeezed: " + name(e));
  }

  const boxes = [...document.querySelectorAll(rows)];
  if (!boxes.length) bad.push("no rows");
  boxes.forEach((e, n) => {
    const r = e.getBoundingClientRect();
    if (r.height > maxHeight) bad.push("a height of " + Math.round(r.height) + ": " + name(e));
    if (boxes[n + 1]?.parentElement !== e.parentElement) return;
    const next = boxes[n + 1].getBoundingClientRect();
    const across = next.left < r.right - 1 && next.right > r.left + 1;
    if (r.height && next.height && across && next.top < r.bottom - 1) bad.push("covered: " + name(e));
  });

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let t; (t = texts.nextNode());) {
    if (!/[\u202a-\u202e\u2066-\u2069]/.test(t.data) || t.parentElement.closest("option, pre, noscript")) continue;
    let e = t.parentElement;
    const flows = () => {
      const style = getComputedStyle(e);
      return style.display === "inline" && !/isolate|plaintext/.test(style.unicodeBidi);
    };
    while (flows()) e = e.parentElement;
    if (e.textContent.trim() !== t.data.trim()) bad.push("the direction of " + name(e));
  }
  return [...new Set(bad)].slice(0, 6).join("\n");
}
