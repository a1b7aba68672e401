package main

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets. The width of a bucket is 1 ns, or less than 1 % of the
// durations in it.
type histogram struct {
	buckets [64 << histogramBits]int64
	count   int64
	max     int64
}

// histogramBits is the number of bits, after the leading 1 bit of a duration, that select its
// bucket.
const histogramBits = 7

func (h *histogram) add(d time.Duration) {
	n := max(int64(d), 0) // the clock may go backwards
	h.buckets[bucketOf(n)]++
	h.count++
	h.max = max(h.max, n)
}

// bucketOf returns the index of the bucket that contains n.
func bucketOf(n int64) int {
	shift := max(bits.Len64(uint64(n))-1-histogramBits, 0)
	return shift<<histogramBits + int(n>>shift)
}

// bucketTop returns the largest number in bucket i.
func bucketTop(i int) int64 {
	shift := max(i>>histogramBits-1, 0)
	return int64(i-shift<<histogramBits+1)<<shift - 1
}

// quantile returns the q-quantile in nanoseconds, rounded up to the largest number in its bucket. It
// returns 0 if the histogram is empty.
func (h *histogram) quantile(q float64) int64 {
	left := int64(q * float64(h.count))
	for i, n := range h.buckets {
		if left -= n; left <= 0 && n > 0 {
			return min(bucketTop(i), h.max)
		}
	}
	return h.max
}
