package consumers_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/consumers"
)

// Items that arrive during a write are written together in the next batches. Each item gets its own
// error. A panic fails only the batch that is being written.
func TestBatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan bool)
		var batches [][]int
		b := consumers.Batcher[int]{MaxItems: 3, Write: func(_ context.Context, batch []int) []error {
			batches = append(batches, batch)
			switch batch[0] {
			case 0:
				<-proceed
			case 1:
				panic("no space")
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
		for i := range errs { // in order, during the first write
			all.Go(func() { errs[i] = b.Do(t.Context(), i) })
			synctest.Wait()
		}
		close(proceed)
		all.Wait()
		if len(batches) != 4 || len(batches[1]) != 3 || len(batches[3]) != 1 {
			t.Errorf("batches are %v, want batches of 1, 3, 3 and 1 items", batches)
		}
		for i, err := range errs {
			switch {
			case 1 <= i && i <= 3 && (err == nil || !strings.Contains(err.Error(), "no space")),
				i == 5 && (err == nil || err.Error() != "five"),
				(i == 0 || i == 4 || i > 5) && err != nil:
				t.Errorf("item %d: error %v, want a panic for items 1 to 3, five for item 5, and nil for the others", i, err)
			}
		}
	})
}

// A context that ends affects only the item of its caller. The other items are still written.
func TestBatcherContexts(t *testing.T) {
	type item struct {
		name      string
		cancelled bool // the context of the caller ends while the item is queued
		during    bool // the context of the caller ends while the batch is written
	}
	for name, tc := range map[string]struct {
		items []item
		wrote []string // the items of the second batch
		want  map[string]error
	}{
		"the first queued item is cancelled": {
			[]item{{name: "a", cancelled: true}, {name: "b"}, {name: "c"}},
			[]string{"b", "c"}, map[string]error{"a": context.Canceled},
		},
		"another queued item is cancelled": {
			[]item{{name: "a"}, {name: "b", cancelled: true}, {name: "c"}},
			[]string{"a", "c"}, map[string]error{"b": context.Canceled},
		},
		"the caller that writes is cancelled": {
			[]item{{name: "a", during: true}, {name: "b"}}, []string{"a", "b"}, map[string]error{},
		},
		"another caller of the batch is cancelled": {
			[]item{{name: "a"}, {name: "b", during: true}}, []string{"a", "b"}, map[string]error{"b": context.Canceled},
		},
		"all queued items are cancelled": {
			[]item{{name: "a", cancelled: true}, {name: "b", cancelled: true}},
			nil, map[string]error{"a": context.Canceled, "b": context.Canceled},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				proceed := make(chan bool)
				var batches [][]string
				b := consumers.Batcher[string]{MaxItems: 10, Write: func(ctx context.Context, batch []string) []error {
					batches = append(batches, batch)
					<-proceed
					errs := make([]error, len(batch))
					for i := range errs {
						errs[i] = ctx.Err()
					}
					return errs
				}}
				var all sync.WaitGroup
				var mu sync.Mutex
				got := map[string]error{}
				do := func(ctx context.Context, name string) {
					all.Go(func() {
						err := b.Do(ctx, name)
						mu.Lock()
						defer mu.Unlock()
						got[name] = err
					})
					synctest.Wait()
				}
				returned := func(name string) (ok bool) {
					mu.Lock()
					defer mu.Unlock()
					_, ok = got[name]
					return ok
				}
				do(t.Context(), "first")
				cancels := map[string]context.CancelFunc{}
				for _, i := range tc.items {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					cancels[i.name] = cancel
					do(ctx, i.name)
				}
				cancel := func(which func(item) bool) {
					for _, i := range tc.items {
						if !which(i) {
							continue
						}
						cancels[i.name]()
						synctest.Wait()
						if tc.want[i.name] != nil && !returned(i.name) {
							t.Errorf("Do of item %s has not returned after its context ended", i.name)
						}
					}
				}
				cancel(func(i item) bool { return i.cancelled })
				proceed <- true
				synctest.Wait()
				cancel(func(i item) bool { return i.during })
				close(proceed)
				all.Wait()
				if len(batches) > 1 && !reflect.DeepEqual(batches[1], tc.wrote) || len(batches) > 2 ||
					len(tc.wrote) > 0 != (len(batches) == 2) {
					t.Errorf("batches are %v, want [first] and then %v, unless that is empty", batches, tc.wrote)
				}
				for name, err := range got {
					if !errors.Is(err, tc.want[name]) {
						t.Errorf("item %s: error %v, want %v", name, err, tc.want[name])
					}
				}
				if err := b.Do(t.Context(), "last"); err != nil {
					t.Errorf("Do of another item: error %v, want nil", err)
				}
			})
		})
	}
}

// The context of a write ends after Timeout, even if the context of the caller has no deadline.
func TestBatcherTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := consumers.Batcher[int]{Timeout: time.Minute, Write: func(ctx context.Context, batch []int) []error {
			<-ctx.Done()
			return []error{ctx.Err()}
		}}
		began := time.Now()
		if err := b.Do(t.Context(), 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %v: error %v, want DeadlineExceeded after a minute", time.Since(began), err)
		}
	})
}
