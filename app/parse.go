package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/terminal"
	"github.com/matchwire/matchwire/parser/observation"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
)

func parseCommand(c *console) *cobra.Command {
	var p parse
	cmd := &cobra.Command{
		Use:   "parse PAGE",
		Short: "Parse a page with a profile and show the result.",
		Long: `Arguments:
  PAGE  A file, a URL, or - for standard input

For authors of profiles: shows the matches and incidents on the page, and missing or contradictory data. For each
rule of the profile, parse also shows the first value and the number of rows with a value.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			p.page = args[0]
			return p.run(cmd.Context(), c)
		},
		ValidArgsFunction: cli.Files,
	}
	cmd.Flags().StringVarP(&p.profile, "profile", "p", "",
		"Name or file of the `PROFILE`. Without it, parse names profiles that fit the page.")
	cmd.Flags().StringVar(&p.match, "match", "", "`ID` of the match to show, for a page with several matches.")
	cmd.Flags().BoolVar(&p.json, "json", false, "Print JSON.")
	cmd.Flags().StringVar(&p.request, "request", "", requestUsage)
	completeProfiles(c, cmd)
	return cmd
}

// completeProfiles completes the flag profile of a command with the names of the profiles of sites, or
// else with files.
func completeProfiles(c *console, cmd *cobra.Command) {
	err := cmd.RegisterFlagCompletionFunc("profile",
		func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			config, _ := c.config() // without the config, only shipped profiles and files are completed
			lib, _ := config.SiteProfiles()
			return slices.Sorted(maps.Keys(lib)), cobra.ShellCompDirectiveDefault
		})
	if err != nil {
		panic(err) // the command has no such flag
	}
}

// A parse holds the arguments and flags of the command parse.
type parse struct {
	page, profile, match, request string
	json                          bool
}

func (p *parse) run(ctx context.Context, c *console) error {
	lib, err := c.library()
	if err != nil {
		return err
	}
	if p.profile == "" {
		return p.withoutProfile(ctx, c, lib)
	}
	profile, err := lib.Find(p.profile)
	if err != nil {
		return pipeline.UsageError(err)
	}
	page, err := p.read(ctx, c, profile)
	if err != nil {
		return err
	}
	document, err := profile.Parse(ctx, page)
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", p.page, err, lib.Identify(ctx, page))
	}
	observations, problems, err := document.Observations(ctx)
	if err != nil {
		// Each problem names its position in the profile. err does not.
		for _, line := range observation.Summary(problems) {
			fmt.Fprintln(c.errText(), "  "+line)
		}
		return fmt.Errorf("%s: %w\n%s", p.page, err, lib.Identify(ctx, page))
	}
	listErr := noMatch(problems)
	if listErr != nil {
		listErr = fmt.Errorf("%s: %w\n%s\n"+
			"if the list can be empty, set empty in the profile to a rule that finds a value only on an empty list",
			p.page, listErr, lib.Identify(ctx, page))
	}
	if p.match != "" {
		observations = slices.DeleteFunc(observations, func(o observation.Observation) bool { return o.Match.ID != p.match })
		if len(observations) == 0 {
			return fmt.Errorf("%s: no match %q on the page", p.page, p.match)
		}
	}
	if p.json {
		return errors.Join(printJSON(c.out, document, observations, problems), listErr)
	}
	if err := showProfile(c.text(), profile, document); err != nil {
		return err
	}
	if err := showAll(c.text(), observations); err != nil {
		return err
	}
	findings, err := profile.Explain(ctx, page)
	if err != nil {
		return fmt.Errorf("%s: %w", p.page, err)
	}
	if err := showFindings(c.text(), terminal.Columns(c.out), findings); err != nil {
		return err
	}
	showProblems(c.text(), problems)
	return listErr
}

// withoutProfile returns an error that names the profiles that can parse the page. It does not fetch a URL.
func (p *parse) withoutProfile(ctx context.Context, c *console, lib profile.Library) error {
	fits := ""
	if p.isURL() {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(lib)) {
			if _, err := lib[name].CheckURL(p.page); err == nil && len(lib[name].Hosts) > 0 {
				names = append(names, name)
			}
		}
		fits = "no profile is for this site"
		if names != nil {
			fits = "for this site: " + strings.Join(names, ", ")
		}
	} else {
		page, err := p.read(ctx, c, nil)
		if err != nil {
			return err
		}
		fits = lib.Identify(ctx, page)
	}
	return pipeline.UsageError(fmt.Errorf("missing flag --profile PROFILE: %s", fits))
}

func (p *parse) isURL() bool {
	return strings.HasPrefix(p.page, "http://") || strings.HasPrefix(p.page, "https://")
}

// noMatch returns an error if a profile for lists found no match. It returns nil if the profile
// recognized the page as an empty list.
func noMatch(problems []observation.Problem) error {
	for _, problem := range problems {
		if problem.Field == "matches" {
			return fmt.Errorf("no match found: %s", problem.Message)
		}
	}
	return nil
}

// showProfile prints the name of the profile. It also prints the profile's version, the layout of
// the page, and the last date on which the profile is known to have worked, if the profile has
// them.
func showProfile(w io.Writer, p *profile.Profile, d *profile.Document) error {
	line := "profile " + p.Name
	if p.Version > 0 {
		line += fmt.Sprintf(" version %d", p.Version)
	}
	if layout := d.Layout(); layout != "" {
		line += ", layout " + layout
	}
	if seen := d.Seen(); !seen.IsZero() {
		line += ", last worked on " + seen.String()
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

func printJSON(
	w io.Writer, d *profile.Document, observations []observation.Observation, problems []observation.Problem,
) error {
	if problems == nil {
		problems = []observation.Problem{}
	}
	if observations == nil {
		observations = []observation.Observation{}
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	result := map[string]any{"observations": observations, "problems": problems}
	if layout := d.Layout(); layout != "" {
		result["layout"] = layout
	}
	return out.Encode(result)
}

// read fetches the page from a URL, or reads it from a file or standard input. It fetches a URL
// only if the profile is for the host of the URL.
func (p *parse) read(ctx context.Context, c *console, profile *profile.Profile) (page.Page, error) {
	if p.isURL() {
		client, url, request, err := pageRequest(c, p.page, p.request)
		if err != nil {
			return page.Page{}, err
		}
		if _, err := profile.CheckURL(url); err != nil {
			return page.Page{}, pipeline.UsageError(err)
		}
		f, err := client.RequestFetcher(url, request)
		if err != nil {
			return page.Page{}, pipeline.UsageError(err)
		}
		return f.Fetch(ctx)
	}
	if p.page != "-" {
		return page.ReadPage(os.DirFS(filepath.Dir(p.page)), filepath.Base(p.page))
	}
	body, err := io.ReadAll(c.in)
	return page.Page{URL: "file:-", Body: body, At: time.Now().UTC()}, err
}

const startFormat = "2006-01-02 15:04 MST"

// showAll prints a single match in full. Otherwise it prints one line for each match, and the
// number of matches.
func showAll(w terminal.Writer, all []observation.Observation) error {
	if len(all) == 1 {
		return show(w, all[0])
	}
	t := terminal.NewTable(w)
	for _, o := range all {
		score := "–"
		if o.Score != nil {
			score = tally(o.Score)
		}
		if o.Shootout != nil {
			score += " (" + tally(o.Shootout) + ")"
		}
		more := ""
		if len(o.Incidents) > 0 {
			more = ", " + spelling.Plural(len(o.Incidents), "incident")
		} else if o.Score == nil && !o.Match.Start.IsZero() {
			more = ", " + o.Match.Start.Format(startFormat)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s v %s%s\n",
			cmp.Or(o.Match.ID, "(no ID)"), o.League, state(o), score, o.Match.Home, o.Match.Away, more)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d matches\n", len(all))
	return err
}

// state returns the status, period and clock of a match, such as "live 2h 67'".
func state(o observation.Observation) string {
	status := strings.TrimSpace(string(o.Match.Status) + " " + string(o.Match.Period))
	return strings.TrimSpace(status + " " + o.Match.Clock.String())
}

// show prints one observation in full.
func show(w terminal.Writer, o observation.Observation) error {
	t := terminal.NewTable(w)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	field("match", cmp.Or(o.Match.ID, "(none: set it in the config)"))
	field("teams", o.Match.Home+" v "+o.Match.Away)
	league := cmp.Or(o.LeagueKey, event.Slug(o.League))
	field("league", fmt.Sprintf("%s (%s.%s.*)", cmp.Or(o.League, "(none)"), o.Sport, league))
	if !o.Match.Start.IsZero() {
		field("start", o.Match.Start.Format(startFormat))
	}
	field("status", state(o))
	field("score", tally(o.Score))
	field("shoot-out", tally(o.Shootout))
	field("winner", string(o.Winner))
	if line := o.LineScore; line != nil && o.Sport.Rules().InningsScore {
		field("innings", line.String())
	} else if line != nil {
		field("line score", line.ByPeriod())
	}
	field("situation", o.Match.Situation.String())
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
		if in.Score != nil {
			more += ", " + tally(in.Score)
		}
		kind := strings.TrimSpace(string(in.Kind) + " " + in.Detail)
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s%s\n", in.Clock.Period, in.Clock, kind, in.Side, in.Player, more)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var sums []string
	for k, n := range counts {
		sums = append(sums, fmt.Sprintf("%d %s", n, k))
	}
	slices.Sort(sums)
	if len(sums) == 0 {
		if _, err := fmt.Fprintln(w, "no incidents"); err != nil {
			return err
		}
		return showLineups(w, o.Lineups)
	}
	_, err := fmt.Fprintf(w, "\n%s: %s\n", spelling.Plural(len(o.Incidents), "incident"), strings.Join(sums, ", "))
	if err != nil {
		return err
	}
	return showLineups(w, o.Lineups)
}

// showLineups prints one line for each line-up.
func showLineups(w io.Writer, all []observation.Lineup) error {
	for _, l := range all {
		var starters, substitutes []string
		for _, p := range l.Players {
			name := strings.TrimSpace(p.Number + " " + p.Name)
			if p.Substitute {
				substitutes = append(substitutes, name)
			} else {
				starters = append(starters, name)
			}
		}
		text := strings.Join(starters, ", ")
		if len(substitutes) > 0 {
			text += "; substitutes: " + strings.Join(substitutes, ", ")
		}
		if l.Coach != "" {
			text += "; coach: " + l.Coach
		}
		if _, err := fmt.Fprintf(w, "line-up %s: %s\n", strings.TrimSpace(string(l.Side)+" "+l.Formation), text); err != nil {
			return err
		}
	}
	return nil
}

// showFindings prints what each rule found. On a terminal, it shortens the values and the sources, so that each rule
// has one line. columns is the width of the terminal, or 0.
func showFindings(w terminal.Writer, columns int, all []profile.Finding) error {
	fmt.Fprintln(w)
	rows := [][]string{{"RULE", "FOUND IN", "NODES", "FIRST", "WHERE"}}
	for _, f := range all {
		first := f.First
		if f.Found == 0 {
			first = "nothing"
		}
		rows = append(rows, []string{f.Rule, fmt.Sprintf("%d of %d", f.Found, f.Evaluated), strconv.Itoa(f.Nodes), first,
			f.Source})
	}
	limits := []int{0, 0, 0, 30, 0}
	if columns > 0 {
		room := columns
		for i := range 3 {
			for _, row := range rows {
				limits[i] = max(limits[i], utf8.RuneCountInString(row[i]))
			}
			room -= limits[i] + 2
		}
		limits[3] = min(30, max(8, room/2-1))
		limits[4] = max(minWhere, room-limits[3]-2)
	}
	t := terminal.NewTable(w)
	for _, row := range rows {
		for i, limit := range limits {
			if limit > 0 {
				row[i] = clip(row[i], limit)
			}
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// minWhere is the minimum width of the source of a value. On a narrower terminal, it is below the other columns.
const minWhere = 12

// clip shortens s to at most limit characters.
func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}

func showProblems(w io.Writer, all []observation.Problem) {
	if len(all) == 0 {
		fmt.Fprintln(w, "\nno problems")
		return
	}
	fmt.Fprintf(w, "\n%s:\n", spelling.Plural(len(all), "problem"))
	for _, line := range observation.Summary(all) {
		fmt.Fprintln(w, "  "+line)
	}
}

// tally formats a score. It returns "" for nil.
func tally(s *event.Score) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%d–%d", s.Home, s.Away)
}
