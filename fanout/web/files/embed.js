// Web components that show live scores on any page:
//
//   <script type="module" src="https://scores.example/embed.js"></script>
//   <matchwire-match match="mls-42"></matchwire-match>
//   <matchwire-ticker league="MLS" live></matchwire-ticker>
//
// The address of your page must be in fanout.origins of matchwire.yaml. Each component contains a frame with
// a page of the server, so neither page can change the other. The attributes are:
//
//   match     ID of the match, for matchwire-match
//   sport, league, team, kind, q, live, sort   filter of matchwire-ticker, as in the URL of the live page
//   scores, delay, lang, time, theme           settings, as in the URL of the live page
//   token     token for a server that requires one
//
// The height of a component follows its content. If one of these attributes changes, the component shows the new matches.

const settings = ["scores", "delay", "lang", "time", "theme", "token"];
const filters = ["sport", "league", "team", "kind", "q", "live", "sort"];
const root = new URL(".", import.meta.url);

class Frame extends HTMLElement {
  #frame = null;

  connectedCallback() {
    if (!this.#frame) {
      this.#frame = document.createElement("iframe");
      Object.assign(this.#frame.style, { border: "0", width: "100%", display: "block", height: "160px", colorScheme: "auto" });
      this.#frame.loading = "lazy";
      this.attachShadow({ mode: "open" }).append(this.#frame);
      this.style.display ||= "block";
    }
    this.#show();
    addEventListener("message", this.#resize);
  }

  disconnectedCallback() { removeEventListener("message", this.#resize); }

  attributeChangedCallback() { if (this.#frame) this.#show(); }

  #show() {
    const address = this.address();
    for (const name of this.constructor.observedAttributes) {
      if (name === "match" || !this.hasAttribute(name)) continue;
      address.searchParams.set(name, name === "live" ? "true" : this.getAttribute(name));
    }
    this.#frame.title = this.getAttribute("title") || "Live scores";
    if (this.#frame.src !== address.href) this.#frame.src = address.href;
  }

  // resize gives the frame the height of its content. It ignores messages from other windows.
  #resize = ({ source, origin, data }) => {
    if (source !== this.#frame.contentWindow || origin !== root.origin || !Number.isFinite(data?.matchwireHeight)) return;
    this.#frame.style.height = Math.min(20000, Math.max(0, data.matchwireHeight)) + "px";
  };
}

customElements.define("matchwire-match", class extends Frame {
  static observedAttributes = ["match", ...settings];
  address() { return new URL("embed/" + encodeURIComponent(this.getAttribute("match") ?? ""), root); }
});

customElements.define("matchwire-ticker", class extends Frame {
  static observedAttributes = [...filters, ...settings];
  address() { return new URL("embed", root); }
});
