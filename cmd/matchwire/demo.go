package main

import (
	"fmt"
	"net"

	"github.com/matchwire/matchwire/app"
)

type demoCmd struct {
	Listen string `help:"Where to serve the live page." default:"${listen}" placeholder:"HOST:PORT"`
}

func (d *demoCmd) Help() string {
	return "Plays three matches side by side, a minute of the match in a second, through an embedded broker and store. Needs no servers and no network."
}

func (d *demoCmd) Run(c *console) error {
	return app.Demo(c.ctx, d.Listen, c.log, func(at net.Addr) {
		fmt.Fprintf(c.err, "\n  Live page:  http://%s\n  Three matches are being replayed, a minute in a second. Ctrl-C ends it.\n\n", reachable(at))
	})
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
