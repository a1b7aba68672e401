// Package health defines how the parts of a process report health problems.
package health

// An Issue is a problem that the operator should know about.
type Issue struct {
	Text string // one line, without secrets
	Down bool   // true if the part does not work at all
}
