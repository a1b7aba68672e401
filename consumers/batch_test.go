package consumers_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/matchwire/matchwire/consumers"
)

// What comes while a batch is written is written together, each item has its own
// outcome, and a panic is one of its batch alone.
func TestBatcher(t *testing.T) {
	begun, goOn := make(chan bool), make(chan bool)
	var batches [][]int
	b := consumers.Batcher[int]{Most: 3, Write: func(_ context.Context, batch []int) []error {
		batches = append(batches, batch)
		switch batch[0] {
		case 0:
			begun <- true
			<-goOn
		case 1:
			panic("no room")
		}
		errs := make([]error, len(batch))
		for i, v := range batch {
			if v == 5 {
				errs[i] = errors.New("five")
			}
		}
		return errs
	}}
	errs := make([]error, 8)
	var all sync.WaitGroup
	do := func(i int) { all.Go(func() { errs[i] = b.Do(t.Context(), i) }) }
	do(0)
	<-begun
	for i := 1; i < 8; i++ { // in order, while the first is written
		do(i)
		b.Wait(i)
	}
	goOn <- true
	all.Wait()
	if len(batches) != 4 || len(batches[1]) != 3 || len(batches[3]) != 1 {
		t.Errorf("batches %v, want one of 1, two of 3 and one of 1", batches)
	}
	for i, err := range errs {
		switch {
		case 1 <= i && i <= 3 && (err == nil || !strings.Contains(err.Error(), "no room")), i == 5 && (err == nil || err.Error() != "five"), (i == 0 || i == 4 || i > 5) && err != nil:
			t.Errorf("%d: %v", i, err)
		}
	}
}
