package rabbit

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/matchwire/matchwire/health"
)

// noticeTime is how long Health reports a notice.
const noticeTime = 15 * time.Minute

// notices holds texts about recent problems that an operator should know about. The subject of a text
// is the name of a queue or exchange.
type notices struct {
	mu    sync.Mutex
	texts map[string]string    // by subject
	until map[string]time.Time // by subject
}

// add stores text, so that issues returns it for noticeTime. It replaces an earlier text about the
// same subject.
func (n *notices) add(subject, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.texts == nil {
		n.texts, n.until = map[string]string{}, map[string]time.Time{}
	}
	n.texts[subject], n.until[subject] = text, time.Now().Add(noticeTime)
}

// issues returns an issue for each current text, ordered by subject.
func (n *notices) issues() (all []health.Issue) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, subject := range slices.Sorted(maps.Keys(n.texts)) {
		if time.Now().Before(n.until[subject]) {
			all = append(all, health.Issue{Text: n.texts[subject]})
		}
	}
	return all
}
