package fanout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/matchwire/matchwire/fanout/access"
	"github.com/matchwire/matchwire/fanout/filter"
	"github.com/matchwire/matchwire/internal/clientaddr"
	"github.com/matchwire/matchwire/internal/nonblock"
	"github.com/matchwire/matchwire/internal/problem"
	"github.com/matchwire/matchwire/internal/quota"
)

// Limits say which clients may connect to a node, and how many.
type Limits struct {
	// Origins lists the origins whose pages may connect, besides the node's own origin.
	Origins access.Origins
	// Tokens verifies the tokens of clients. If it is nil, clients need no token.
	Tokens *access.Keys
	// Credential returns the credential of a request, besides the tokens that Tokens verifies, or "" if it has none.
	// Trusted reports whether the client with a credential may receive everything. If they are nil, no client may.
	Credential func(r *http.Request) string
	Trusted    func(credential string) bool
	// Connections is the maximum number of connections. 0 means a maximum derived from the limit on
	// open files.
	Connections int
	// ConnectionsPerAddress is the maximum number of connections from one client address. 0 means a
	// tenth of Connections, but at least 250. Package clientaddr defines the address of a client.
	ConnectionsPerAddress int
	// Timelines is the maximum number of timelines with a delay. Timelines with a speed are counted
	// separately and have the same maximum. 0 means 256.
	Timelines int
	// TimelinesPerAddress is the maximum number of timelines with a delay or a speed that the clients of
	// one address can use. 0 means 32.
	TimelinesPerAddress int
	// Drain is the maximum time in which a stopping node closes its clients, one after the other. The
	// pause between two clients is at most 1 ms.
	Drain time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Connections == 0 {
		l.Connections = nonblock.MaxConnections()
	}
	l.ConnectionsPerAddress = cmp.Or(l.ConnectionsPerAddress, max(l.Connections/10, 250))
	l.Timelines = cmp.Or(l.Timelines, defaultTimelines)
	l.TimelinesPerAddress = cmp.Or(l.TimelinesPerAddress, defaultTimelinesPerAddress)
	return l
}

// SetLimits replaces the limits. It closes each client whose token the new limits do not accept. Other clients stay
// connected, even if there are more of them than a new limit allows.
func (h *Hub) SetLimits(l Limits) {
	l = l.withDefaults()
	h.limits.Store(&l)
	h.addresses.SetLimits(l.ConnectionsPerAddress, 0)
	h.held.SetLimits(l.TimelinesPerAddress, 0)
	known := map[credential]bool{} // whether the limits accept a credential
	for _, c := range h.clients() {
		accepted, ok := known[c.credential]
		if !ok {
			accepted = l.accept(c.credential)
			known[c.credential] = accepted
		}
		if !accepted {
			c.close(closeToken, tokenRevoked, endToken)
		}
	}
}

// A credential is the token, or the result of Limits.Credential, with which a client has connected. It is zero if no
// token was required.
type credential struct {
	text    string
	trusted bool // Limits.Trusted accepted the text
}

// accept reports whether a client with a credential that was accepted before may stay connected.
func (l *Limits) accept(c credential) bool {
	switch {
	case l.Tokens == nil:
		return true
	case c.trusted:
		return l.Trusted != nil && l.Trusted(c.text)
	}
	_, err := l.Tokens.VerifyToken(c.text)
	return err == nil
}

// accept checks an HTTP request, waits until the node is ready, and counts the connection. If ok is
// false, accept has sent an error response.
func (h *Hub) accept(w http.ResponseWriter, r *http.Request) (req request, ok bool) {
	limits := h.limits.Load()
	if !limits.Origins.Allow(r) {
		err := fmt.Errorf("pages from %s may not connect: add the origin to fanout.origins in matchwire.yaml",
			r.Header.Get("Origin"))
		return req, h.refuse(w, http.StatusForbidden, err)
	}
	if origin := r.Header.Get("Origin"); origin != "" { // so that a page can read why its request was refused
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Add("Vary", "Origin")
	}
	if r.Method != http.MethodGet { // HEAD, which the patterns of Handler accept too
		return req, h.refuse(w, http.StatusMethodNotAllowed, fmt.Errorf("method %s: want GET", r.Method))
	}
	req, err := parseRequest(r.URL.Query(), r.Header.Get("Last-Event-ID"), time.Now())
	if err != nil {
		return req, h.refuse(w, http.StatusBadRequest, err)
	}
	req.limits = limits
	if status, err := limits.authorize(r, &req); err != nil {
		return req, h.refuse(w, status, err)
	}
	if !h.awaitReady(r.Context()) {
		return req, h.refuse(w, http.StatusServiceUnavailable, errors.New("this node is still reading the event log"))
	}
	req.address = clientaddr.Of(r)
	switch h.addConnection(req.address) {
	case quota.AddressFull:
		return req, h.refuse(w, http.StatusTooManyRequests, errors.New("your address has too many connections"))
	case quota.Full:
		return req, h.refuse(w, http.StatusServiceUnavailable, errors.New("this node is full or stopping"))
	}
	return req, true
}

