package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/fanout/access"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/presence"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// Streams says who may connect to the event streams of role fanout.
type Streams struct {
	// Tokens is a file of keys, relative to the config file, that clients'
	// tokens are signed with; see access.Keys. Without it clients need none.
	Tokens string `yaml:"tokens"`
	// Anybody lets clients connect without a token where others than this machine
	// reach the streams.
	Anybody bool `yaml:"anybody"`
	// Origins are sites whose pages may connect, besides the pages of the address
	// that serves the streams: https://example.org or https://*.example.org.
	Origins []string `yaml:"origins"`
	// Connections bounds how many there are at a time in one process; without it
	// the files that it may open do.
	Connections int `yaml:"connections"`
	// Drain is the longest time over which a process that stops sends its clients
	// to others; 5s without it.
	Drain strictyaml.Duration `yaml:"drain"`
}

const drainFor = 5 * time.Second

// check says what is wrong with the part, and where in the config.
func (s Streams) check(data []byte) error {
	for i, o := range s.Origins {
		if err := access.CheckOrigin(o); err != nil {
			return strictyaml.PosAt(data, fmt.Sprintf("fanout.origins[%d]", i)).Errorf("%w", err)
		}
	}
	if s.Connections < 0 {
		return strictyaml.PosAt(data, "fanout.connections").Errorf("%d: want a number of connections", s.Connections)
	}
	if s.Tokens != "" && s.Anybody {
		return strictyaml.PosAt(data, "fanout.anybody").Errorf("clients need a token, as fanout.tokens has it: leave one of the two out")
	}
	return nil
}

// streams returns the hub's options. It fails if other machines reach the address
// and the config does not say who may connect.
func (p *Pipeline) streams(parts *roleParts, listen string) (fanout.Options, error) {
	c := p.config.Fanout
	o := fanout.Options{Checkpoints: eventlog.NewCheckpoints(parts.redis, parts.prefix), Presence: presence.NewStore(parts.redis, parts.prefix, parts.instance), Trace: parts.trace, Log: p.log,
		Origins: c.Origins, Connections: c.Connections, Drain: time.Duration(c.Drain)}
	if o.Drain == 0 {
		o.Drain = drainFor
	}
	switch {
	case c.Tokens != "":
		keys, err := access.LoadKeys(p.config.beside(c.Tokens), p.log)
		if err != nil {
			return o, Misuse(fmt.Errorf("config %s: fanout.tokens: %w", p.config.file, err))
		}
		o.Tokens = keys
	case !c.Anybody && !p.Anybody && !loopback(listen):
		return o, Misuse(fmt.Errorf("anybody who reaches %s could read the event streams: name a file of keys as fanout.tokens, or say fanout.anybody: true (--anybody)", listen))
	}
	return o, nil
}

// loopback reports whether only this machine reaches an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (p *Pipeline) startFanout(ctx context.Context, group *errgroup.Group, parts *roleParts) error {
	options, err := p.streams(parts, p.address())
	if err != nil {
		return err
	}
	hub := fanout.NewHub(options)
	parts.web.Handle("/", hub.Handler())
	parts.serves = true
	parts.health.add(func(context.Context) []health.Issue { return hub.Health() })
	for _, c := range hub.Collectors() {
		if err := parts.metrics.Register(c); err != nil {
			return errors.Join(errors.New("metrics"), err)
		}
	}
	group.Go(func() error { return hub.Run(ctx, parts.broker) })
	return nil
}
