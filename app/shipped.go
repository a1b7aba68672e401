package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/licences"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/terminal"
	"github.com/matchwire/matchwire/parser/profile"
)

func profilesCommand(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "profiles [NAME]",
		Short: "List the shipped profiles and your own profiles, or print one.",
		Long: `Arguments:
  NAME  Profile to print as YAML, so that you can copy and change it (default: list all profiles)

LANG lists the languages of the pages. AGE is the time since the profile was last known to work. A site can have
changed since then: test the profile on a current page with matchwire parse.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return printProfile(c, args[0])
			}
			return listProfiles(c, asJSON, time.Now())
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			lib, _ := pipeline.Config{}.SiteProfiles()
			return slices.Sorted(maps.Keys(lib)), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON lines.")
	return cmd
}

// printProfile prints the file of a profile.
func printProfile(c *console, name string) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	text, err := config.ProfileText(name)
	if err != nil {
		return pipeline.UsageError(err)
	}
	_, err = c.out.Write(text)
	return err
}

// A listedProfile is a line of the output of the command profiles.
type listedProfile struct {
	Name      string   `json:"name"`
	Sport     string   `json:"sport"`
	Hosts     []string `json:"hosts"`     // null means any host
	Languages []string `json:"languages"` // null means that they are unknown
	Version   int      `json:"version"`   // 0 means unknown
	Seen      string   `json:"seen"`      // a date such as 2026-07-19; "" means unknown
}

func listProfiles(c *console, asJSON bool, now time.Time) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	lib, err := config.SiteProfiles()
	if err != nil {
		return pipeline.UsageError(err)
	}
	t := terminal.NewTable(c.text())
	if !asJSON {
		fmt.Fprintln(t, "NAME\tSPORT\tLANG\tAGE\tSITES")
	}
	for _, name := range slices.Sorted(maps.Keys(lib)) {
		p := lib[name]
		if asJSON {
			err := json.NewEncoder(c.out).Encode(listedProfile{name, string(p.Sport), p.Hosts, p.Languages,
				int(p.Version), p.Seen.String()})
			if err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", name, p.Sport, orDash(strings.Join(p.Languages, ", ")),
			orDash(age(p.Seen, now)), orDash(strings.Join(p.Hosts, ", ")))
	}
	return t.Flush()
}

// age returns the time from a date to now, such as "4 months". It returns "" for the zero date.
func age(d profile.Date, now time.Time) string {
	if d.IsZero() {
		return ""
	}
	const day, month, year = 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour
	switch since := now.Sub(d.Time); {
	case since >= 2*year:
		return spelling.Plural(int(since/year), "year")
	case since >= 2*month:
		return spelling.Plural(int(since/month), "month")
	default:
		return spelling.Plural(max(0, int(since/day)), "day")
	}
}

func licencesCommand(c *console) *cobra.Command {
	var short bool
	cmd := &cobra.Command{
		Use:   "licences",
		Short: "Print the licences of all modules in this program.",
		RunE:  func(*cobra.Command, []string) error { return printLicences(c, short) },
	}
	cmd.Flags().BoolVar(&short, "short", false, "Print the list of modules without the licence texts.")
	return cmd
}

func printLicences(c *console, short bool) error {
	_, err := fmt.Fprint(c.out, licences.Modules)
	if err == nil && !short {
		_, err = fmt.Fprint(c.out, "\n", licences.Texts)
	}
	return err
}
