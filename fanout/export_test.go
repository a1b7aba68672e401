package fanout

// Every has checkpoints kept after so many messages.
func (c *Checkpoints) Every(messages uint64) *Checkpoints {
	c.every = messages
	return c
}
