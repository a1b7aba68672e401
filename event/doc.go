// Package event holds the words that every part of matchwire shares: the
// event itself, its routing key, its clock and kinds, the transaction ID that
// ties cause to effect, and the seams between those who publish and those who
// subscribe. It imports nothing else of this module.
//
// An event is encoded once, by [Event.Encode]; the bytes in the resulting
// [Message] are what every consumer, log and socket sees.
package event
