package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/datadir"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/terminal"
)

const (
	defaultData = "matchwire-data" // name of the data folder, which is beside the config by default
	noData      = "none"           // value of --data that keeps no data
)

// dataFolder returns the data folder of the embedded servers for a value of --data. It returns "" if
// data is not kept, or if the servers are not embedded.
func (c *console) dataFolder(flag string, servers pipeline.Servers) (string, error) {
	switch {
	case flag == noData, flag == "" && !servers.Embedded():
		return "", nil
	case !servers.Embedded():
		return "", pipeline.UsageError(errors.New("--data is for the embedded servers: " +
			"leave it out, or unset AMQP_URL and REDIS_URL"))
	case flag != "":
		return flag, nil
	}
	return filepath.Join(filepath.Dir(c.configFile), defaultData), nil
}

func backupCommand(c *console) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Copy the data folder of the embedded servers.",
		Long: `Arguments:
  FOLDER  New folder to copy to

The data folder can be in use, because the copy is a consistent snapshot. To restore it, stop matchwire and start it
with --data and the copy.`,
		RunE: func(_ *cobra.Command, args []string) error { return backup(c, data, args[0]) },
	}
	cmd.Flags().StringVar(&data, "data", "", "`FOLDER` to copy (default: the folder matchwire-data beside the config).")
	cli.FromEnv(cmd, "data", "MATCHWIRE_DATA")
	return cmd
}

func backup(c *console, data, to string) error {
	from, err := c.dataFolder(data, pipeline.Servers{})
	if err != nil {
		return err
	}
	if from == "" {
		return pipeline.UsageError(errors.New("--data none has no folder to copy"))
	}
	n, err := datadir.Backup(from, to)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.text(), "copied %s to %s, %d bytes\n", from, to, n)
	return nil
}

func rebuildCommand(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rebuild CONSUMER",
		Short: "Rebuild a consumer's store from the event log.",
		Long: `Arguments:
  CONSUMER  Consumer with a store, such as scoreboard

Passes every event in the log to the consumer again. Use this command if the store has lost data. The log holds
at most seven days and 10 GB of events, or 64 MiB without servers. A rebuild does not overwrite newer data, so
consumers can keep running. It sends no notifications.

` + serverHelp + ` The token needs the
scope change. If you stop the command, the process stops the rebuild.`,
		RunE: func(cmd *cobra.Command, args []string) error { return rebuild(cmd.Context(), c, args[0]) },
	}
	c.addServerFlag(cmd)
	return cmd
}

func rebuild(ctx context.Context, c *console, consumer string) error {
	progress := terminal.NewProgress(c.err, "event", 0)
	n, err := c.rebuild(ctx, consumer, progress)
	progress.End()
	if n > 0 || err == nil {
		fmt.Fprintf(c.errText(), "%s handled\n", spelling.Plural(n, "event"))
	}
	return interrupted(ctx, err)
}

// rebuild rebuilds a consumer through a running process, or with the servers that the environment names.
func (c *console) rebuild(ctx context.Context, consumer string, p *terminal.Progress) (int, error) {
	if api, err := c.api(); api != nil || err != nil {
		if err != nil {
			return 0, err
		}
		return api.Rebuild(ctx, consumer, p.Reach)
	}
	servers, err := c.requireServers("the event log is stored on a RabbitMQ server")
	if err != nil {
		return 0, err
	}
	config, err := c.config()
	if err != nil {
		return 0, err
	}
	return pipeline.New(config, servers, c.log, c.plugins).Rebuild(ctx, consumer, func() { p.Step("") })
}
