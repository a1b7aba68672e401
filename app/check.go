package app

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/configinit"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/terminal"
	"github.com/matchwire/matchwire/profiles"
)

func checkCommand(c *console) *cobra.Command {
	var k check
	cmd := &cobra.Command{
		Use:   "check [PROFILE…]",
		Short: "Check the config, and test profiles with their sample pages.",
		Long: `Arguments:
  PROFILE…  Profile files to test (default: check the config and test all its profiles)

The sample pages of the profile NAME.yaml are in the folder NAME beside the profile. They are page files, or
fixtures that matchwire record creates. If the file PAGE.expect.json exists, the result of parsing PAGE must
equal the content of that file. Otherwise PAGE must be usable and have no problems. --update writes
PAGE.expect.json for page files. check does not compare the events of fixtures. replay --print shows these
events.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			k.profiles = args
			return k.run(cmd.Context(), c)
		},
		ValidArgsFunction: cli.Files,
	}
	cmd.Flags().BoolVar(&k.update, "update", false, "Save the current results of the sample pages as the expected "+
		"results. Review the diff before you commit it.")
	cmd.Flags().BoolVar(&k.schema, "schema", false, "Print the JSON Schema of profiles, for editors, and exit.")
	return cmd
}

func initCommand(c *console) *cobra.Command {
	var defaults bool
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Create a config from your answers to a few questions.",
		Long: `Arguments:
  FILE  File to create (default: the file that --config names). It must not exist

Asks for a page, a channel for alerts, teams or leagues, a contact and a port. It checks each answer at once. A
flag answers a question in advance. If standard input is not a terminal, each of its lines is an answer.

The secret of a channel, such as a token, is not in the config. It is in a file beside the config, which only you
can read.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			command := configinit.Command{File: c.configFile, Given: map[string]string{}, Defaults: defaults,
				Plugins: c.plugins, In: c.in, Out: c.text(), Echoes: terminal.File(c.in) != nil, Listen: tryListen}
			if len(args) > 0 {
				command.File = args[0]
			}
			for _, name := range []string{"url", "channel", "only", "contact", "port"} {
				if f := cmd.Flag(name); f.Changed {
					command.Given[name] = f.Value.String()
				}
			}
			return interrupted(cmd.Context(), command.Run(cmd.Context()))
		},
		ValidArgsFunction: cli.Files,
	}
	flags := cmd.Flags()
	flags.BoolVar(&defaults, "yes", false, "Accept the default answer to each question that has one.")
	flags.String("url", "", "`URL` of the page to poll.")
	cli.Enum(cmd, flags, new(string), "channel", "`KIND` of the channel for alerts: none, ntfy, telegram, discord, "+
		"slack, mail or webhook.", configinit.Channels()...)
	flags.String("only", "", "`NAMES` of teams and leagues, separated by commas. Others cause no alerts.")
	flags.String("contact", "", "`CONTACT` in each request: a mail address or a URL.")
	flags.String("port", "", "`PORT` of the live page.")
	return cmd
}

// tryListen returns the error of listening on an address.
func tryListen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// A check holds the arguments and flags of the command check.
type check struct {
	profiles       []string
	update, schema bool
}

func (k *check) run(ctx context.Context, c *console) error {
	if k.schema {
		_, err := c.out.Write(profiles.Schema)
		return err
	}
	results, err := k.results(ctx, c)
	if err != nil {
		return err
	}
	t := terminal.NewTable(c.text())
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
		return fmt.Errorf("%s failed", spelling.Plural(failed, "check"))
	}
	return nil
}

func (k *check) results(ctx context.Context, c *console) ([]pipeline.CheckResult, error) {
	progress := terminal.NewProgress(c.err, "sample page", 0)
	defer progress.Clear()
	if len(k.profiles) > 0 {
		return pipeline.CheckProfiles(ctx, k.profiles, k.update, progress.Add)
	}
	config, err := c.config()
	if err != nil {
		return nil, pipeline.AllMistakes(config, c.plugins, err)
	}
	return pipeline.Check(ctx, config, c.plugins, k.update, progress.Add)
}
