// Sets the theme before the first paint. It is separate from the page, because modules run later.
try {
  const asked = new URLSearchParams(location.search).get("theme") ?? JSON.parse(localStorage.getItem("matchwire-page"))?.theme;
  if (["light", "dark"].includes(asked)) document.documentElement.dataset.theme = asked;
} catch { // the browser stores nothing for this page
}
