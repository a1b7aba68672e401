package event

// A Trouble is something that is not as it should be, for whoever runs
// matchwire.
type Trouble struct {
	Text string // one line, without secrets
	Down bool   // nothing gets through at all
}
