// Package event holds the vocabulary that every part of matchwire shares: the event, its routing
// key, its clock and kinds, the source it was read from, and the transaction ID that ties cause to
// effect. It imports nothing else of this module.
//
// How events travel is the matter of package broker.
package event
