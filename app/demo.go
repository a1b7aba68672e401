package app

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout/access"
	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/matchday"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/terminal"
)

func demoCommand(c *console) *cobra.Command {
	d := demo{speed: 60}
	cmd := &cobra.Command{
		Use:   "demo [DIR…]",
		Short: "Play recorded matches through the whole pipeline in one process.",
		Long: `Arguments:
  DIR…  Fixture folders with your own recordings (default: an included match day)

Plays a day with matches of eight sports through an embedded broker and store, at 60 times real speed. The day takes
about six minutes. A video review cancels a goal, a page corrects a scorer, and a source fails for some
minutes. The demo needs no servers and no network. It prints each event.

The live page has buttons that change the speed for all viewers. It also shows the notifications that a phone would
show. The pipeline page shows how the events flow. The first goal becomes a dead letter of a consumer: log in
with the API token that the demo prints, and replay the dead letter.

If you name folders, the demo plays your recordings instead, with the profiles and consumers of the config. It
then sends the notifications, so you can test them. It prints each notification that a channel sends. For each
event without a notification, it prints the reason.

--log-level info also logs the work of each role. Log lines with the same cause, such as a poll, have the same
TID (transaction ID).`,
		RunE: func(cmd *cobra.Command, args []string) error {
			d.dirs = args
			return d.run(cmd.Context(), c)
		},
		ValidArgsFunction: cli.Files,
	}
	cmd.Flags().Var(&d.speed, "speed", speedUsage)
	cmd.Flags().StringVar(&d.listen, "listen", pipeline.DefaultListen, "`HOST:PORT` of the live page.")
	cmd.Flags().StringArrayVar(&d.origins, "origin", nil,
		"`SITE` whose pages may connect, like https://club.example; can be repeated. Pages on localhost may always connect.")
	cli.FromEnv(cmd, "listen", "MATCHWIRE_LISTEN")
	return cmd
}

// A demo holds the arguments and flags of the command demo.
type demo struct {
	dirs    []string
	speed   speed
	listen  string
	origins []string
}

func (d *demo) run(ctx context.Context, c *console) error {
	liveURL, what := "", "a match day"
	token, _ := guard.NewToken("demo", guard.Change)
	play := matchday.Demo{Speed: float64(d.speed), APIToken: token, Plugins: c.plugins, Log: c.log}
	if len(d.dirs) > 0 {
		var err error
		if play.Config, err = c.config(); err != nil {
			return err
		}
		for _, dir := range d.dirs {
			f, err := (&replay{onlyFolders: true}).fixture(dir)
			if err != nil {
				return err
			}
			play.Fixtures = append(play.Fixtures, f)
		}
		what = spelling.Plural(len(d.dirs), "recording")
	}
	play.Config.Listen = d.listen
	origins := &play.Config.Fanout.Origins
	*origins = append(slices.Clone(*origins), "http://localhost:*", "http://127.0.0.1:*")
	for _, o := range d.origins {
		if err := access.CheckOrigin(o); err != nil {
			return pipeline.UsageError(err)
		}
		*origins = append(*origins, o)
	}
	play.OnListen = func(at net.Addr) {
		liveURL = "http://" + browserAddress(at)
		fmt.Fprintf(c.errText(), "\n  Live page:  %s\n", liveURL)
		fmt.Fprintf(c.errText(), "  Pipeline:   %s/pipeline\n", liveURL)
		fmt.Fprintf(c.errText(), "  API token:  %s\n\n", token)
		fmt.Fprintf(c.errText(), "  Replaying %s at %s. Press Ctrl-C to stop.\n\n", what, d.speed.describe())
	}
	var output sync.Mutex
	text := c.text()
	play.OnEvent = func(e event.Event) {
		output.Lock()
		defer output.Unlock()
		_ = c.printEvent(e) // fails if the output is closed
	}
	play.OnRefuse = func(e event.Event) {
		output.Lock()
		defer output.Unlock()
		const format = "          club-site  refuses an event on purpose: %s/pipeline shows the dead letter [%s]\n"
		fmt.Fprintf(text, format, liveURL, terminal.Printable(notify.Line(e)))
	}
	if len(d.dirs) > 0 {
		play.OnAttempt = func(a matchday.Attempt) {
			if line := a.Line(); line != "" {
				output.Lock()
				defer output.Unlock()
				fmt.Fprintln(text, line)
			}
		}
	}
	play.OnEnd = func() {
		const format = "\n  The matches have ended. The live page is available at %s until you press Ctrl-C.\n\n"
		fmt.Fprintf(c.errText(), format, liveURL)
	}
	return play.Run(ctx)
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
