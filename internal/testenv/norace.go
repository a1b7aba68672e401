//go:build !race

package testenv

// Race reports whether the race detector is on, which makes tests several times slower.
const Race = false
