package rabbit

import "time"

// SetQueueBytes sets the size limit of the queues and retry queues that b declares from now on.
func (b *Broker) SetQueueBytes(n int64) {
	b.topology.queueBytes, b.topology.retryBytes = n, n
}

// SetAnswerTimeout sets how long b waits for the answer to a request, on connections that it dials
// from now on.
func (b *Broker) SetAnswerTimeout(d time.Duration) {
	for _, l := range b.links() {
		l.answerTimeout = d
	}
}
