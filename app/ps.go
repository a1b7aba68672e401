package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/pipeline"
)

type psCmd struct {
	JSON bool `name:"json" help:"Print JSON lines."`
}

func (p *psCmd) Help() string {
	return "Each instance announces itself at least every five seconds. After 15 seconds without an announcement, " +
		"ps shows how long the instance has been silent. " +
		"A silent instance may have been killed, or may be unable to write to Redis. " +
		"After ten minutes, the instance is removed from the list."
}

func (p *psCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.requireServers("the list of instances is stored on a Redis server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	all, err := pipeline.ListInstances(ctx, servers, namespace, c.log)
	if err != nil {
		return err
	}
	if p.JSON {
		out := json.NewEncoder(c.out)
		for _, i := range all {
			if err := out.Encode(i); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		fmt.Fprintln(c.err, "no instances are running")
		return nil
	}
	t := tabwriter.NewWriter(c.text(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tROLES\tADDRESS\tUP\tVERSION\tHEALTH")
	for _, i := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", i.Name, strings.Join(i.Roles, ","), orDash(i.Address),
			time.Since(i.Started).Round(time.Second), i.Version, healthOf(i))
	}
	return t.Flush()
}

// healthOf returns the status and issues of i. If i is gone, healthOf returns the time since the
// last announcement of i instead.
func healthOf(i instances.Instance) string {
	if i.Gone() {
		return "silent for " + i.SilentFor().Round(time.Second).String()
	}
	return strings.Join(append([]string{i.Status}, i.Issues...), "; ")
}
