package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/access"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/presence"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/monitor"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// FanoutConfig holds the settings of role fanout: which clients may connect to its event
// streams, and how many.
type FanoutConfig struct {
	// TokenKeys is the file with the keys that verify clients' tokens; see
	// [access.Keys]. If it is "", clients need no token.
	TokenKeys string `yaml:"token_keys"`
	// TokenIssuer, TokenAudience, TokenLifetime and TokenNotBefore set which claims a token must
	// have; see [access.Policy].
	TokenIssuer    string              `yaml:"token_issuer"`
	TokenAudience  string              `yaml:"token_audience"`
	TokenLifetime  strictyaml.Duration `yaml:"token_lifetime"`
	TokenNotBefore bool                `yaml:"token_not_before"`
	// TokenDefault is what a token with none of the claims topics, match and team allows: nothing
	// or everything. The default is nothing.
	TokenDefault string `yaml:"token_default"`
	// Anybody allows clients without a token even if other machines can connect.
	Anybody bool `yaml:"anybody"`
	// Origins are sites whose pages may connect, like https://example.org or
	// https://*.example.org. Pages of the same origin can always connect.
	Origins []string `yaml:"origins"`
	// Connections is the maximum number of connections in one process. If it is 0,
	// only the limit on open files applies.
	Connections int `yaml:"connections"`
	// ConnectionsPerAddress is the maximum number of connections from one client address in one
	// process. If it is 0, the maximum is a tenth of Connections, but at least 250.
	ConnectionsPerAddress int `yaml:"connections_per_address"`
	// Timelines is the maximum number of timelines with a delay. The same maximum applies to timelines
	// with a speed. The default is 256.
	Timelines int `yaml:"timelines"`
	// TimelinesPerAddress is the maximum number of timelines with a delay or a speed that one client
	// address can use. The default is 32.
	TimelinesPerAddress int `yaml:"timelines_per_address"`
	// SnapshotMatches is the maximum number of matches in a snapshot. The default is 500.
	SnapshotMatches int `yaml:"snapshot_matches"`
	// Drain is the time limit for disconnecting the clients when a process stops. The
	// default is 5s.
	Drain strictyaml.Duration `yaml:"drain"`
}

const defaultDrain = 5 * time.Second

// check returns an error with a position if a setting is invalid.
func (f FanoutConfig) check(data []byte) error {
	var faults []error
	for i, o := range f.Origins {
		if err := access.CheckOrigin(o); err != nil {
			faults = append(faults, strictyaml.PosAt(data, fmt.Sprintf("fanout.origins[%d]", i)).Errorf("%w", err))
		}
	}
	faults = append(faults, checkLimits(data, map[string]int{
		"fanout.connections": f.Connections, "fanout.connections_per_address": f.ConnectionsPerAddress,
		"fanout.timelines": f.Timelines, "fanout.timelines_per_address": f.TimelinesPerAddress,
		"fanout.snapshot_matches": f.SnapshotMatches,
	}))
	if f.TokenDefault != "" && f.TokenDefault != "nothing" && f.TokenDefault != "everything" {
		faults = append(faults,
			strictyaml.PosAt(data, "fanout.token_default").Errorf("%q: want nothing or everything", f.TokenDefault))
	}
	for _, key := range []string{"issuer", "audience", "lifetime", "not_before", "default"} {
		if pos, ok := strictyaml.Lookup(data, "fanout.token_"+key); ok && f.TokenKeys == "" {
			faults = append(faults, pos.Missingf("set fanout.token_keys too: without keys, clients need no token"))
		}
	}
	if f.TokenKeys != "" && f.Anybody {
		faults = append(faults, strictyaml.PosAt(data, "fanout.anybody").Errorf(
			"remove this key or fanout.token_keys: with token_keys, clients need a token"))
	}
	return errors.Join(faults...)
}

// limits returns the limits of the hub.
func (g *generation) limits() fanout.Limits {
	c := g.config.Fanout
	return fanout.Limits{
		Tokens: g.guard.Streams, Credential: g.guard.Credential,
		Trusted: func(credential string) bool { return g.guard.HasScope(credential, guard.Read) },
		Origins: c.Origins, Connections: c.Connections, Drain: cmp.Or(time.Duration(c.Drain), defaultDrain),
		ConnectionsPerAddress: c.ConnectionsPerAddress, Timelines: c.Timelines, TimelinesPerAddress: c.TimelinesPerAddress,
	}
}

