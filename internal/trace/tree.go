package trace

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

// A Node is a span with the spans that it caused. Children are ordered by start, then by operation.
type Node struct {
	Span
	Children []*Node `json:"children,omitempty"`
}

// A Tree is the recorded trace of a job.
type Tree struct {
	TID     event.TID `json:"tid"`
	Message string    `json:"message,omitempty"` // message ID by which the job was found; "" if found by TID
	Start   time.Time `json:"start"`             // start of the first step
	Steps   []*Node   `json:"steps"`             // steps without a recorded parent
	Jobs    []*Tree   `json:"jobs,omitempty"`    // latest jobs that the schedule started because of this job, by start
	AllJobs int       `json:"all_jobs"`          // number of jobs that the schedule started because of this job
	Cut     bool      `json:"cut,omitempty"`     // whether the trace has reached its limit of steps
}

// RedactErrors removes the error texts from the outcomes of failed steps, because they may name
// servers. The text before the first ": " remains.
func (t *Tree) RedactErrors() {
	var redact func([]*Node)
	redact = func(nodes []*Node) {
		for _, n := range nodes {
			if n.Failed {
				n.Outcome, _, _ = strings.Cut(n.Outcome, ": ")
			}
			redact(n.Children)
		}
	}
	redact(t.Steps)
	for _, job := range t.Jobs {
		job.RedactErrors()
	}
}

// Tree returns the trace of a job. id is the TID of the job or the ID of a message that the job
// created. The result also includes traces of the latest jobs that the schedule started because of
// this job. The parameter jobs is the maximum number of these traces. There are fewer if all traces
// together would have more than maxTreeSpans steps. If no trace is stored, Tree returns ErrNotFound.
func (s *Store) Tree(ctx context.Context, id string, jobs int) (*Tree, error) {
	tid, message, err := s.resolve(ctx, id)
	if err != nil {
		return nil, err
	}
	t, n, err := s.tree(ctx, tid, maxTreeSpans)
	if err != nil {
		return nil, err
	}
	t.Message = message
	room := maxTreeSpans - n // for the steps of the jobs
	latest, total, err := s.caused(ctx, tid, jobs)
	if err != nil {
		return nil, err
	}
	t.AllJobs = total
	if len(t.Steps) == 0 && total == 0 {
		return nil, ErrNotFound
	}
	for _, job := range slices.Backward(latest) {
		if room <= 0 {
			break
		}
		sub, n, err := s.tree(ctx, job, room)
		if err != nil {
			return nil, err
		}
		room -= n
		if len(sub.Steps) > 0 {
			t.Jobs = append(t.Jobs, sub)
		}
	}
	slices.Reverse(t.Jobs)
	return t, nil
}

// maxTreeSpans is the maximum number of steps in the result of Tree.
const maxTreeSpans = maxSpans + 2000

// tree returns the trace of a job without its jobs, and its number of steps, which is at most room.
func (s *Store) tree(ctx context.Context, tid event.TID, room int) (*Tree, int, error) {
	spans, err := s.read(ctx, tid, room)
	if err != nil {
		return nil, 0, err
	}
	t := &Tree{TID: tid, Steps: buildTree(spans), Cut: len(spans) >= min(maxSpans, room)}
	if len(spans) > 0 {
		t.Start = spans[0].Start
	}
	return t, len(spans), nil
}

// buildTree returns the spans whose parent is not among spans, and the spans whose ancestors form a
// cycle. All other spans are descendants of these. If several spans have the same ID, because work
// was repeated, only the first is used.
func buildTree(spans []Span) []*Node {
	nodes, order := map[event.SpanID]*Node{}, []*Node{}
	for _, s := range spans {
		if nodes[s.ID] == nil {
			nodes[s.ID] = &Node{Span: s}
			order = append(order, nodes[s.ID])
		}
	}
	roots := []*Node{}
	for _, n := range order {
		if parent := nodes[n.Parent]; parent != nil && parent != n && !parent.isBelow(n, nodes) {
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

// isBelow reports whether other is an ancestor of n, or the ancestors of n form a cycle. Cycles are
// possible, because an API caller may send the TID of another job.
func (n *Node) isBelow(other *Node, nodes map[event.SpanID]*Node) bool {
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
