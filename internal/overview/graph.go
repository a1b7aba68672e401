package overview

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/matchwire/matchwire/internal/spelling"
)

// A shape is the form of a node in a drawing.
type shape int

// The shapes.
const (
	box      shape = iota // a part of matchwire
	page                  // a source
	exchange              // an exchange of the broker
	queue                 // a queue of the broker
)

// A node is a node of a drawing.
type node struct {
	id    string
	shape shape
	lines []string
}

// An edge leads from one node to another.
type edge struct {
	from, to, label string
	rare            bool // only failed messages take it
}

// A graph is a drawing of an overview.
type graph struct {
	nodes []node
	edges []edge
}

func (g *graph) add(id string, s shape, lines ...string) string {
	var shown []string
	for _, l := range lines {
		if l != "" {
			shown = append(shown, l)
		}
	}
	g.nodes = append(g.nodes, node{id, s, shown})
	return id
}

func (g *graph) link(from, to, label string) { g.edges = append(g.edges, edge{from, to, label, false}) }
func (g *graph) fail(from, to, label string) { g.edges = append(g.edges, edge{from, to, label, true}) }

// graph returns the drawing of an overview. Events go from the sources to the sockets of clients.
func (o Overview) graph() *graph {
	g := &graph{}
	parser := "parser"
	o.addSources(g)
	exchanges := map[string]string{}
	for i, e := range o.Exchanges {
		exchanges[e.Name] = g.add(fmt.Sprintf("exchange%d", i+1), exchange, e.Name, e.Type+" exchange")
	}
	outboxes := g.add("outboxes", box, "outboxes", o.outboxText())
	for i, c := range o.Consumers {
		id := fmt.Sprintf("consumer%d", i+1)
		if c.Name == parser {
			id = parser
		}
		g.add(id, box, c.Name, o.loadText(c))
		for j, q := range o.Queues {
			if q.Name == c.Queue {
				o.addQueue(g, q, fmt.Sprintf("queue%d", j+1), exchanges[q.Exchange], id)
			}
		}
		switch c.Name {
		case "scheduler":
			g.link(id, exchanges["tasks"], "task")
			g.link(id, outboxes, "")
		case parser:
			g.link(parser, outboxes, "events")
		}
	}
	if o.Sources.Replay {
		g.add(parser, box, parser)
		g.link(parser, outboxes, "events")
	}
	g.link(outboxes, exchanges["live_events"], "")
	o.addFanout(g, exchanges["live_events"])
	return g
}

// addSources adds the sources, and links them to the parser.
func (o Overview) addSources(g *graph) {
	if o.Sources.Replay {
		g.link(g.add("recordings", page, "recordings"), "parser", "")
		return
	}
	for i, s := range o.Sources.List {
		state := s.State
		if !s.At.IsZero() {
			state += " " + o.At.Sub(s.At).Round(time.Second).String() + " ago"
		}
		g.link(g.add(fmt.Sprintf("source%d", i+1), page, s.ID, s.URL, s.Profile, state), "parser", "")
	}
	if more := o.Sources.Count - len(o.Sources.List); more > 0 {
		g.link(g.add("sources", page, "and "+spelling.Plural(more, "more source")), "parser", "")
	}
}

// addQueue adds a queue with its retry queues and its dead-letter queue.
func (o Overview) addQueue(g *graph, q Queue, id, from, consumer string) {
	messages, retries, dead := "", "", ""
	if q.State != nil {
		messages = spelling.Plural(q.State.Messages, "message")
		retries, dead = spelling.Plural(q.State.Retries, "message"), spelling.Plural(q.State.Dead, "dead letter")
	}
	g.add(id, queue, q.Name, messages)
	g.add(id+"retry", queue, q.Name+".retry.*", retries)
	g.add(id+"dead", queue, q.Name+".dead", dead)
	g.link(from, id, strings.Join(q.Bindings, " "))
	g.link(id, consumer, "")
	g.fail(consumer, id+"retry", "retry")
	g.fail(id+"retry", id, "")
	g.fail(consumer, id+"dead", "dead letter")
}

// addFanout adds the log, the fan-out nodes and their clients.
func (o Overview) addFanout(g *graph, from string) {
	g.link(from, g.add("log", queue, o.Log, "stream"), "#")
	if len(o.Fanout) == 0 {
		g.link("log", g.add("fanout", box, "fanout"), "")
		g.link("fanout", g.add("sockets", page, "sockets"), "WebSocket, SSE")
	}
	for i, n := range o.Fanout {
		id := fmt.Sprintf("fanout%d", i+1)
		g.link("log", g.add(id, box, "fanout", n.Name, n.Status), "")
		g.link(id, g.add(fmt.Sprintf("sockets%d", i+1), page, spelling.Plural(n.Clients, "socket")), "WebSocket, SSE")
	}
}

func (o Overview) outboxText() string {
	if o.At.IsZero() {
		return ""
	}
	waiting := 0
	for _, b := range o.Outboxes.List {
		waiting += b.Messages
	}
	return spelling.Plural(waiting, "event") + " to publish"
}

func (o Overview) loadText(c Consumer) string {
	if o.At.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s, %g/s", spelling.Plural(len(c.Instances), "instance"), c.Rate)
}

// mermaidShapes holds the characters around the text of a node.
var mermaidShapes = map[shape][2]string{
	box: {"[", "]"}, page: {"([", "])"}, exchange: {"{{", "}}"}, queue: {"[(", ")]"},
}

// Mermaid returns the overview as a flowchart for Mermaid.
func (o Overview) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	g := o.graph()
	for _, n := range g.nodes {
		brackets := mermaidShapes[n.shape]
		fmt.Fprintf(&b, "  %s%s\"%s\"%s\n", n.id, brackets[0], mermaidText(strings.Join(n.lines, "\n")), brackets[1])
	}
	for _, e := range g.edges {
		arrow := "-->"
		if e.rare {
			arrow = "-.->"
		}
		if e.label != "" {
			arrow += fmt.Sprintf("|\"%s\"|", mermaidText(e.label))
		}
		fmt.Fprintf(&b, "  %s %s %s\n", e.from, arrow, e.to)
	}
	return b.String()
}

// mermaidText returns a text in which every character that has a meaning in Mermaid or HTML is an entity.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString("<br/>")
		case strings.ContainsRune("\"#&<>;`\\|", r) || r < ' ':
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// DOT returns the overview as a graph for Graphviz.
func (o Overview) DOT() string {
	var b strings.Builder
	b.WriteString("digraph matchwire {\n  rankdir=LR\n  node [shape=box, fontname=\"sans-serif\"]\n")
	g := o.graph()
	for _, n := range g.nodes {
		form := map[shape]string{page: "note", exchange: "hexagon", queue: "cylinder"}[n.shape]
		fmt.Fprintf(&b, "  %s [label=%s, shape=%s]\n", n.id, dotText(strings.Join(n.lines, "\n")), cmp.Or(form, "box"))
	}
	for _, e := range g.edges {
		style := "solid"
		if e.rare {
			style = "dashed"
		}
		fmt.Fprintf(&b, "  %s -> %s [label=%s, style=%s]\n", e.from, e.to, dotText(e.label), style)
	}
	b.WriteString("}\n")
	return b.String()
}

// dotText returns a text as a quoted string of DOT.
func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", " ").Replace(s) + `"`
}
