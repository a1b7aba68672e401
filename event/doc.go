// Package event defines the vocabulary that all parts of matchwire share: the event, its routing
// key, kinds and clock, the source it was read from, and the transaction ID that links a cause to
// its effects. It imports no other package of this module. Package broker transports events.
package event
