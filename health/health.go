// Package health defines how the parts of a process report health problems.
package health

// An Issue is a health problem to report to the operator.
type Issue struct {
	Text string // one line, without secrets
	Down bool   // true if the part does not work at all
}
