package budget

import (
	"context"
	"testing"
)

// The reason why a budget has ended contains the number of steps of the budget.
func TestReasonContainsTheSteps(t *testing.T) {
	t.Parallel()
	for steps, want := range map[int]string{
		MaxSteps:     "evaluating the profile: the page needs more than 200 million steps",
		MaxSteps / 4: "evaluating the profile: the page needs more than 50 million steps",
		100_000:      "evaluating the profile: the page needs more than 0.1 million steps",
	} {
		b, cancel := New(context.Background(), steps)
		defer cancel()
		if !b.Spend(steps) || b.Reason() != nil {
			t.Errorf("the budget of %d steps has ended after these steps: %v, want it to last", steps, b.Reason())
		}
		if b.Spend(checkEvery) || b.Reason() == nil || b.Reason().Error() != want {
			t.Errorf("the budget of %d steps ended with %v, want %s", steps, b.Reason(), want)
		}
	}
}
