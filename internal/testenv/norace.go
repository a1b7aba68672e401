//go:build !race

package testenv

// Race says that the race detector is on, and everything slow.
const Race = false
