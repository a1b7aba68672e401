package rabbit

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/health"
)

// failingAfter is how long an operation must fail before health reports it. A reconnection usually
// takes less time.
const failingAfter = 5 * time.Second

// A failing records the operations of a Broker that failed at their latest attempt, such as the
// declaration of a queue. The Broker repeats these operations until they succeed.
type failing struct {
	mu         sync.Mutex
	operations map[string]failedOperation // by description
}

// A failedOperation describes the failures of an operation since its latest success.
type failedOperation struct {
	since time.Time // time of the first failure
	err   error     // latest error
}

// note records the result of an attempt. operation completes the sentence "unable to …".
func (f *failing) note(operation string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.operations, operation)
		return
	}
	if f.operations == nil {
		f.operations = map[string]failedOperation{}
	}
	since := time.Now()
	if earlier, ok := f.operations[operation]; ok {
		since = earlier.since
	}
	f.operations[operation] = failedOperation{since, err}
}

// issues returns an issue for each operation that has failed for at least failingAfter, ordered by
// description. Without these operations, the process cannot work.
func (f *failing) issues() (all []health.Issue) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, operation := range slices.Sorted(maps.Keys(f.operations)) {
		o := f.operations[operation]
		if time.Since(o.since) >= failingAfter {
			all = append(all, health.Issue{Down: true, Text: fmt.Sprintf("unable to %s since %s: %v",
				operation, o.since.UTC().Format(time.TimeOnly), o.err)})
		}
	}
	return all
}
