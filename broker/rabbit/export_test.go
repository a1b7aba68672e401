package rabbit

import "time"

// SetQueueBytes sets the size limit, in bytes, of the queues and retry queues that b declares from
// now on.
func (b *Broker) SetQueueBytes(n int64) {
	b.topology.queueBytes, b.topology.retryBytes = n, n
}

// SetReplyTimeout sets how long b waits for the reply to a request, on connections that it dials
// from now on.
func (b *Broker) SetReplyTimeout(d time.Duration) {
	for _, l := range b.links() {
		l.replyTimeout = d
	}
}

// SetVerifyInterval sets how often b verifies the objects that it uses. Call it before b declares
// anything.
func (b *Broker) SetVerifyInterval(d time.Duration) { b.verifyInterval = d }

// SetLogAckDelay sets the maximum time before b acknowledges a delivery from the log.
func (b *Broker) SetLogAckDelay(d time.Duration) { b.logAckDelay = d }
