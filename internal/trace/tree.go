package trace

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Node is a span with those that it caused, by when they began.
type Node struct {
	Span
	Children []*Node `json:"children,omitempty"`
}

// A Tree is what is recorded of a job.
type Tree struct {
	TID     event.TID `json:"tid"`
	Message string    `json:"message,omitempty"` // the one that was asked for, where it was not the job
	Start   time.Time `json:"start"`
	Steps   []*Node   `json:"steps"`          // that nothing recorded caused
	Jobs    []*Tree   `json:"jobs,omitempty"` // that the clock began because of this one: the latest, in order
	AllJobs int       `json:"all_jobs"`       // how many there are
	Cut     bool      `json:"cut,omitempty"`  // whether there were more steps than are kept
}

// RedactErrors takes out why something failed: an error may name servers that are
// nobody's business. That it failed, and what became of it, stays.
func (t *Tree) RedactErrors() {
	var hide func([]*Node)
	hide = func(nodes []*Node) {
		for _, n := range nodes {
			if n.Failed {
				n.Outcome, _, _ = strings.Cut(n.Outcome, ": ")
			}
			hide(n.Children)
		}
	}
	hide(t.Steps)
	for _, job := range t.Jobs {
		job.RedactErrors()
	}
}

// Tree reads the trace of a job, and of the latest jobs that the clock began
// because of it, at most so many. id is a TID or the ID of a message. An error
// wraps ErrNotFound where nothing is recorded.
func (s *Store) Tree(ctx context.Context, id string, jobs int) (*Tree, error) {
	tid, message, err := s.job(ctx, id)
	if err != nil {
		return nil, err
	}
	t, err := s.tree(ctx, tid)
	if err != nil {
		return nil, err
	}
	t.Message = message
	latest, all, err := s.caused(ctx, tid, jobs)
	if err != nil {
		return nil, err
	}
	t.AllJobs = all
	if len(t.Steps) == 0 && all == 0 {
		return nil, ErrNotFound
	}
	for _, job := range latest {
		sub, err := s.tree(ctx, job)
		if err != nil {
			return nil, err
		}
		if len(sub.Steps) > 0 {
			t.Jobs = append(t.Jobs, sub)
		}
	}
	return t, nil
}

func (s *Store) tree(ctx context.Context, tid event.TID) (*Tree, error) {
	spans, err := s.read(ctx, tid)
	if err != nil {
		return nil, err
	}
	t := &Tree{TID: tid, Steps: grow(spans), Cut: len(spans) >= maxSpans}
	if len(spans) > 0 {
		t.Start = spans[0].Start
	}
	return t, nil
}

// grow makes trees of spans. What was recorded twice, since it was done twice
// under the same ID, stands once.
func grow(spans []Span) []*Node {
	nodes, order := map[event.SpanID]*Node{}, []*Node{}
	for _, s := range spans {
		if nodes[s.ID] == nil {
			nodes[s.ID] = &Node{Span: s}
			order = append(order, nodes[s.ID])
		}
	}
	roots := []*Node{}
	for _, n := range order {
		if parent := nodes[n.Parent]; parent != nil && parent != n && !parent.under(n, nodes) {
			parent.Children = append(parent.Children, n)
		} else {
			roots = append(roots, n)
		}
	}
	for _, n := range order {
		slices.SortStableFunc(n.Children, byStart)
	}
	slices.SortStableFunc(roots, byStart)
	return roots
}

// under reports whether a node is below another: a caller may bring any TID,
// and with it spans that go in a circle.
func (n *Node) under(other *Node, nodes map[event.SpanID]*Node) bool {
	for range nodes {
		parent := nodes[n.Parent]
		if parent == nil {
			return false
		}
		if parent == other {
			return true
		}
		n = parent
	}
	return true
}
