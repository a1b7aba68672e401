package archive

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/cli"
)

// Command returns the command matchwire archive.
func Command(open func() (consumers.Host, error)) *cobra.Command {
	cmd := &cobra.Command{Use: "archive", Short: "Export events from the archive."}
	cmd.AddCommand(exportCommand(open))
	return cmd
}

func exportCommand(open func() (consumers.Host, error)) *cobra.Command {
	x := Export{Format: "jsonl"}
	cmd := &cobra.Command{
		Use:   "export [PATTERN…]",
		Short: "Print archived events.",
		Long:  "Arguments:\n  PATTERN…  Print only events that match a pattern, such as *.*.goal",
		Args: func(_ *cobra.Command, args []string) error {
			x.Keys = args
			return x.Validate()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := open()
			if err != nil {
				return err
			}
			return x.Run(cmd.Context(), h, cmd.OutOrStdout())
		},
	}
	cli.Enum(cmd, cmd.Flags(), &x.Format, "format",
		"jsonl prints whole events. csv prints one line of facts for each event.", "jsonl", "csv")
	cmd.Flags().StringVar(&x.Match, "match", "", "Print only events of the match with this `ID`.")
	cmd.Flags().StringVar(&x.Since, "since", "",
		"Print only events since `TIME`, such as 2026-11-28 or 2026-11-28T15:04:05Z.")
	cmd.Flags().StringVar(&x.Until, "until", "", "Print only events before `TIME`.")
	return cmd
}

// Export prints events from the archive.
type Export struct {
	Format       string   // jsonl or csv
	Match        string   // the ID of the only match to print; "" means all
	Since, Until string   // "" means no limit
	Keys         []string // topic patterns; none means all events

	query query
}

// Validate checks the flags and arguments. It also prepares the selection of events for Run, so call
// Validate before Run if you set Match, Since or Until. The command line always calls it.
func (x *Export) Validate() (err error) {
	x.query.match = x.Match
	if x.query.since, err = parseTime("since", x.Since); err != nil {
		return err
	}
	if x.query.until, err = parseTime("until", x.Until); err != nil {
		return err
	}
	for _, k := range x.Keys {
		if err := event.CheckTopic(k); err != nil {
			return err
		}
	}
	return nil
}

// Run prints the selected events, ordered by time, epoch, seq and ID.
func (x *Export) Run(ctx context.Context, h consumers.Host, out io.Writer) (err error) {
	set, err := settings(h)
	if err != nil {
		return err
	}
	if _, err := os.Stat(set.File); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no events have been archived yet", set.File)
	}
	db, err := dial(set.File, "&mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.check(ctx); err != nil {
		return fmt.Errorf("%s: %w", set.File, err)
	}
	printEvent, flush := printer(x.Format, out)
	err = db.each(ctx, x.query, func(body []byte) error {
		e, err := event.Decode(body)
		if err != nil || len(x.Keys) > 0 && !event.MatchAny(x.Keys, e.Type) {
			return err
		}
		return printEvent(e, body)
	})
	return errors.Join(err, flush())
}

// parseTime parses the value of a flag. A date means midnight UTC. An empty value means the zero time.
func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s %q: want a time like 2026-11-28 or 2026-11-28T15:04:05Z", flag, text)
}

// columns is the header line of the CSV format.
var columns = []string{
	"time", "type", "match", "league", "home", "away", "home_score", "away_score",
	"kind", "action", "detail", "side", "team", "player", "assist", "off",
	"clock", "period", "status", "backfill", "replay", "incident", "rev", "id", "tid",
}

// printer returns a function that prints an event in the given format, and a function that flushes
// the output.
func printer(format string, out io.Writer) (printEvent func(event.Event, []byte) error, flush func() error) {
	if format == "jsonl" {
		w := bufio.NewWriter(out)
		return func(_ event.Event, body []byte) error {
			_, err := w.Write(append(body, '\n'))
			return err
		}, w.Flush
	}
	w := csv.NewWriter(out)
	headerErr := w.Write(columns)
	return func(e event.Event, _ []byte) error { return errors.Join(headerErr, w.Write(record(e))) },
		func() error { w.Flush(); return errors.Join(headerErr, w.Error()) }
}

// record returns the CSV record of an event, in the order of columns.
func record(e event.Event) []string {
	d := e.Data
	m := event.Match{}
	if d.Match != nil {
		m = *d.Match
	}
	home, away := "", ""
	if d.Score != nil {
		home, away = strconv.Itoa(d.Score.Home), strconv.Itoa(d.Score.Away)
	}
	period := ""
	if d.Clock != nil {
		period = string(d.Clock.Period)
	}
	fields := []string{
		e.Time.Format(time.RFC3339Nano), e.Type, e.Subject, d.League, m.Home, m.Away, home, away,
		string(d.Kind), string(d.Action), d.Detail, string(d.Side), d.Team, d.Player, d.Assist, d.Off,
		d.Time, period, string(m.Status), strconv.FormatBool(d.Backfill), strconv.FormatBool(d.Replay),
		d.Incident, strconv.Itoa(d.Rev), e.ID, e.TID.String(),
	}
	for i := range fields {
		fields[i] = cell(fields[i])
	}
	return fields
}

// cell escapes text for a CSV field. Spreadsheets evaluate a field as a formula if the field begins
// with one of the characters below. Text from a page could begin with one too, so cell puts an
// apostrophe before such text.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n|＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}
