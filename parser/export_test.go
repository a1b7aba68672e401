package parser

// NewClientOver is NewClient with a transport of the test's own.
var NewClientOver = newClient

// Extract is what a watch does with the bytes of a page.
func (w *Watch) Extract(p Page) ([]Observation, error) {
	w.extract(p)
	return w.last.observations, w.last.err
}
