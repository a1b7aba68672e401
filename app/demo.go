package app

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/pipeline"
)

type demoCmd struct {
	Dirs   []string `arg:"" optional:"" name:"dir" type:"existingdir" help:"${demo_dirs}"`
	Speed  speed    `help:"Multiple of the recorded speed, or max for no pauses." default:"60"`
	Listen string   `help:"Address of the live page." default:"${listen}" env:"MATCHWIRE_LISTEN"`
}

func (d *demoCmd) Help() string {
	return "Plays three recorded matches at the same time through an embedded broker and store, at 60 times real speed. " +
		"The demo needs no servers and no network. It prints each event. " +
		"If you name folders, the demo plays your recordings instead, with the profiles and consumers of the config. " +
		"It then sends the notifications, so you can test them. " +
		"It prints each notification that a channel sends. For each event without a notification, it prints the reason. " +
		"--log-level info also logs the work of each role. Log lines with the same cause, such as a poll, " +
		"have the same TID (transaction ID)."
}

func (d *demoCmd) Run(ctx context.Context, c *console) error {
	liveURL, what := "", "three matches"
	demo := pipeline.Demo{Speed: float64(d.Speed), Plugins: c.plugins, Log: c.log}
	if len(d.Dirs) > 0 {
		var err error
		if demo.Config, err = c.config(); err != nil {
			return err
		}
		for _, dir := range d.Dirs {
			f, err := (&replayCmd{}).fixture(dir)
			if err != nil {
				return err
			}
			demo.Fixtures = append(demo.Fixtures, f)
		}
		what = pipeline.Plural(len(d.Dirs), "recording")
	}
	demo.Config.Listen = d.Listen
	demo.OnListen = func(at net.Addr) {
		liveURL = "http://" + browserAddress(at)
		fmt.Fprintf(c.err, "\n  Live page:  %s\n\n", liveURL)
		fmt.Fprintf(c.err, "  Replaying %s at %s. Press Ctrl-C to stop.\n\n", what, d.Speed)
	}
	var output sync.Mutex
	text := c.text()
	demo.OnEvent = func(e event.Event) {
		output.Lock()
		defer output.Unlock()
		fmt.Fprintln(text, pipeline.FormatEvent(e))
	}
	if len(d.Dirs) > 0 {
		demo.OnAttempt = func(a pipeline.Attempt) {
			if line := a.Line(); line != "" {
				output.Lock()
				defer output.Unlock()
				fmt.Fprintln(text, line)
			}
		}
	}
	demo.OnEnd = func() {
		const format = "\n  The matches have ended. The live page is available at %s until you press Ctrl-C.\n\n"
		fmt.Fprintf(c.err, format, liveURL)
	}
	return demo.Run(ctx)
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
