package main

import (
	"fmt"
	"os"

	"github.com/mattn/go-isatty"

	"github.com/matchwire/matchwire/app"
)

type rebuildCmd struct {
	Consumer string `arg:"" help:"A consumer that keeps a store, like scoreboard."`
	Config   string `help:"The config file (${default})." default:"${config}" placeholder:"FILE"`
}

func (r *rebuildCmd) Help() string {
	return "Has the consumer handle every event that the log still holds, seven days' and 10 GB at most: what Redis lost is there again. Nothing that is newer is undone, so consumers may go on running. Nobody is alerted."
}

func (r *rebuildCmd) Run(c *console) error {
	servers, err := c.servers()
	if err != nil {
		return err
	}
	config, err := c.config(r.Config)
	if err != nil {
		return err
	}
	progress, read := func() {}, 0
	if f, ok := c.err.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		progress = func() {
			if read++; read%1000 == 0 {
				fmt.Fprintf(f, "\r%d events ", read)
			}
		}
	}
	n, err := app.New(config, servers, c.log).Rebuild(c.ctx, r.Consumer, progress)
	if read >= 1000 {
		fmt.Fprintln(c.err)
	}
	if n > 0 || err == nil {
		fmt.Fprintf(c.err, "%s handled\n", plural(n, "event"))
	}
	return interrupted(c, err)
}
