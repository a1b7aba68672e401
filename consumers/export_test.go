package consumers

import "time"

// Wait returns when n items wait.
func (b *Batcher[T]) Wait(n int) {
	for {
		b.mu.Lock()
		waiting := len(b.waiting)
		b.mu.Unlock()
		if waiting >= n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
