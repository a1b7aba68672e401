package rabbit

import "time"

// SetQueueBytes bounds the queues that b will declare, retry queues included.
func (b *Broker) SetQueueBytes(n int64) {
	b.topology.queueBytes, b.topology.retryBytes = n, n
}

// SetAnswerTimeout sets how long b waits for the answer to a request.
func (b *Broker) SetAnswerTimeout(d time.Duration) {
	for _, l := range b.links() {
		l.answerTimeout = d
	}
}
