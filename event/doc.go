// Package event defines the types that all parts of matchwire share: the event, its routing key,
// kind and clock, and its source. It also defines the transaction ID, which links a cause to its
// effects. It imports no other package of this module.
package event
