package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/matchwire/matchwire/app"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/parser"
)

type parseCmd struct {
	Page    string `arg:"" name:"page" help:"A file, a URL, or - for standard input."`
	Profile string `required:"" short:"p" help:"A profile's name, or its file." placeholder:"PROFILE"`
	JSON    bool   `name:"json" help:"Print JSON."`
}

func (p *parseCmd) Run(c *console) error {
	lib, err := app.Config{}.Library()
	if err != nil {
		return err
	}
	profile, err := lib.Find(p.Profile)
	if err != nil {
		return app.Misuse(err)
	}
	page, err := p.read(c)
	if err != nil {
		return err
	}
	observations, problems, err := profile.Extract(page)
	if err != nil {
		// The reason is among the problems where it has a place in the profile.
		for _, problem := range problems {
			fmt.Fprintln(c.err, "  "+problem.String())
		}
		return fmt.Errorf("%s: %w", p.Page, err)
	}
	if p.JSON {
		if problems == nil {
			problems = []parser.Problem{}
		}
		out := json.NewEncoder(c.out)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		return out.Encode(map[string]any{"observations": observations, "problems": problems})
	}
	for _, o := range observations {
		if err := show(c.out, o); err != nil {
			return err
		}
	}
	if len(problems) == 0 {
		fmt.Fprintln(c.out, "\nno problems")
		return nil
	}
	fmt.Fprintf(c.out, "\n%d problems:\n", len(problems))
	for _, problem := range problems {
		fmt.Fprintln(c.out, "  "+problem.String())
	}
	return nil
}

func (p *parseCmd) read(c *console) (parser.Page, error) {
	if strings.HasPrefix(p.Page, "http://") || strings.HasPrefix(p.Page, "https://") {
		f, err := parser.NewFetcher(p.Page)
		if err != nil {
			return parser.Page{}, app.Misuse(err)
		}
		return f.Fetch(c.ctx)
	}
	in := c.in
	if p.Page != "-" {
		f, err := os.Open(p.Page)
		if err != nil {
			return parser.Page{}, err
		}
		defer f.Close()
		in = f
	}
	body, err := io.ReadAll(in)
	return parser.Page{URL: "file:" + p.Page, Body: body, At: time.Now().UTC()}, err
}

// show prints an observation for a person.
func show(w io.Writer, o parser.Observation) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	field("match", cmp.Or(o.Match.ID, "(none: the config must give it)"))
	field("teams", o.Match.Home+" v "+o.Match.Away)
	field("league", fmt.Sprintf("%s (%s.%s.*)", o.League, o.Sport, event.Slug(o.League)))
	if !o.Match.Start.IsZero() {
		field("start", o.Match.Start.Format("2006-01-02 15:04 MST"))
	}
	field("status", strings.TrimSpace(string(o.Match.Status)+" "+string(o.Match.Period)+" "+o.Match.Clock.String()))
	field("score", tally(o.Score))
	field("shoot-out", tally(o.Shootout))
	if err := t.Flush(); err != nil {
		return err
	}

	fmt.Fprintln(w)
	counts := map[event.Kind]int{}
	for _, in := range o.Incidents {
		counts[in.Kind]++
		more := ""
		if in.Off != "" {
			more = " for " + in.Off
		}
		if in.Assist != "" {
			more += ", assist " + in.Assist
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s%s\n", in.Clock.Period, in.Clock, strings.TrimSpace(string(in.Kind)+" "+in.Detail), in.Side, in.Player, more)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var sums []string
	for k, n := range counts {
		sums = append(sums, fmt.Sprintf("%d %s", n, k))
	}
	slices.Sort(sums)
	fmt.Fprintf(w, "\n%d incidents: %s\n", len(o.Incidents), strings.Join(sums, ", "))
	return nil
}

func tally(s *event.Score) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%d–%d", s.Home, s.Away)
}
