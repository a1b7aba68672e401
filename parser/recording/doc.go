// Package recording keeps what pages looked like over time as fixtures, and replays them through
// the parser.
package recording
