package fanout

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/matchwire/matchwire/fanout/presence"
)

// ServePresence serves the presence of all nodes as JSON. The presence of other nodes may be a few
// seconds old. If clients need tokens, the token of the request must not restrict events.
func (h *Hub) ServePresence(w http.ResponseWriter, r *http.Request) {
	if k := h.limits.Load().Tokens; k != nil {
		claims, err := k.Verify(r)
		if err == nil && len(claims.Topics)+len(claims.Match)+len(claims.Team) > 0 {
			err = errors.New("the token restricts events, so it does not allow access to /presence")
		}
		if err != nil {
			h.refuse(w, http.StatusUnauthorized, err)
			return
		}
	}
	p, err := h.totalPresence(r.Context())
	if err != nil {
		h.log.Warn("presence of other nodes not read", "error", err)
		h.refuse(w, http.StatusServiceUnavailable, errors.New("the presence of the other nodes cannot be read"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(p)
}

// A presenceCache caches the presence of this node and of all nodes.
type presenceCache struct {
	group   singleflight.Group // shares reads of the presence of other nodes
	mu      sync.Mutex
	latest  presence.Presence // presence of this node
	at      time.Time         // when latest was counted
	total   presence.Presence // presence of all nodes
	totalAt time.Time         // value of at when total was computed
}

// totalPresence returns the presence of all nodes. It reads the presence of other nodes at most once a
// second.
func (h *Hub) totalPresence(ctx context.Context) (presence.Presence, error) {
	own := h.presence()
	if h.options.Presence == nil {
		return own, nil
	}
	c := &h.counted
	c.mu.Lock()
	at, total, current := c.at, c.total, c.totalAt.Equal(c.at)
	c.mu.Unlock()
	if current {
		return total, nil
	}
	result, err, _ := c.group.Do("", func() (any, error) {
		others, err := h.options.Presence.Others(context.WithoutCancel(ctx)) // other calls wait for this read too
		if err != nil {
			return own, err
		}
		total := own
		for _, o := range others {
			total = total.Add(o)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.total, c.totalAt = total, at
		return total, nil
	})
	return result.(presence.Presence), err
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
