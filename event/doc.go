// Package event defines the vocabulary that all parts of matchwire share: the event, its routing
// key, kinds and clock, and the source it was read from. It also defines the transaction ID, which
// links a cause to its effects. It imports no other package of this module. Package broker
// transports events.
package event
