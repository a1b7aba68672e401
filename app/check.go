package app

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/profiles"
)

type checkCmd struct {
	Profiles []string `arg:"" optional:"" name:"profile" help:"${check_profiles}"`
	Update   bool     `help:"${check_update}"`
	Schema   bool     `help:"Print the JSON Schema of profiles, for editors, and exit."`
}

func (k *checkCmd) Help() string {
	return "The sample pages of the profile NAME.yaml are in the folder NAME beside the profile. They are page files, " +
		"or fixtures that matchwire record creates. " +
		"If the file PAGE.expect.json exists, the result of parsing PAGE must equal the content of that file. " +
		"Otherwise PAGE must be usable and have no problems. " +
		"--update writes PAGE.expect.json for page files. " +
		"check does not compare the events of fixtures. replay --print shows these events."
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
	t := tabwriter.NewWriter(c.text(), 0, 0, 2, ' ', 0)
	failed := 0
	for _, r := range results {
		verdict := "ok"
		if len(r.Errors) > 0 {
			verdict = "FAIL"
			failed++
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", verdict, r.Name, r.Detail)
		for _, e := range r.Errors {
			fmt.Fprintf(t, "\t  %s\n", e)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%s failed", pipeline.Plural(failed, "check"))
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
