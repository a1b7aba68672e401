package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/apiclient"
	"github.com/matchwire/matchwire/internal/cli"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/terminal"
)

func psCommand(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the running instances and their health.",
		Long: `Each instance announces itself at least every five seconds. After 15 seconds without an announcement, ps shows
how long the instance has been silent. A silent instance may have been killed, or may be unable to write to
Redis. After ten minutes, the instance is removed from the list.

HEALTH shows the first problem, cut to fit into a line. --json prints all problems in full. A problem with a queue
can be shown for up to ten seconds after its end.

` + serverHelp,
		RunE: func(cmd *cobra.Command, _ []string) error { return listInstances(cmd.Context(), c, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON lines.")
	c.addServerFlag(cmd)
	return cmd
}

func listInstances(ctx context.Context, c *console, asJSON bool) error {
	all, err := c.instances(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		out := json.NewEncoder(c.out)
		out.SetEscapeHTML(false)
		for _, i := range all {
			if err := out.Encode(i); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		fmt.Fprintln(c.errText(), "no instances are running")
		return nil
	}
	t := terminal.NewTable(c.text())
	fmt.Fprintln(t, "NAME\tROLES\tADDRESS\tUP\tVERSION\tHEALTH")
	for _, i := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", i.Name, strings.Join(i.Roles, ","), orDash(i.Address),
			upFor(i), i.Version, healthOf(i))
	}
	return t.Flush()
}

func graphCommand(c *console) *cobra.Command {
	var format string
	var plan bool
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Draw the pipeline: sources, exchanges, queues, consumers and streams.",
		Long: `Prints a diagram of the pipeline of a running process, as a flowchart for Mermaid or a graph for Graphviz. The
diagram shows the sources with the age of their latest polls, the messages and dead letters of each queue, the rate
of each consumer, and the sockets of each fan-out node. GET /api/pipeline returns the same data as JSON.

By default, this command asks the process on this machine. It needs a process with the role api. The command sends the
API token in MATCHWIRE_API_TOKEN, or in the file that MATCHWIRE_API_TOKEN_FILE names.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := c.overview(cmd.Context(), plan)
			if err != nil {
				return err
			}
			text := o.Mermaid()
			if format == "dot" {
				text = o.DOT()
			}
			_, err = io.WriteString(terminal.NewRawWriter(c.out), text)
			return err
		},
	}
	cli.Enum(cmd, cmd.Flags(), &format, "format", "Format of the drawing.", "mermaid", "dot")
	cmd.Flags().BoolVar(&plan, "plan", false, "Draw the pipeline of the config, without a running process.")
	c.addServerFlag(cmd)
	return cmd
}

// overview returns the overview of a running process, or that of the config.
func (c *console) overview(ctx context.Context, plan bool) (overview.Overview, error) {
	if plan {
		config, err := c.config()
		if err != nil {
			return overview.Overview{}, err
		}
		return config.Plan(c.plugins)
	}
	api, err := c.process() // also with servers: only a process knows the state of the pipeline
	if err != nil {
		return overview.Overview{}, err
	}
	o, err := api.Pipeline(ctx)
	if _, ok := errors.AsType[*apiclient.NoAnswerError](err); ok {
		err = errors.New(err.Error() + `: start "matchwire run api", or set --server to the URL of a process with the ` +
			"role api, or draw the config with --plan")
	}
	return o, err
}

// instances returns the running instances, from a running process or from Redis.
func (c *console) instances(ctx context.Context) ([]instances.Instance, error) {
	if api, err := c.api(); api != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return api.Instances(ctx)
	}
	servers, err := c.requireRedis("the list of instances is stored on a Redis server")
	if err != nil {
		return nil, err
	}
	namespace, err := c.namespace()
	if err != nil {
		return nil, err
	}
	return pipeline.ListInstances(ctx, servers, namespace, c.log)
}

// upFor returns how long i has been running, or "-" if i is gone: it may have stopped.
func upFor(i instances.Instance) string {
	if i.Gone() {
		return "-"
	}
	return time.Since(i.Started).Round(time.Second).String()
}

// maxIssue is the maximum length of an issue in a table.
const maxIssue = 80

// healthOf returns the status of i, the beginning of its first issue and the number of the others. If i is gone,
// healthOf returns a text such as "silent for 20s" instead.
func healthOf(i instances.Instance) string {
	if i.Gone() {
		return "silent for " + i.SilentFor().Round(time.Second).String()
	}
	if len(i.Issues) == 0 {
		return i.Status
	}
	text := i.Status + ": " + clip(i.Issues[0], maxIssue)
	if more := len(i.Issues) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

func healthCommand(c *console) *cobra.Command {
	h := health{endpoint: "healthz"}
	cmd := &cobra.Command{
		Use:   "health [URL]",
		Short: "Check the health of one process.",
		Long: `Arguments:
  URL  URL of the process, such as http://localhost:8080, or of an endpoint, such as http://localhost:8080/livez
       (default: the address in the config). Pass a URL if the certificate of the process is not for this address

Exits with 0 if the status is pass or warn, and with 1 if it is fail or there is no valid response. If other
machines can connect to a process, the process lists its issues only for requests with an API token. health
sends no token, so it then prints only the status.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				h.url = args[0]
			}
			return h.run(cmd.Context(), c)
		},
	}
	cli.Enum(cmd, cmd.Flags(), &h.endpoint, "endpoint", "Endpoint to check if the URL has no path.",
		"livez", "readyz", "healthz")
	cmd.Flags().StringVar(&h.listen, "listen", "", "`HOST:PORT` of the process; overrides the config.")
	cli.FromEnv(cmd, "listen", "MATCHWIRE_LISTEN")
	return cmd
}

// A health holds the arguments and flags of the command health.
type health struct{ url, endpoint, listen string }

// healthTimeout is the time limit for the request of the health command. The process answers within
// half a second.
const healthTimeout = 5 * time.Second

func (h *health) run(ctx context.Context, c *console) error {
	address, err := h.address(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return pipeline.UsageError(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		err = apiclient.NoAnswer(ctx, address, err)
		if _, ok := errors.AsType[*apiclient.NoAnswerError](err); ok { // this command has no flag --server
			return errors.New(err.Error() + `: start "matchwire run", or pass the URL of the process`)
		}
		return err
	}
	defer response.Body.Close()
	var found struct {
		Status string   `json:"status"`
		Issues []string `json:"troubles"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&found); err != nil || found.Status == "" {
		return fmt.Errorf("%s: the response with status %s is not the health of a process: "+
			"pass the URL of a process, such as http://localhost:8080", address, response.Status)
	}
	fmt.Fprintln(c.text(), strings.Join(append([]string{found.Status}, found.Issues...), "\n"))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: HTTP status %s", address, response.Status)
	}
	return nil
}

// address returns the URL to check.
func (h *health) address(c *console) (string, error) {
	base := h.url
	if base == "" {
		local, err := c.localURL(h.listen)
		if err != nil {
			return "", err
		}
		base = local
	}
	u, err := apiclient.ParseURL(base)
	if err != nil {
		return "", pipeline.UsageError(err)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/" + h.endpoint
	}
	return u.String(), nil
}
