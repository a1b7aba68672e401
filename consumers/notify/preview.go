package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/terminal"
)

func previewCommand(open func() (consumers.Host, error)) *cobra.Command {
	var p Preview
	cmd := &cobra.Command{
		Use:   "preview DIR…",
		Short: "Show which notifications recorded matches would cause. Nothing is sent.",
		Long: `Arguments:
  DIR…  Fixture folders

For each event, shows which channels send it, with the rule and the text, and why the other channels do not.
rules[0] is the first rule of the config. For a rule that does not match, the output names the first of its
conditions that the event does not meet. Quiet hours, delays and rates follow the times of the recording, which
are in UTC. The command needs no servers.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Folders = args
			h, err := open()
			if err == nil {
				err = p.Run(cmd.Context(), h, cmd.OutOrStdout())
			}
			var usage *cli.UsageError
			if errors.As(err, &usage) {
				usage.Command = cmd
			}
			return err
		},
		ValidArgsFunction: cli.Files,
	}
	cmd.Flags().StringVar(&p.Channel, "channel", "", "Show only the channel with this `NAME`.")
	cmd.Flags().BoolVar(&p.All, "all", false, "Show a line for each channel, even if no channel sends the event.")
	cmd.Flags().BoolVar(&p.JSON, "json", false, "Print JSON lines, one for each event.")
	return cmd
}

// Preview is the command that shows what each channel would do with the events of recorded matches.
type Preview struct {
	Folders []string // of fixtures
	Channel string   // the only channel to show; "" for all
	All     bool     // show a line for each channel, even if no channel sends an event
	JSON    bool
}

// errNoChannels reports a config without channels.
var errNoChannels = errors.New(`the config has no channels, so there is nothing to preview: add a channel, such as

consumers:
  notify:
    channels:
      phone: {ntfy: {url: https://ntfy.sh/YOUR-TOPIC}}`)

// Run plays the fixtures and prints what each channel would do with each event. It sends nothing. If the
// config has no channels, or not the channel of p, the error wraps a [cli.UsageError] without a command.
func (p *Preview) Run(ctx context.Context, h consumers.Host, out io.Writer) error {
	var named Settings
	if err := h.Settings(&named); err != nil {
		return err
	}
	if named.Channels == nil {
		return &cli.UsageError{Err: errNoChannels}
	}
	set, err := read(h)
	if err != nil {
		return err
	}
	if _, ok := set.Channels[p.Channel]; !ok && p.Channel != "" {
		return &cli.UsageError{Err: fmt.Errorf("no channel %q: want one of %s", p.Channel, set.channelNames())}
	}
	s, err := newSimulation(set, h, p.Channel)
	if err != nil {
		return err
	}
	err = h.Replay(ctx, p.Folders, func(page consumers.ReplayedPage) error { return s.page(ctx, page) })
	if err == nil {
		err = s.end(ctx)
	}
	if err != nil {
		return err
	}
	if p.JSON {
		return printJSON(out, s.rows)
	}
	_, err = io.WriteString(out, previewText(s.rows, p.All))
	return err
}

func printJSON(out io.Writer, rows []*previewRow) error {
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for _, r := range rows {
		if err := lines.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// previewWidth is the maximum length of a line of the preview, unless it contains a longer word.
const previewWidth = 80

// previewText describes rows for a terminal. A heading names the match and the day. If no channel sends an
// event, the event is one line with the reason, unless all is true.
func previewText(rows []*previewRow, all bool) string {
	var clock, kind, score, channel, rule int // widths of columns
	for _, r := range rows {
		widen(&clock, r.Event.Data.Time)
		widen(&kind, r.kind())
		widen(&score, r.score())
		for _, o := range r.Channels {
			widen(&channel, o.Channel)
			widen(&rule, cmp.Or(o.Rule, "-"))
		}
	}
	var b strings.Builder
	heading, sent, channels := "", 0, map[string]bool{}
	for _, r := range rows {
		if h := r.heading(); h != heading {
			if heading != "" {
				b.WriteString("\n")
			}
			heading = h
			b.WriteString(terminal.Hang(h, 2, previewWidth) + "\n\n")
		}
		line := r.Event.Time.UTC().Format(time.TimeOnly)
		for _, column := range []struct {
			width int
			text  string
		}{{clock, r.Event.Data.Time}, {kind, r.kind()}, {score, r.score()}} {
			if column.width > 0 {
				line += fmt.Sprintf("  %-*s", column.width, column.text)
			}
		}
		notified := slices.ContainsFunc(r.Channels, func(o *outcome) bool { return o.Sent })
		if !notified && !all {
			indent := utf8.RuneCountInString(line) + 2
			b.WriteString(terminal.Hang(line+"  not sent: "+r.reasons(), indent, previewWidth) + "\n")
			continue
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		for _, o := range r.Channels {
			head := fmt.Sprintf("  %-*s  %-*s  ", channel, o.Channel, rule, cmp.Or(o.Rule, "-"))
			for _, text := range o.lines() {
				b.WriteString(terminal.Hang(head+text, utf8.RuneCountInString(head), previewWidth) + "\n")
				head = strings.Repeat(" ", utf8.RuneCountInString(head))
			}
			if o.Sent {
				sent++
				channels[o.Channel] = true
			}
		}
	}
	if len(rows) > 0 {
		b.WriteString("\n")
	}
	b.WriteString(plural(len(rows), "event") + ", " + plural(sent, "notification"))
	if sent > 0 {
		b.WriteString(" to " + plural(len(channels), "channel"))
	}
	return b.String() + "\n"
}

// widen makes a column at least as wide as a text.
func widen(width *int, text string) { *width = max(*width, utf8.RuneCountInString(text)) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (r *previewRow) kind() string { return r.Event.Data.Kind.Word(r.Event.Data.Action) }

func (r *previewRow) score() string {
	s := r.Event.Data.Score
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%d–%d", s.Home, s.Away)
}

// heading returns the teams, or what else the event is about, and the day.
func (r *previewRow) heading() string {
	about := cmp.Or(r.Event.Subject, "no match")
	if m := r.Event.Data.Match; m != nil && m.Home+m.Away != "" {
		about = m.Home + " v " + m.Away
	}
	return oneLine(send.Clean(about)) + ", " + r.Event.Time.UTC().Format(time.DateOnly) + " (UTC)"
}

// reasons returns on one line why no channel sends the event. If the channels have different reasons, the
// line names the channels of each.
func (r *previewRow) reasons() string {
	var order []string
	channels, merged := map[string][]string{}, mismatches{}
	for _, o := range r.Channels {
		reason := o.shownReason()
		switch {
		case o.mismatches != nil:
			reason = noRule
			maps.Copy(merged, o.mismatches)
		case o.Reason == quietHours:
			reason += " of " + o.Rule
		}
		if channels[reason] == nil {
			order = append(order, reason)
		}
		channels[reason] = append(channels[reason], o.Channel)
	}
	if len(order) == 1 && len(merged) > 0 {
		return fmt.Sprintf("%s (%v)", noRule, merged)
	}
	if len(order) == 1 {
		return order[0]
	}
	for i, reason := range order {
		order[i] = strings.Join(channels[reason], ", ") + ": " + reason
	}
	return strings.Join(order, "; ")
}

// shownReason returns the reason in words that need no documentation.
func (o *outcome) shownReason() string {
	if o.Reason == backfill {
		return "backfill: it happened before the first page"
	}
	return o.Reason
}

// lines returns the words of the notification and when it is sent, or why it is not.
func (o *outcome) lines() []string {
	if !o.Sent {
		return []string{"not sent: " + o.shownReason()}
	}
	lines := []string{o.Title}
	if o.Body != "" {
		lines = append(lines, strings.Split(o.Body, "\n")...)
	}
	if o.Request != nil {
		lines = []string{send.Clean(string(o.Request))}
	}
	var notes []string
	if o.Waited != "" {
		notes = append(notes, "at "+o.At.UTC().Format(time.TimeOnly)+", "+o.Waited)
	}
	if o.Reason != "" {
		notes = append(notes, o.Reason)
	}
	if o.Recipients > 1 {
		notes = append(notes, plural(o.Recipients, "recipient"))
	}
	if len(notes) > 0 {
		lines = append(lines, "("+strings.Join(notes, "; ")+")")
	}
	return lines
}