// stateOnBoard returns a function that returns the state of a match according to its scoreboard, or nil
// if the match has no scoreboard.
func stateOnBoard(boards scoreboard.Boards) func(context.Context, string) (*eventlog.MatchState, error) {
	return func(ctx context.Context, match string) (*eventlog.MatchState, error) {
		b, ok, err := boards.Get(ctx, match)
		if err != nil || !ok {
			return nil, err
		}
		tid, _ := event.ParseTID(b.TID)
		m := &eventlog.MatchState{
			Match: event.Match{ID: b.Match, Home: b.Home, Away: b.Away, Start: b.Start, Status: b.Status,
				Period: b.Period, Situation: b.Situation},
			Sport: b.Sport, League: b.League, Score: b.Score, Shootout: b.Shootout, LineScore: b.LineScore,
			Replay: b.Replay, Updated: b.Updated, TID: tid, Epoch: b.Epoch, Seq: b.Seq, Scoreboard: true,
			Incidents: []*eventlog.Incident{},
		}
		if b.Stale != "" {
			m.Match.Stale = &event.Stale{Since: b.StaleSince, Reason: b.Stale}
		}
		// The incidents of a state are in the order of their first reports.
		slices.SortStableFunc(b.Incidents, func(x, y scoreboard.Incident) int { return cmp.Compare(x.First, y.First) })
		for _, i := range b.Incidents {
			shown := incidentOnBoard(b, i)
			if i.Action != event.Retracted {
				m.Incidents = append(m.Incidents, shown)
				continue
			}
			shown.Retraction = &eventlog.Retraction{Reason: i.Reason, TID: i.TID}
			m.Retracted = append(m.Retracted, shown)
			m.Retracted = m.Retracted[max(0, len(m.Retracted)-eventlog.MaxRetracted):]
		}
		return m, nil
	}
}

// incidentOnBoard returns an incident of a scoreboard as an incident of a state. Score and Shootout are
// those of the latest event about the incident.
func incidentOnBoard(b scoreboard.Board, i scoreboard.Incident) *eventlog.Incident {
	sport, rest, _ := strings.Cut(b.Event, ".") // the routing key of the latest event of the match
	league, _, _ := strings.Cut(rest, ".")
	return &eventlog.Incident{
		Incident: i.ID, Key: sport + "." + league + "." + i.Kind.Word(i.Action), Kind: i.Kind, Detail: i.Detail,
		Side: i.Side, Team: i.Team, Player: i.Player, Off: i.Off, Assist: i.Assist, Points: i.Points, Time: i.Time,
		Clock: i.Clock, Score: i.Score, Shootout: i.Shootout, Winner: i.Winner, DecidedBy: i.DecidedBy,
		Lineup: i.Lineup, Rev: i.Rev, Provisional: i.Provisional, TID: i.TID,
	}
}

// streamKeys returns the keys that verify the tokens of stream clients, or nil if clients need no token.
func (c Config) streamKeys() (*access.Keys, error) {
	f := c.Fanout
	if f.TokenKeys == "" {
		return nil, nil
	}
	keys, err := access.LoadKeys(c.input(f.TokenKeys), access.Policy{
		Issuer: f.TokenIssuer, Audience: f.TokenAudience, Lifetime: time.Duration(f.TokenLifetime),
		NotBefore: f.TokenNotBefore, AllowAll: f.TokenDefault == "everything",
	})
	if err != nil {
		return nil, UsageError(fmt.Errorf("config %s: fanout.token_keys: %w", c.file, err))
	}
	return keys, nil
}

// checkPublic returns an error if other machines can connect to the address listen, and neither the
// config nor a flag says who may read the data there. what names the data in the error.
func (p *Pipeline) checkPublic(c Config, what, listen string) error {
	if c.Fanout.TokenKeys != "" || c.Fanout.Anybody || p.Anybody || loopback(listen) {
		return nil
	}
	return UsageError(fmt.Errorf("other machines can connect to %s and read the %s: "+
		"set fanout.token_keys, or allow that with fanout.anybody: true or --anybody", listen, what))
}

// loopback reports whether only this machine can connect to an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (p *Pipeline) startFanout(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	g := parts.current.Load()
	hub := fanout.NewHub(fanout.Options{
		Limits:      g.limits(),
		Checkpoints: eventlog.NewCheckpoints(parts.redis, parts.prefix),
		Presence:    presence.NewStore(parts.redis, parts.prefix, parts.instance), Trace: parts.trace, Log: p.log,
		SnapshotMatches: g.config.Fanout.SnapshotMatches,
		Scoreboard:      stateOnBoard(scoreboard.NewBoards(parts.redis, parts.prefix)),
	})
	parts.hub, parts.serves = hub, true
	parts.health.Add(monitor.Check{Name: "fanout", Ready: true,
		Run: func(context.Context) []health.Issue { return hub.Health() }})
	for _, c := range hub.Collectors() {
		if err := parts.metrics.Register(c); err != nil {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	group.Go(func() error { return hub.Run(ctx, parts.broker) })
	return nil
}
