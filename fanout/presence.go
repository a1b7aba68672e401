package fanout

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/matchwire/matchwire/fanout/presence"
)

// ServePresence serves the presence of all nodes as JSON. The presence of other nodes may be a few
// seconds old. If clients need tokens, the token of the request must not restrict events.
func (h *Hub) ServePresence(w http.ResponseWriter, r *http.Request) {
	if k := h.options.Tokens; k != nil {
		claims, err := k.Verify(r)
		if err == nil && len(claims.Topics)+len(claims.Match)+len(claims.Team) > 0 {
			err = errors.New("the token restricts events, so it does not allow access to /presence")
		}
		if err != nil {
			h.refuse(w, http.StatusUnauthorized, err)
			return
		}
	}
	p := h.presence()
	if h.options.Presence != nil {
		others, err := h.options.Presence.Others(r.Context())
		if err != nil {
			h.log.Warn("presence of other nodes not read", "error", err)
			h.refuse(w, http.StatusServiceUnavailable, errors.New("the presence of the other nodes cannot be read"))
			return
		}
		for _, o := range others {
			p = p.Add(o)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(p)
}

// A presenceCache caches the presence of this node.
type presenceCache struct {
	mu     sync.Mutex
	latest presence.Presence
	at     time.Time // when latest was counted
}

// presence returns the presence of this node, which may be up to a second old.
func (h *Hub) presence() presence.Presence {
	h.counted.mu.Lock()
	defer h.counted.mu.Unlock()
	if time.Since(h.counted.at) > time.Second {
		h.counted.latest, h.counted.at = h.countPresence(), time.Now()
	}
	return h.counted.latest
}

// countPresence counts the clients of this node. The cost depends on the number of groups, not on the
// number of clients.
func (h *Hub) countPresence() presence.Presence {
	p := presence.Presence{Nodes: 1, Connections: h.connected()}
	count := func(to *[]presence.Count, names []string, n int) {
		for _, name := range names {
			*to = append(*to, presence.Count{Name: name, Clients: n})
		}
	}
	for _, t := range h.allTimelines() {
		t.mu.Lock()
		for _, g := range t.index.groups {
			n := g.size()
			if g.filter.Empty() && !g.filter.Nothing {
				p.Everything += n
			}
			count(&p.Topics, g.filter.Topics, n)
			count(&p.Match, g.filter.Match, n)
			count(&p.Team, g.filter.Team, n)
		}
		t.mu.Unlock()
	}
	return p.Add(presence.Presence{}) // merges counts with equal names
}
