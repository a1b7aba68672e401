package app

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/profiles"
)

type checkCmd struct {
	Profiles []string `arg:"" optional:"" name:"profile" help:"Profile files; without any, the config and all profiles."`
	Update   bool     `help:"Write what the sample pages give now as what is expected of them. Read the diff before you keep it."`
	Schema   bool     `help:"Print the JSON Schema of profiles, for editors, and stop."`
}

func (k *checkCmd) Help() string {
	return "The sample pages of a profile NAME.yaml stand in the folder NAME beside it: pages, or fixtures that record made. Each must be usable and without problems, or give what PAGE.expect.json says; --update writes that, but not for fixtures."
}

func (k *checkCmd) Run(ctx context.Context, c *console) error {
	if k.Schema {
		_, err := c.out.Write(profiles.Schema)
		return err
	}
	results, err := k.check(ctx, c)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	bad := 0
	for _, r := range results {
		verdict := "ok"
		if len(r.Faults) > 0 {
			verdict = "FAULT"
			bad++
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", verdict, r.What, r.Detail)
		for _, f := range r.Faults {
			fmt.Fprintf(t, "\t  %s\n", f)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if bad > 0 {
		return errors.New(plural(bad, "fault"))
	}
	return nil
}

func (k *checkCmd) check(ctx context.Context, c *console) ([]pipeline.CheckResult, error) {
	if len(k.Profiles) > 0 {
		return pipeline.CheckProfiles(ctx, k.Profiles, k.Update)
	}
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	return pipeline.Check(ctx, config, c.plugins, k.Update)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
