// Package budget limits the work for one page.
package budget

import (
	"cmp"
	"context"
	"fmt"

	"github.com/matchwire/matchwire/internal/jq"
)

// The limits of the work for one page.
const (
	// MaxSteps is the maximum number of steps to parse a page, or to evaluate a profile on it. A step
	// is a test of one element, a move to one node or the scan of a few bytes of text. About 50
	// million steps take a second.
	MaxSteps = 200_000_000
	// MaxQuerySteps is the maximum number of instructions of one run of a jq query.
	MaxQuerySteps = 10_000_000
	// MaxQueryHeap is the maximum number of bytes by which the heap of the process can grow during
	// one run of a jq query.
	MaxQueryHeap = 512 << 20
)

// checkEvery is the number of steps between two checks of the context.
const checkEvery = 4096

// A Budget is a context with a limited number of steps. The context ends when the steps are spent.
// Only one goroutine can spend steps.
type Budget struct {
	context.Context
	cancel    context.CancelCauseFunc
	steps     int // in total
	left      int // steps
	unchecked int // steps since the latest check of the context
	ended     bool
}

// New returns a budget of the given number of steps. The budget also ends when ctx ends. Call the
// returned function to release the resources of the budget.
func New(ctx context.Context, steps int) (*Budget, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Budget{Context: ctx, cancel: cancel, steps: steps, left: steps}, func() { cancel(nil) }
}

// Spend spends n steps. It returns true if the work can continue, and false if no steps are left or
// the context has ended. Spend does not check this in every call, but about every 4096 steps.
func (b *Budget) Spend(n int) bool {
	b.left -= n
	b.unchecked += n
	if b.unchecked >= checkEvery {
		b.unchecked = 0
		switch {
		case b.Err() != nil:
			b.ended = true
		case b.left < 0:
			b.Fail(fmt.Errorf("the page needs more than %.3g million steps", float64(b.steps)/1e6))
		}
	}
	return !b.ended
}

// Spent returns the number of steps that were spent. It can exceed the steps of the budget a little.
func (b *Budget) Spent() int { return b.steps - b.left }

// Reason returns the reason why the budget has ended, or nil if it has not ended.
func (b *Budget) Reason() error {
	if b.Err() == nil {
		return nil
	}
	return fmt.Errorf("evaluating the profile: %w", context.Cause(b.Context))
}

// Fail ends the context, with err as its cause.
func (b *Budget) Fail(err error) {
	b.ended = true
	b.cancel(err)
}

// Query returns a context for one run of a jq query. The context ends when ctx or the budget ends,
// or when the query exceeds a limit.
//
//nolint:contextcheck // the context inherits from ctx
func (b *Budget) Query(ctx context.Context) context.Context {
	return jq.Limit{Steps: MaxQuerySteps, Heap: MaxQueryHeap, Every: checkEvery, Check: func() error {
		if b.Spend(2 * checkEvery) {
			return nil
		}
		return cmp.Or(context.Cause(ctx), context.Cause(b))
	}}.Context(ctx)
}
