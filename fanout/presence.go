package fanout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	maxPresence     = 1000             // entries of each list
	tellPresence    = 5 * time.Second  // how often a node tells the others
	presenceAge     = 15 * time.Second // after which it is gone
	presenceTimeout = 3 * time.Second
)

// A Presence is who is connected: how many clients, and how many of them asked
// for what, most wanted first.
type Presence struct {
	Nodes       int     `json:"nodes"`
	Connections int     `json:"connections"`
	Everything  int     `json:"everything"` // clients that named nothing
	Topics      []Count `json:"topics"`
	Match       []Count `json:"match"`
	Team        []Count `json:"team"`
}

// A Count is how many clients named something.
type Count struct {
	Name    string `json:"name"`
	Clients int    `json:"clients"`
}

// Presences has the nodes tell each other who is connected, in the hash
// mw:{fanout}:presence: by node, JSON that says when that was, by Redis's clock.
type Presences struct {
	redis redis.UniversalClient
	key   string
	node  string
}

// NewPresences is for a node of that name.
func NewPresences(r redis.UniversalClient, prefix, node string) *Presences {
	return &Presences{redis: r, key: prefix + "{fanout}:presence", node: node}
}

// A told is what a node said of itself.
type told struct {
	At       time.Time `json:"at"`                // by the node's clock, for nodes of versions without heard_ms
	HeardMS  int64     `json:"heard_ms,omitzero"` // Unix milliseconds of Redis's clock, added by the script
	Presence Presence  `json:"presence"`
}

var tellPresences = redis.NewScript(`
local t = redis.call('time')
local heard = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
return redis.call('hset', KEYS[1], ARGV[1], string.sub(ARGV[2], 1, -2) .. ',"heard_ms":' .. heard .. '}')`)

var listPresences = redis.NewScript(`
local t = redis.call('time')
local all = redis.call('hgetall', KEYS[1])
table.insert(all, 1, string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)))
return all`)

func (p *Presences) tell(ctx context.Context, own Presence) error {
	text, err := json.Marshal(told{At: time.Now(), Presence: own})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	return tellPresences.Run(ctx, p.redis, []string{p.key}, p.node, text).Err()
}

// age is how long ago the node was heard. now is Redis's clock.
func (t told) age(now int64) time.Duration {
	if t.HeardMS == 0 {
		return time.Since(t.At)
	}
	return time.Duration(now-t.HeardMS) * time.Millisecond
}

// others is what the other nodes said lately. Those that are gone are removed.
func (p *Presences) others(ctx context.Context) (all []Presence, err error) {
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	found, err := listPresences.Run(ctx, p.redis, []string{p.key}).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("reading the presence of other nodes: %w", err)
	}
	now, err := strconv.ParseInt(found[0], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the presence of other nodes: %w", err)
	}
	for pair := range slices.Chunk(found[1:], 2) {
		node := pair[0]
		var t told
		if err := json.Unmarshal([]byte(pair[1]), &t); err != nil || t.age(now) > presenceAge {
			p.redis.HDel(ctx, p.key, node)
		} else if node != p.node {
			all = append(all, t.Presence)
		}
	}
	return all, nil
}

// tellPresence tells the others until ctx ends.
func (h *Hub) tellPresence(ctx context.Context) {
	tick := time.NewTicker(tellPresence)
	defer tick.Stop()
	for {
		if err := h.options.Presences.tell(ctx, h.presence()); err != nil && ctx.Err() == nil {
			h.log.Debug("presence not told", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// presence is that of this node, counted at most once a second.
func (h *Hub) presence() Presence {
	h.present.Lock()
	defer h.present.Unlock()
	if time.Since(h.present.at) > time.Second {
		h.present.is, h.present.at = h.countPresence(), time.Now()
	}
	return h.present.is
}

// countPresence looks at groups, not at clients.
func (h *Hub) countPresence() Presence {
	p := Presence{Nodes: 1, Connections: h.connected()}
	var topics, match, team []Count
	for _, l := range h.allLines() {
		l.mu.Lock()
		for _, g := range l.index.groups {
			n := g.size()
			if g.wants.empty() && !g.wants.nothing {
				p.Everything += n
			}
			topics, match, team = count(topics, g.wants.Topics, n), count(match, g.wants.Match, n), count(team, g.wants.Team, n)
		}
		l.mu.Unlock()
	}
	p.Topics, p.Match, p.Team = sum(topics), sum(match), sum(team)
	return p
}

func count(to []Count, names []string, n int) []Count {
	for _, name := range names {
		to = append(to, Count{name, n})
	}
	return to
}

// sum has each name once, the most wanted first.
func sum(counts []Count) []Count {
	by := map[string]int{}
	for _, c := range counts {
		by[c.Name] += c.Clients
	}
	all := []Count{}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		all = append(all, Count{name, by[name]})
	}
	slices.SortStableFunc(all, func(a, b Count) int { return cmp.Compare(b.Clients, a.Clients) })
	return all[:min(len(all), maxPresence)]
}

func (p Presence) add(o Presence) Presence {
	return Presence{
		Nodes: p.Nodes + o.Nodes, Connections: p.Connections + o.Connections, Everything: p.Everything + o.Everything,
		Topics: sum(slices.Concat(p.Topics, o.Topics)), Match: sum(slices.Concat(p.Match, o.Match)), Team: sum(slices.Concat(p.Team, o.Team)),
	}
}

// ServePresence answers with the Presence of all nodes; what others say of
// themselves may be seconds old.
func (h *Hub) ServePresence(w http.ResponseWriter, r *http.Request) {
	if k := h.options.Tokens; k != nil {
		may, _, err := k.check(bearer(r, r.URL.Query()))
		if err == nil && may != nil {
			err = errors.New("a token that bounds what its holder gets is not for what others want")
		}
		if err != nil {
			h.refuse(w, http.StatusUnauthorized, err)
			return
		}
	}
	p := h.presence()
	if h.options.Presences != nil {
		others, err := h.options.Presences.others(r.Context())
		if err != nil {
			h.log.Warn("presence not answered", "error", err)
			h.refuse(w, http.StatusServiceUnavailable, errors.New("the other nodes' presence cannot be read"))
			return
		}
		for _, o := range others {
			p = p.add(o)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(p)
}
