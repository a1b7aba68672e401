package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/terminal"
)

// openLog opens the log of a command. On a terminal, the log is for people, and the commands run and bench also have a
// status line below it.
func (c *console) openLog(level string, asJSON bool, command string) {
	c.level.Set(lowestLevel(level, command))
	c.levelFlag = level
	f := terminal.File(c.err)
	if f == nil || asJSON {
		c.log = newLogger(c.err, &c.level, asJSON)
		return
	}
	out := c.err
	if (command == "run" || command == "bench") && terminal.CursorMoves(c.getenv) {
		c.status = terminal.NewStatusLine(f)
		out = c.status
	}
	c.logOut = out
	c.log = slog.New(terminal.NewLogHandler(out, &c.level, terminal.Colors(f, c.getenv),
		func() int { return terminal.Columns(f) }))
}

// showLivePage shows the URL of the live page: on a terminal as text between the lines of the log, otherwise in the
// log.
func (c *console) showLivePage(url string) {
	if c.logOut == nil {
		c.log.Info("live page", "url", url)
		return
	}
	fmt.Fprintf(c.logOut, "\n  Live page:  %s\n\n", url) // fails if the terminal is gone
}

// newLogger returns a log of key=value pairs or of JSON.
func newLogger(w io.Writer, level slog.Leveler, asJSON bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// lowestLevel returns the lowest level that a command logs. Without a level, bench and commands that play fixtures log
// only warnings, because other lines would hide their own output.
func lowestLevel(level, command string) slog.Level {
	lowest := slog.LevelInfo
	if level == "" && slices.Contains([]string{"bench", "demo", "replay", "notify preview"}, command) {
		lowest = slog.LevelWarn
	}
	if level != "" {
		_ = lowest.UnmarshalText([]byte(level)) // the flag accepts only valid levels
	}
	return lowest
}

// setLevel sets the lowest level to log to that of a config, unless the flag --log-level has set it.
func (c *console) setLevel(config pipeline.Config) {
	if c.levelFlag == "" {
		c.level.Set(lowestLevel(config.LogLevel, ""))
	}
}

// showStatus keeps the status line up to date until ctx ends. It then removes the line.
func showStatus(ctx context.Context, line *terminal.StatusLine, status func(context.Context) pipeline.Status) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	defer line.Set("")
	var latest time.Time // when the number of pages last changed
	for pages := 0; ; {
		s := status(ctx)
		if s.Pages > pages {
			pages, latest = s.Pages, time.Now()
		}
		line.Set(statusText(s, latest, time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// statusText returns the text of the status line. latest is when the number of pages last changed.
func statusText(s pipeline.Status, latest, now time.Time) string {
	var parts []string
	if s.Sources >= 0 {
		parts = append(parts, spelling.Plural(s.Sources, "source"))
	}
	if !latest.IsZero() {
		parts = append(parts, fmt.Sprintf("latest page %v ago", now.Sub(latest).Round(time.Second)))
	}
	if s.Events >= 0 {
		parts = append(parts, spelling.Plural(s.Events, "event"))
	}
	if s.Clients >= 0 {
		parts = append(parts, spelling.Plural(s.Clients, "client"))
	}
	parts = append(parts, "health "+s.Health)
	if len(s.Issues) > 0 {
		parts = append(parts, s.Issues[0])
	}
	return strings.Join(parts, " · ")
}
