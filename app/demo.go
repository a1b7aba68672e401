package app

import (
	"context"
	"fmt"
	"net"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
)

type demoCmd struct {
	Listen string `help:"Address of the live page." default:"${listen}" env:"MATCHWIRE_LISTEN"`
}

func (d *demoCmd) Help() string {
	return "Plays three matches at the same time through an embedded broker and store, at 60 times real speed. " +
		"Needs no servers and no network. Prints each event. " +
		"--log-level info also logs what each role does, with a TID (transaction ID), which matchwire trace explains."
}

func (d *demoCmd) Run(ctx context.Context, c *console) error {
	page := ""
	onListen := func(at net.Addr) {
		page = "http://" + browserAddress(at)
		fmt.Fprintf(c.err, "\n  Live page:  %s\n\n", page)
		fmt.Fprintf(c.err, "  Replaying three matches at one minute per second. Press Ctrl-C to stop.\n\n")
	}
	onEvent := func(e event.Event) { fmt.Fprintln(c.out, pipeline.FormatEvent(e)) }
	onEnd := func() {
		fmt.Fprintf(c.err, "\n  The matches have ended. The live page is available at %s until you press Ctrl-C.\n\n", page)
	}
	return pipeline.Demo(ctx, d.Listen, c.plugins, c.log, onListen, onEvent, onEnd)
}

// browserAddress returns the host:port of at for a browser on this machine. It replaces a
// loopback or unspecified address with localhost.
func browserAddress(at net.Addr) string {
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return at.String()
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
