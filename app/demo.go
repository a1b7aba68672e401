package app

import (
	"context"
	"fmt"
	"net"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
)

type demoCmd struct {
	Listen string `help:"Where to serve the live page (${default})." default:"${listen}" env:"MATCHWIRE_LISTEN" placeholder:"HOST:PORT"`
}

func (d *demoCmd) Help() string {
	return "Plays three matches side by side, a minute of the match in a second, through an embedded broker and store. Needs no servers and no network. Prints a line for every event; --log-level info shows what each part does, under the same transaction ID."
}

func (d *demoCmd) Run(ctx context.Context, c *console) error {
	page := ""
	listening := func(at net.Addr) {
		page = "http://" + reachable(at)
		fmt.Fprintf(c.err, "\n  Live page:  %s\n\n  Three matches are being replayed, a minute in a second. Ctrl-C ends it.\n\n", page)
	}
	tell := func(e event.Event) { fmt.Fprintln(c.out, pipeline.Line(e)) }
	over := func() {
		fmt.Fprintf(c.err, "\n  The matches are over. The live page stays on %s until Ctrl-C.\n\n", page)
	}
	return pipeline.Demo(ctx, d.Listen, c.plugins, c.log, listening, tell, over)
}

// reachable is an address as one types it into a browser on this machine.
func reachable(at net.Addr) string {
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return at.String()
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