// authorize verifies the token of r, if tokens are required and r is not trusted, and checks that the token allows the
// filter of req. It stores in req the token, its expiry and the filter that the token allows. If
// err is not nil, status is the HTTP status of the error response.
func (l *Limits) authorize(r *http.Request, req *request) (status int, err error) {
	if l.Tokens == nil {
		return 0, nil
	}
	if l.Credential != nil {
		if c := (credential{l.Credential(r), true}); c.text != "" && l.accept(c) {
			req.credential = c
			return 0, nil
		}
	}
	req.credential.text = access.Bearer(r)
	claims, err := l.Tokens.VerifyToken(req.credential.text)
	if err != nil {
		return http.StatusUnauthorized, err
	}
	req.expires = claims.Expires.Unix()
	allowed := filter.New(claims.Topics, claims.Match, claims.Team)
	if err := allowed.Check(); err != nil {
		return http.StatusUnauthorized, fmt.Errorf("claims of the token: %w", err)
	}
	if allowed.Empty() {
		return 0, nil
	}
	if err := req.filter.Within(&allowed); err != nil {
		return http.StatusForbidden, err
	}
	req.filter.Allowed = &allowed
	return 0, nil
}

// refuse sends err as a problem document, counts the refused request, and returns false.
func (h *Hub) refuse(w http.ResponseWriter, status int, err error) bool {
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "5")
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	h.metrics.refused.WithLabelValues(http.StatusText(status)).Inc()
	problem.Write(w, status, err.Error(), "")
	return false
}

// awaitReady waits until the node is ready, writeTimeout has passed or ctx ends. It reports whether
// the node is ready.
func (h *Hub) awaitReady(ctx context.Context) bool {
	_, ready := h.readiness()
	if closed(ready) {
		return true
	}
	timeout := time.NewTimer(writeTimeout)
	defer timeout.Stop()
	select {
	case <-ready:
		return true
	case <-ctx.Done():
	case <-timeout.C:
	}
	return false
}

// addConnection counts a connection from an address. It returns [quota.Full] if there are too many
// connections or the node is stopping, and [quota.AddressFull] if there are too many connections from
// this address. After each call that returns [quota.Taken], the caller must call removeConnection
// once.
func (h *Hub) addConnection(address string) quota.Verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	if closed(h.stopping) || h.connections >= h.limits.Load().Connections {
		return quota.Full
	}
	if v := h.addresses.Take(address); v != quota.Taken {
		return v
	}
	h.connections++
	h.goroutines.Add(1)
	return quota.Taken
}

func (h *Hub) removeConnection(address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addresses.Release(address)
	if h.connections--; h.connections == 0 && closed(h.stopping) {
		close(h.disconnected)
	}
	h.goroutines.Done()
}

// connected returns the number of connections.
func (h *Hub) connected() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.connections
}

// serve runs receive, which reads what the client sends, and admits the client to a timeline. Both
// run in new goroutines, because the stack of the HTTP server's goroutine is large. Most of the
// memory of an idle connection is the stack of the goroutine that reads.
func (h *Hub) serve(c *client, req request, receive func()) {
	c.address, c.conflate, c.credential, c.expires = req.address, req.conflate, req.credential, req.expires
	go func() { // addConnection has counted this goroutine
		receive()
		c.remove()
	}()
	if !h.start(func(ctx context.Context) { h.admit(ctx, c, req) }) {
		c.close(closeGoingAway, nodeStops, endNode)
	}
}
