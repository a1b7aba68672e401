package rabbit

// SetQueueBytes bounds the queues that b will declare, those for retries too.
func (b *Broker) SetQueueBytes(n int64) {
	b.topology.queueBytes, b.topology.retryBytes = n, n
}
