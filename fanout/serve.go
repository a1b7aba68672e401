package fanout

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/problem"
)

// web is the live page, and the client that it uses.
//
//go:embed web
var web embed.FS

// Health says whether this node still reads the log's history; until then its
// clients wait.
func (h *Hub) Health() []health.Issue {
	switch {
	case h.stopped.Load():
		return []health.Issue{{Text: "fanout stops, and takes no more clients", Down: true}}
	case !h.isReady():
		return []health.Issue{{Text: "fanout still reads the event log", Down: true}}
	}
	return nil
}

// Handler serves the live page on /, the streams on /ws and /sse, and who is
// there on /presence.
func (h *Hub) Handler() http.Handler {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", h.ServeWS)
	mux.HandleFunc("GET /sse", h.ServeSSE)
	mux.HandleFunc("GET /presence", h.ServePresence)
	page := http.FileServerFS(files)
	mux.Handle("GET /", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'self'")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.URL.Path == "/live.js" { // for the pages of other sites; what they may connect to is another question
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
		page.ServeHTTP(w, r)
	}))
	return mux
}

// accept checks a request and counts its connection, and waits until the node is
// ready. On false it has answered.
func (h *Hub) accept(w http.ResponseWriter, r *http.Request) (ask request, ok bool) {
	if !h.originAllowed(r) {
		return ask, h.refuse(w, http.StatusForbidden, fmt.Errorf("pages of %s may not connect: fanout.origins in matchwire.yaml names those that may", r.Header.Get("Origin")))
	}
	if r.Method != http.MethodGet { // HEAD
		return ask, h.refuse(w, http.StatusMethodNotAllowed, errors.New("want GET"))
	}
	q := r.URL.Query()
	ask, err := parseRequest(q, r.Header.Get("Last-Event-ID"), time.Now())
	if err != nil {
		return ask, h.refuse(w, http.StatusBadRequest, err)
	}
	if h.options.Tokens != nil {
		may, expires, err := h.options.Tokens.check(bearer(r, q))
		if err != nil {
			return ask, h.refuse(w, http.StatusUnauthorized, err)
		}
		if err := ask.wants.within(may); err != nil {
			return ask, h.refuse(w, http.StatusForbidden, err)
		}
		ask.wants.may, ask.expires = may, expires.Unix()
	}
	if !h.wait(r.Context()) {
		return ask, h.refuse(w, http.StatusServiceUnavailable, errors.New("still reading the event log"))
	}
	if !h.come() {
		return ask, h.refuse(w, http.StatusServiceUnavailable, errors.New("no more connections: this node is full, or stops"))
	}
	return ask, true
}

// refuse answers with an error. It is false.
func (h *Hub) refuse(w http.ResponseWriter, status int, why error) bool {
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	h.counts.refused.WithLabelValues(http.StatusText(status)).Inc()
	problem.Write(w, status, why.Error(), "")
	return false
}

// wait waits until the node is ready, for a bounded time.
func (h *Hub) wait(ctx context.Context) bool {
	_, ready := h.readiness()
	if closed(ready) {
		return true
	}
	patience := time.NewTimer(writeTimeout)
	defer patience.Stop()
	select {
	case <-ready:
		return true
	case <-ctx.Done():
	case <-patience.C:
	}
	return false
}

// come counts a connection, if there may be one more; gone counts it off.
func (h *Hub) come() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped.Load() || h.connections >= h.options.Connections {
		return false
	}
	h.connections++
	h.goroutines.Add(1)
	return true
}

func (h *Hub) gone() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.connections--
	h.goroutines.Done()
}

// serve gives a client its place, while listen looks after what it says, in a
// goroutine that begins anew: the server's has grown, and an idle connection is
// little more than its stack.
func (h *Hub) serve(c *client, ask request, listen func()) {
	c.conflate, c.expires = ask.conflate, ask.expires
	go listen() // counted since it came; ends with bye
	h.enter(c, ask)
}

// bye is called when nothing more is to be read.
func (c *client) bye() {
	c.linger()
	c.left()
	c.leave()
	c.hub.gone()
}

// originAllowed reports whether a request comes from no page, from one of this
// host, or from one of a site that may connect.
func (h *Hub) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	return strings.EqualFold(u.Host, r.Host) || slices.ContainsFunc(h.options.Origins, func(o string) bool { return originMatches(o, u) })
}

// originMatches compares an origin to https://example.org or https://*.example.org.
func originMatches(pattern string, u *url.URL) bool {
	scheme, host, _ := strings.Cut(strings.ToLower(pattern), "://")
	if scheme != strings.ToLower(u.Scheme) {
		return false
	}
	if domain, ok := strings.CutPrefix(host, "*"); ok {
		return strings.HasSuffix(strings.ToLower(u.Host), domain)
	}
	return host == strings.ToLower(u.Host)
}

// CheckOrigin says what is wrong with an entry of Options.Origins, or nil.
func CheckOrigin(o string) error {
	u, err := url.Parse(strings.Replace(o, "://*.", "://", 1))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil || strings.Contains(u.Host, "*") {
		return fmt.Errorf("origin %q: want https://example.org, or https://*.example.org", o)
	}
	return nil
}
