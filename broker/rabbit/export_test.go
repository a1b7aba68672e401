package rabbit

// SetQueueBytes bounds the queues that b will declare.
func (b *Broker) SetQueueBytes(n int64) {
	b.topology.queueBytes = n
	b.publish.topology.queueBytes = n
}
