package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/spelling"
	"github.com/matchwire/matchwire/internal/terminal"
	"github.com/matchwire/matchwire/internal/trace"
)

func traceCommand(c *console) *cobra.Command {
	var t showTrace
	cmd := &cobra.Command{
		Use:   "trace ID",
		Short: "Show the steps of a job, such as an API call, with times and outcomes.",
		Long: `Arguments:
  ID  TID of a job, or ID of an event or task

An external cause, such as POST /api/matches, starts a job. All events, tasks and log lines of a job have the
same TID (transaction ID). Webhook calls contain the TID in the header X-Transaction-Id. A poll that the
schedule starts is a separate job with a new TID. Below the job that activated a match, trace lists scheduled
jobs that produced an event or failed. Traces are stored for 48 hours, unless trace.keep in the config sets a
different duration.

` + serverHelp + ` Without a token, the process
leaves out the error texts of failed steps. --jobs is then at most 100.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t.id = args[0]
			return t.run(cmd.Context(), c)
		},
	}
	cmd.Flags().IntVar(&t.jobs, "jobs", 10, "Show at most `NUMBER` scheduled jobs. If there are more, "+
		"only the latest are shown.")
	cmd.Flags().BoolVar(&t.rows, "rows", false, "Show the row of the page that each event came from. "+
		"For the event whose ID you pass, the row is always shown.")
	cmd.Flags().BoolVar(&t.json, "json", false, "Print the tree as JSON.")
	c.addServerFlag(cmd)
	return cmd
}

// A showTrace holds the arguments and flags of the command trace.
type showTrace struct {
	id         string
	jobs       int
	rows, json bool
}

func (t *showTrace) run(ctx context.Context, c *console) error {
	if t.jobs < 1 {
		return pipeline.UsageError(fmt.Errorf("--jobs %d: want 1 or more", t.jobs))
	}
	tree, err := t.load(ctx, c)
	if err != nil {
		return err
	}
	if t.json {
		out := json.NewEncoder(c.out)
		out.SetEscapeHTML(false)
		return out.Encode(tree)
	}
	p := &treePrinter{out: terminal.NewTable(c.text()), rows: t.rows, message: tree.Message}
	p.tree(tree)
	for _, job := range tree.Jobs {
		p.scheduled(job, tree)
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	if left := tree.AllJobs - len(tree.Jobs); left > 0 {
		fmt.Fprintf(c.errText(), "and %s: use --jobs to show more\n", spelling.Plural(left, "more scheduled job"))
	}
	return nil
}

// load returns the trace, from a running process or from Redis.
func (t *showTrace) load(ctx context.Context, c *console) (*trace.Tree, error) {
	if api, err := c.api(); api != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return api.Trace(ctx, t.id, t.jobs)
	}
	servers, err := c.requireRedis("traces are stored in Redis")
	if err != nil {
		return nil, err
	}
	namespace, err := c.namespace()
	if err != nil {
		return nil, err
	}
	tree, err := pipeline.LoadTrace(ctx, servers, namespace, t.id, t.jobs, c.log)
	if errors.Is(err, trace.ErrNotFound) {
		err = fmt.Errorf("%s: %w", t.id, err)
	}
	return tree, err
}

// A treePrinter draws trees of steps on a terminal.
type treePrinter struct {
	out     *terminal.Table
	rows    bool   // whether to show the evidence of all events
	message string // ID of the event whose evidence is always shown
}

const timeLayout = "2006-01-02 15:04:05.000"

// tree draws the steps of a job.
func (p *treePrinter) tree(t *trace.Tree) {
	if len(t.Steps) == 0 {
		fmt.Fprintf(p.out, "job %s\n  its steps are no longer stored\n", t.TID)
		return
	}
	fmt.Fprintf(p.out, "job %s, %s\n", t.TID, t.Start.Local().Format(timeLayout))
	if c := t.Steps[0].Cause; c != nil {
		fmt.Fprintf(p.out, "  scheduled by job %s\n", c.TID)
	}
	p.nodes(t.Steps, "", t.Start)
	if t.Cut {
		fmt.Fprintln(p.out, "  … more steps were not stored")
	}
}

// scheduled draws a scheduled job, and how long after parent it started. parent is the job that
// scheduled it.
func (p *treePrinter) scheduled(job, parent *trace.Tree) {
	after := ""
	if !parent.Start.IsZero() {
		after = " " + brief(job.Start.Sub(parent.Start)) + " later"
	}
	fmt.Fprintf(p.out, "\nscheduled%s: job %s, %s\n", after, job.TID, job.Start.Local().Format(timeLayout))
	p.nodes(job.Steps, "", job.Start)
}

// nodes draws steps, and indents the children of each step. Times are relative to start.
func (p *treePrinter) nodes(nodes []*trace.Node, indent string, start time.Time) {
	nodes = visible(nodes)
	for i, n := range nodes {
		branch, below := "├─ ", "│  "
		if i == len(nodes)-1 {
			branch, below = "└─ ", "   "
		}
		p.line(n, indent+branch, start)
		if n.Evidence != nil && (p.rows || n.Message == p.message) {
			p.evidence(n, indent+below)
		}
		p.nodes(n.Children, indent+below, start)
	}
}

// visible returns the nodes to draw: all except Send nodes. The time of a Send node is
// shown on the line of its Create node.
func visible(nodes []*trace.Node) (out []*trace.Node) {
	for _, n := range nodes {
		if n.Op != trace.Send {
			out = append(out, n)
		}
	}
	return out
}

func (p *treePrinter) line(n *trace.Node, branch string, start time.Time) {
	took := ""
	if n.Op != trace.Create {
		took = brief(time.Duration(n.Took))
	}
	after := "+" + brief(n.Start.Sub(start))
	fmt.Fprintf(p.out, "%s%s\t%s\t%9s\t%8s\t%s\n", branch, label(n), n.Instance, after, took, outcome(n))
}

func label(n *trace.Node) string {
	switch n.Op {
	case trace.Create:
		if strings.HasPrefix(n.Name, "parser.") {
			return "task " + n.Name
		}
		return "event " + n.Name
	case trace.Process:
		if n.Attempt > 1 {
			return fmt.Sprintf("%s, attempt %d", n.Role, n.Attempt)
		}
		return n.Role
	case trace.Deliver:
		return "fanout"
	case trace.Serve, trace.Start, trace.Send:
	}
	return n.Name
}

func outcome(n *trace.Node) string {
	var parts []string
	if n.Failed {
		parts = append(parts, "FAILED")
	}
	if n.Outcome != "" {
		parts = append(parts, n.Outcome)
	}
	if n.Op == trace.Create {
		parts = append(parts, sendStatus(n))
	}
	return strings.Join(parts, ": ")
}

// sendStatus returns a text that says whether the message of a Create node was sent. The text
// includes the time until the broker confirmed the message, if that time is recorded.
func sendStatus(n *trace.Node) string {
	for _, c := range n.Children {
		if c.Op == trace.Send {
			return "sent after " + brief(c.Start.Add(time.Duration(c.Took)).Sub(n.Start))
		}
	}
	if n.Cause != nil { // the worker that received the task recorded this node, so the task was sent
		return "sent"
	}
	return "not sent yet"
}

func (p *treePrinter) evidence(n *trace.Node, indent string) {
	e := n.Evidence
	if len(visible(n.Children)) > 0 {
		indent += "│  "
	} else {
		indent += "   "
	}
	for _, line := range []string{"on " + e.URL, "at " + e.Path, "in page " + e.Snapshot} {
		if !strings.HasSuffix(line, " ") {
			fmt.Fprintln(p.out, indent+line)
		}
	}
	for line := range strings.Lines(e.Row) {
		if line = strings.Join(strings.Fields(line), " "); line != "" { // a tab would end a cell of the table
			fmt.Fprintln(p.out, indent+"  "+line)
		}
	}
}

// brief formats a duration with few digits.
func brief(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + brief(-d)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
