package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/matchwire/matchwire/internal/pipeline"
	"github.com/matchwire/matchwire/internal/trace"
)

type traceCmd struct {
	ID   string `arg:"" name:"tid" help:"The TID of a job, as it stands in an event, a log line or the header X-Transaction-Id of a webhook; or the ID of an event or task."`
	Jobs int    `help:"Show so many of the jobs that the clock began because of this one, the latest." default:"10" placeholder:"N"`
	Rows bool   `help:"Show what stands on the page where an event was found. For the ID of an event it is shown anyway."`
	JSON bool   `name:"json" help:"Print the tree as JSON."`
}

func (t *traceCmd) Help() string {
	return "An event that is made under the TID of a call, like POST /api/matches, causes a task under the same TID, and so on to the last socket. Polls that the clock causes are jobs of their own, with new TIDs: those that brought something are shown below the job that set the clock. Jobs are kept for 48 hours, or what the config says."
}

func (t *traceCmd) Run(ctx context.Context, c *console) error {
	servers, err := c.realServers("traces are kept on a Redis server")
	if err != nil {
		return err
	}
	namespace, err := c.namespace()
	if err != nil {
		return err
	}
	tree, err := pipeline.Trace(ctx, servers, namespace, t.ID, t.Jobs, c.log)
	switch {
	case errors.Is(err, trace.ErrNotFound):
		return fmt.Errorf("%s: %w", t.ID, err)
	case err != nil:
		return err
	}
	if t.JSON {
		out := json.NewEncoder(c.out)
		out.SetEscapeHTML(false)
		return out.Encode(tree)
	}
	p := &treePrinter{out: c.out, rows: t.Rows, message: tree.Message}
	p.tree(tree)
	for _, job := range tree.Jobs {
		p.clock(job, tree)
	}
	if left := tree.AllJobs - len(tree.Jobs); left > 0 {
		fmt.Fprintf(c.err, "%d more jobs that the clock began: --jobs N shows more\n", left)
	}
	return nil
}

// A treePrinter draws trees of steps for a person.
type treePrinter struct {
	out     io.Writer
	rows    bool
	message string // that was asked for
}

func (p *treePrinter) tree(t *trace.Tree) {
	if len(t.Steps) == 0 {
		fmt.Fprintf(p.out, "job %s\n  its steps are not recorded any more\n", t.TID)
		return
	}
	fmt.Fprintf(p.out, "job %s, %s\n", t.TID, t.Start.Local().Format("2006-01-02 15:04:05.000"))
	if c := t.Steps[0].Cause; c != nil {
		fmt.Fprintf(p.out, "  begun by the clock, which job %s set\n", c.TID)
	}
	p.nodes(t.Steps, "", t.Start)
	if t.Cut {
		fmt.Fprintln(p.out, "  … it had more steps than are kept")
	}
}

// clock draws a job that the clock began.
func (p *treePrinter) clock(job, because *trace.Tree) {
	after := ""
	if !because.Start.IsZero() {
		after = " " + brief(job.Start.Sub(because.Start)) + " later"
	}
	fmt.Fprintf(p.out, "\nthe clock%s: job %s, %s\n", after, job.TID, job.Start.Local().Format("2006-01-02 15:04:05.000"))
	p.nodes(job.Steps, "", job.Start)
}

// nodes draws steps, each after the branch that leads to it. Times are from
// the job's beginning.
func (p *treePrinter) nodes(nodes []*trace.Node, indent string, start time.Time) {
	nodes = shown(nodes)
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

// shown are those that have a line of their own: that a message was sent stands
// behind its making.
func shown(nodes []*trace.Node) (out []*trace.Node) {
	for _, n := range nodes {
		if n.Op != trace.Send {
			out = append(out, n)
		}
	}
	return out
}

const whatWidth = 64 // columns for the tree; what comes behind it stands in columns too

func (p *treePrinter) line(n *trace.Node, branch string, start time.Time) {
	what := branch + label(n)
	pad := max(1, whatWidth-utf8.RuneCountInString(what))
	took := ""
	if n.Op != trace.Create {
		took = brief(time.Duration(n.Took))
	}
	line := fmt.Sprintf("%s%s%-14s %9s %8s  %s", what, strings.Repeat(" ", pad), n.Instance, "+"+brief(n.Start.Sub(start)), took, outcome(n))
	fmt.Fprintln(p.out, strings.TrimRight(line, " "))
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
	var said []string
	if n.Failed {
		said = append(said, "FAILED")
	}
	if n.Outcome != "" {
		said = append(said, n.Outcome)
	}
	if n.Op == trace.Create {
		said = append(said, sent(n))
	}
	return strings.Join(said, ": ")
}

// sent says when a message was confirmed by the broker, if it was.
func sent(n *trace.Node) string {
	for _, c := range n.Children {
		if c.Op == trace.Send {
			return "sent after " + brief(c.Start.Add(time.Duration(c.Took)).Sub(n.Start))
		}
	}
	if n.Cause != nil {
		return "sent"
	}
	return "not sent yet"
}

func (p *treePrinter) evidence(n *trace.Node, indent string) {
	e := n.Evidence
	if len(shown(n.Children)) > 0 {
		indent += "│  "
	} else {
		indent += "   "
	}
	for _, line := range []string{"on " + e.URL, "at " + e.Path, "of the page " + e.Snapshot} {
		if !strings.HasSuffix(line, " ") {
			fmt.Fprintln(p.out, indent+line)
		}
	}
	for line := range strings.Lines(e.Row) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintln(p.out, indent+"  "+line)
		}
	}
}

// brief is a duration for a person.
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
